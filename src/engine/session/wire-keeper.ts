import { type Clock, delay } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { Transport } from '../transport/transport.ts';
import type { ExchangeLog } from './exchange-log.ts';
import { recoverWire } from './recovery.ts';
import { ReplyWire } from './reply-wire.ts';
import type { SessionState } from './session.ts';
import type { SessionLimits } from './session-options.ts';

/** Those who wait for the wire, as its keeper sees them. */
export interface WireQueue {
  /** Somebody has the wire. */
  readonly isTaken: boolean;
  /** Outputs off has the wire, or waits for it. */
  readonly isHurried: boolean;
  refuseAll(error: LabError): void;
  /** The wire may be free: the next one's turn. */
  next(): void;
}

export interface KeeperParts {
  clock: Clock;
  limits: SessionLimits;
  log: ExchangeLog;
  /** As of now: the family of the instrument may want other ones than was begun with. */
  terminations: { write: string; read: ReadTermination };
  isFreshOnReopen: boolean;
  /** Opens the way anew. */
  open(): Promise<Transport>;
  onReopened(): void;
  queue(): WireQueue;
}

/**
 * Keeps one clean wire to the instrument: makes it clean after a fault, opens it anew, and closes it for good.
 *
 *     open ──stray bytes──▶ recovering: drain until quiet ───────────────┐
 *       │                                                                │
 *       ├──quarantine─────▶ recovering: ladder of recovery.ts ──clean──▶ open
 *       │                        │ ladder at its end
 *       ▼                        ▼
 *     closed ◀───────────────────┘        transport ended, disposed; `closeReason` says why, and who waits is refused
 */
export class WireKeeper implements AsyncDisposable {
  readonly resource: string;
  readonly closed: Promise<void>;
  readonly #parts: KeeperParts;
  readonly #scope: Scope;
  readonly #closed = createDeferred<void>();
  readonly #listeners = new Set<(state: SessionState) => void>();
  #wire: ReplyWire;
  #state: SessionState = 'open';
  #recovery: Promise<void> | undefined;
  #closeReason: LabError | undefined;
  /** Of the ladder under way. */
  #hurry: AbortController | undefined;

  constructor(transport: Transport, parts: KeeperParts) {
    this.#parts = parts;
    this.resource = transport.resource;
    this.closed = this.#closed.promise;
    this.#scope = new Scope(`session ${this.resource}`);
    this.#wire = this.#wrap(transport);
  }

  /** The wire as of now; another one after it was opened anew. */
  get wire(): ReplyWire {
    return this.#wire;
  }

  get state(): SessionState {
    return this.#state;
  }

  get closeReason(): LabError | undefined {
    return this.#closeReason;
  }

  /** Settles when the wire is clean again, or closed; undefined: nothing is being repaired. */
  get recovery(): Promise<void> | undefined {
    return this.#recovery;
  }

  /** It can be sent on at once. */
  get isReady(): boolean {
    return !this.#recovery && !this.#wire.isDirty && !this.#closeReason;
  }

