import type { ByteQueue } from '../../../core/byte-queue.ts';
import { LabError } from '../../../core/errors.ts';
import type { GpibAddress } from '../../../core/resource-shape.ts';
import { encodeCommands } from '../../../protocol/prologix.ts';
import { AdapterReply } from '../../../protocol/prologix-reply.ts';
import type { Adapter } from './adapter.ts';
import type { Hold } from './adapter-lock.ts';

/** Silence after an end byte in binary data before the adapter is asked whether the message is over. */
const MAYBE_MS = 20;
/** Silence of an adapter that owes an answer after which it is given up. */
const ADAPTER_MS = 5000;
/** Bytes taken in of an answer nobody waits for any more; then the instrument is cleared. */
const WIND_DOWN_BYTES = 256 * 1024;
/** Pause before a read that came back at once with nothing is repeated. */
const EMPTY_PAUSE_MS = 20;

/**
 * One instrument's turn on the bus, from its question (or from a read without one) to the end of its answer.
 *
 *              fetch                 end byte                 end of message
 *     idle ───────────▶ reading ───────────────▶ (asked) ───────────────────▶ over: the bus is given back
 *       ▲                  │  expired: nothing came for ++read_tmo_ms
 *       └──────────────────┘
 *     any ── cut, clear ──▶ over: device clear, then the bus is given back
 */
export class BusExchange {
  readonly reply: AdapterReply;
  readonly #adapter: Adapter;
  readonly #address: GpibAddress;
  readonly #hold: Hold;
  #isReading = false;
  #isMaybe = false;
  #startedMs = 0;
  #hasEnded = false;
  #isOver = false;
  #clearing: Promise<void> | undefined;
  #brokenOff: LabError | undefined;
  #windingDown: Promise<void> | undefined;

  /** `data` is the instrument's: what has come of a message stays there when the bus is given back in its middle. */
  constructor(adapter: Adapter, address: GpibAddress, hold: Hold, data: ByteQueue) {
    this.#adapter = adapter;
    this.#address = address;
    this.#hold = hold;
    this.reply = new AdapterReply({ isDigitEot: adapter.isEager, data });
  }

  /** The whole message is in `reply.data`. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The bus belongs to others again. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The adapter is reading from the instrument. */
  get isReading(): boolean {
    return this.#isReading;
  }

  get isUrgent(): boolean {
    return this.#hold.isUrgent;
  }

  /** The commands that make the adapter read; from now on it does. */
  startReading(): string[] {
    this.#isReading = true;
    this.#isMaybe = false;
    this.#startedMs = performance.now();
    if (!this.#adapter.isEager) return ['++read eoi'];
    const marker = this.#adapter.nextMarker();
    this.reply.expect(marker.answer);
    return ['++read eoi', ...marker.commands];
  }

  /**
   * Gets more of the message, or finds out that it has ended. Throws what ended the line, what `breakOff` was given, the cancellation,
   * `transport.timeout` of the adapter.
   */
  async fetch(signal?: AbortSignal): Promise<void> {
    const { line } = this.#adapter;
    if (this.#brokenOff) throw this.#brokenOff;
    if (!this.#isReading)
      await line.send(encodeCommands(...this.#adapter.addressing(this.#address), ...this.startReading()));
    // From here on the bytes are for whoever broke it off: winding down, clearing.
    if (this.#brokenOff) throw this.#brokenOff;
    const chunk = await line.next({ timeoutMs: this.#silenceMs, signal });
    if (chunk) this.#take(chunk);
    else if (this.reply.isExpecting) throw adapterGone(this.#adapter.resource);
    if (!chunk || (this.#isMaybe && this.reply.isText)) await this.#askWhetherOver();
    if (!this.#isReading && !this.#hasEnded && performance.now() - this.#startedMs < EMPTY_PAUSE_MS) {
      await new Promise((resolve) => setTimeout(resolve, EMPTY_PAUSE_MS));
    }
  }

  /** Whoever fetches gets this error instead, now or at its next step; the read of the adapter itself goes on. */
  breakOff(reason: LabError): void {
    this.#brokenOff = reason;
    this.#adapter.line.breakOff(reason);
  }

  /**
   * Lets a read under way come to its end, then gives the bus back; what it brings stays in `reply.data`. An answer too long for that is thrown
   * away by a device clear. Never rejects.
   */
  windDown(): Promise<void> {
    this.#windingDown ??= this.#windDown();
    return this.#windingDown;
  }

  get isWindingDown(): boolean {
    return this.#windingDown !== undefined;
  }

  /**
   * Device clear, whatever is under way: the answer is lost, and the bus given back. Whoever waits for bytes gets the reason. Throws what ended
   * the line. A second call waits for the end of the first.
   */
  clear(reason: LabError): Promise<void> {
    this.#clearing ??= this.#clear(reason);
    return this.#clearing;
  }

  /** Gives the bus back; a read under way is lost. */
  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#isReading) this.#adapter.lose();
    this.#hold.release();
  }

  async #clear(reason: LabError): Promise<void> {
    this.breakOff(reason);
    this.#isReading = false;
    this.#hasEnded = true;
    this.reply.data.clear();
    try {
      await this.#adapter.interrupt(this.#address);
    } finally {
      this.release();
    }
  }

  async #windDown(): Promise<void> {
    try {
      const startBytes = this.reply.data.length;
      if (this.#isReading && !this.reply.isExpecting) await this.#askWhetherOver();
      while (this.#isReading) {
        const chunk = await this.#adapter.line.next({ timeoutMs: ADAPTER_MS });
        if (!chunk) throw adapterGone(this.#adapter.resource);
        this.#take(chunk);
        if (this.reply.data.length - startBytes > WIND_DOWN_BYTES) {
          this.reply.data.clear();
          this.#isReading = false;
          this.#hasEnded = true;
          await this.#adapter.interrupt(this.#address);
        }
      }
    } catch {
      this.#adapter.lose();
    } finally {
      if (!this.#clearing) this.release();
    }
  }

  get #silenceMs(): number {
    if (this.reply.isExpecting) return ADAPTER_MS;
    return this.#isMaybe ? MAYBE_MS : this.#adapter.readMs;
  }

  async #askWhetherOver(): Promise<void> {
    const marker = this.#adapter.nextMarker();
    this.reply.expect(marker.answer);
    await this.#adapter.line.send(encodeCommands(...marker.commands));
  }

  #take(chunk: Uint8Array): void {
    const verdict = this.reply.push(chunk);
    this.#isMaybe = verdict === 'maybe';
    if (verdict === 'ended' || verdict === 'expired') this.#isReading = false;
    if (verdict !== 'ended') return;
    this.#hasEnded = true;
    this.release();
  }
}

function adapterGone(resource: string): LabError {
  return new LabError(
    'transport.timeout',
    `The GPIB adapter ${resource} does not answer its own commands any more; the answer of the instrument is missing. If it stays: switch the adapter off and on, and attach again.`,
    { resource },
  );
}
