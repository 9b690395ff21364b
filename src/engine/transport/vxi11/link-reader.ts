import { LabError } from '../../../core/errors.ts';
import { CORE_PROCEDURES, VXI11_ERROR, VXI11_FLAG, VXI11_REASON } from '../../../protocol/vxi11.ts';
import { cancellation } from '../read-buffer.ts';
import { splitRead } from '../split-read.ts';
import type { ReadOptions, ReadResult } from '../transport.ts';
import type { Link } from './link.ts';

interface Waiting {
  max: number | undefined;
  termChar: number | undefined;
  resolve(result: ReadResult): void;
  reject(error: unknown): void;
  release(): void;
}

/** Bytes asked for in one call. */
const REQUEST_BYTES = 256 * 1024;
const READ_ERROR = 'Reading';

/**
 * The reading half of a link. A read waits as long as it takes, in calls of a slice each, so that an instrument without abort is free again soon:
 *
 *            read                  data                    read aborted
 *     idle ───────▶ fetching ──────────────▶ idle     fetching ──────────▶ orphaned ── its call returns ──▶ idle
 *                    ▲    │ slice over,                 (device_abort)      data is kept for the next read
 *                    └────┘ error 15 or 23                                  forget(): data is thrown away
 */
export class LinkReader {
  readonly #link: Link;
  readonly #writes: () => Promise<void> | undefined;
  #waiting: Waiting | undefined;
  #fetching: Promise<void> | undefined;
  /** The call of a read is out; before, it waits for writes. */
  #isCalled = false;
  #kept: ReadResult[] = [];
  /** Calls begun before are of answers that nobody wants any more. */
  #generation = 0;

  /** `writes`: those under way, which a read comes after. */
  constructor(link: Link, writes: () => Promise<void> | undefined) {
    this.#link = link;
    this.#writes = writes;
  }

  read({ max, termChar, signal }: ReadOptions = {}): Promise<ReadResult> {
    return new Promise((resolve, reject) => {
      if (this.#waiting) {
        const text = 'Another read waits on this connection already; nothing was read. One read at a time.';
        return reject(new LabError('call.invalid', text, { resource: this.#link.resource }));
      }
      if (signal?.aborted) return reject(cancellation(signal));
      const onAbort = (): void => {
        if (signal && this.#waiting === waiting) this.#giveUp(cancellation(signal));
      };
      const waiting: Waiting = {
        max: max === undefined ? undefined : Math.max(1, max),
        termChar,
        resolve,
        reject,
        release: () => signal?.removeEventListener('abort', onAbort),
      };
      this.#waiting = waiting;
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#serve();
    });
  }

  /** An aborted read is still on its way back. One that waits for writes has no call that could be: a write that waited for it would wait for itself. */
  get isOrphaned(): boolean {
    return this.#isCalled && this.#waiting === undefined;
  }

  /** The call under way is back; nothing of an older answer comes after. */
  async settled(): Promise<void> {
    await this.#fetching;
  }

  /** What was read for nobody is thrown away. */
  forgetKept(): void {
    this.#kept = [];
  }

  /** Also what is on its way. */
  forget(): void {
    this.#generation++;
    this.#kept = [];
  }

  /** Ends the read that waits. */
  refuse(error: LabError): void {
    if (this.#waiting) this.#take().reject(error);
  }

  #giveUp(error: LabError): void {
    this.#take().reject(error);
    if (this.#isCalled) void this.#link.interrupt('read');
  }

  #take(): Waiting {
    const waiting = this.#waiting as Waiting;
    this.#waiting = undefined;
    waiting.release();
    return waiting;
  }

  #serve(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    if (this.#kept.length > 0) {
      this.#take().resolve(this.#cut(waiting));
      return;
    }
    this.#fetching ??= this.#fetch(waiting).then(() => {
      this.#fetching = undefined;
      this.#serve();
    });
  }

  /** As much of what is kept as this read may have. */
  #cut(waiting: Waiting): ReadResult {
    const { given, rest } = splitRead(this.#kept[0] as ReadResult, waiting);
    if (rest) this.#kept[0] = rest;
    else this.#kept.shift();
    return given;
  }

  /** One call; what it gives is kept, why it failed goes to the read that waits. */
  async #fetch(waiting: Waiting): Promise<void> {
    const { lid, times } = this.#link;
    const { max, termChar } = waiting;
    const writes = this.#writes();
    if (writes) {
      await writes;
      // Given up meanwhile; another read has other writes before it.
      if (this.#waiting !== waiting) return;
    }
    const generation = this.#generation;
    const args = {
      lid,
      requestSize: Math.min(max ?? REQUEST_BYTES, REQUEST_BYTES),
      ioTimeout: times.readSliceMs,
      lockTimeout: times.ioTimeoutMs,
      flags: termChar === undefined ? 0 : VXI11_FLAG.termCharSet,
      termChar: termChar ?? 0,
    };
    this.#isCalled = true;
    try {
      const { error, reason, data } = await this.#link.call(CORE_PROCEDURES.read, args, {
        deviceMs: times.readSliceMs,
      });
      const end = error === 0 && (reason & VXI11_REASON.end) !== 0;
      // A timeout or an abort in the middle of a transfer: what came belongs to the answer (device_read of VXI-11 B.6).
      if (generation === this.#generation && (data.length > 0 || end)) this.#kept.push({ bytes: data, end });
      if (error !== VXI11_ERROR.ioTimeout && error !== VXI11_ERROR.aborted) this.#link.check(error, READ_ERROR);
    } catch (error) {
      if (generation === this.#generation) this.refuse(LabError.from(error));
    } finally {
      this.#isCalled = false;
    }
  }
}