  onState(listener: (state: SessionState) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Waits until the wire is clean or closed. Throws `protocol.malformed` if the device does not fall silent while somebody has the wire. */
  async clean(): Promise<void> {
    while (this.#recovery || (this.#wire.isDirty && !this.#closeReason)) await (this.#recovery ?? this.calm());
  }

  /** Bytes nobody asked for, and nothing unanswered: silence is enough. */
  calm(): Promise<void> {
    return this.#recover(this.#waitForSilence());
  }

  /** An answer may still come that belongs to nobody: the ladder runs before anything else is sent. */
  quarantine(cause: LabError): void {
    if (this.#closeReason || this.#recovery) return;
    const { clock, limits, log, isFreshOnReopen, terminations, queue } = this.#parts;
    log.note(`quarantined: ${cause.message}`);
    log.stats.retries++;
    const hurry = new AbortController();
    if (queue().isHurried) hurry.abort();
    this.#hurry = hurry;
    void this.#recover(
      recoverWire({
        hurry: hurry.signal,
        clock,
        limits,
        isFreshOnReopen,
        writeTermination: terminations.write,
        wire: () => this.#wire,
        reopen: () => this.#reopen(),
        isHurried: () => queue().isHurried,
        note: (text) => log.note(text),
        sent: (text, bytes) => log.sent(text, bytes, clock.nowNs()),
      }),
    );
  }

  /** Outputs off waits for the repair under way. */
  hurry(): void {
    this.#hurry?.abort();
    this.#wire.nudge();
  }

  /** An exchange failed: does what the error asks for, and gives the error for the caller. */
  failed(thrown: unknown): LabError {
    const error = LabError.from(thrown);
    const isOpenEnded = error.code === 'transport.timeout' || error.code === 'safety.refused';
    if (isOpenEnded || error.code.startsWith('protocol.')) this.quarantine(error);
    else if (error.code.startsWith('transport.')) this.close(error);
    return this.#closeReason && error.code === 'transport.closed' ? this.#closeReason : error;
  }

  /** For good: who waits or has the wire is refused, and the transport is closed. */
  close(reason: LabError): void {
    if (this.#closeReason) return;
    this.#closeReason = reason;
    this.#parts.log.note(`closed: ${reason.message}`);
    this.#parts.queue().refuseAll(reason);
    const wire = this.#wire;
    wire.abandon(reason);
    this.#setState('closed');
    this.#scope.defer(async () => {
      await wire.pause();
      await wire.transport[Symbol.asyncDispose]();
    });
    void this.#scope[Symbol.asyncDispose]().finally(() => this.#closed.resolve());
  }

  /** After `close`: waits for its end. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }

  #wrap(transport: Transport): ReplyWire {
    const { clock, limits, log, terminations } = this.#parts;
    const wire: ReplyWire = new ReplyWire(transport, {
      clock,
      limits,
      termination: () => terminations.read,
      onReceived: (count) => log.received(count),
      onLate: (bytes) => log.late(bytes),
      onEnded: (error) => {
        if (wire === this.#wire) this.close(error);
      },
    });
    for (const note of transport.notes ?? []) log.note(note);
    return wire;
  }

  /** A device that never falls silent refuses what waits, not the session. */
  async #waitForSilence(): Promise<void> {
    const { limits, log, queue } = this.#parts;
    if (await this.#wire.drain({ quietMs: limits.quietMs, maxMs: limits.drainMs * 4 })) return;
    if (this.#closeReason) return;
    const message = `${this.resource} sends by itself without a pause, so no answer can be told apart. Nothing was sent. If it is a streaming device, attach it as one.`;
    const error = new LabError('protocol.malformed', message);
    log.note(message);
    if (queue().isTaken) throw error;
    queue().refuseAll(error);
  }

  #recover(climb: Promise<void>): Promise<void> {
    this.#setState('recovering');
    const { queue } = this.#parts;
    const recovery = climb
      .catch((error: unknown) => {
        if (queue().isTaken && LabError.from(error).code === 'protocol.malformed') throw error;
        this.close(LabError.from(error));
      })
      .finally(() => {
        this.#recovery = undefined;
        if (!this.#closeReason) this.#setState('open');
        queue().next();
      });
    recovery.catch(() => {});
    this.#recovery = recovery;
    return recovery;
  }

  /** The old connection first: many instruments serve one at a time. */
  async #reopen(): Promise<void> {
    const { clock, limits, log, open, onReopened } = this.#parts;
    const old = this.#wire;
    await old.pause();
    await old.transport[Symbol.asyncDispose]();
    for (let tries = 1; ; tries++) {
      if (this.#closeReason) throw this.#closeReason;
      try {
        const transport = await open();
        if (this.#closeReason) {
          await transport[Symbol.asyncDispose]();
          throw this.#closeReason;
        }
        this.#wire = this.#wrap(transport);
        log.stats.reopened++;
        onReopened();
        return;
      } catch (error) {
        const failure = LabError.from(error);
        log.note(`try ${tries} to open again: ${failure.message}`);
        if (tries >= limits.reopenTries) throw failure;
        log.stats.retries++;
        await delay(clock, limits.reopenPauseMs * 2 ** (tries - 1));
      }
    }
  }

  #setState(state: SessionState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}
