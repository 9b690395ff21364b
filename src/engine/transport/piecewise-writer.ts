import { type Clock, delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';

export interface PiecewiseOptions {
  clock: Clock;
  resource: string;
  /** Bytes sent at once. */
  pieceBytes: number;
  /** From one piece to the next, ms: what the line takes to carry it, and what the device wants beside. */
  pieceMs: number;
  /** Gives a piece to the system. */
  send(piece: Uint8Array): Promise<void>;
  /** DTR/DSR handshake: whether the other side lets us send; asked before every piece. */
  isReady?: (() => Promise<boolean>) | undefined;
  /** Longest hold-off by the other side; default 10,000. */
  readyMs?: number | undefined;
}

/** The other side is asked so often while it holds off, ms. */
const ASK_MS = 5;

/**
 * Sends in pieces, for devices that take bytes slower than the line carries them and for handshakes the system does not know. Messages keep their order, and one that has begun
 * is sent to its end, also when nobody waits for it any more: a message cut off would spoil the next one, which may be Outputs off.
 */
export class PiecewiseWriter implements Disposable {
  readonly #options: PiecewiseOptions;
  #end = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(options: PiecewiseOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the line has had time to carry the last byte. Throws `transport.timeout` when the other side holds off for too long: what of the message was sent by then is
   * at the device, unfinished.
   */
  write(bytes: Uint8Array): Promise<void> {
    // The caller may use its buffer again as soon as it was told of an abort. `slice` of a Buffer would not copy.
    const own = new Uint8Array(bytes);
    const { signal } = this.#end;
    const sent = this.#last.then(() => this.#send(own, signal));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  /** A device clear empties what the instrument has read of a message: its rest is not sent. Who waits for it gets `call.cancelled`. */
  drop(): void {
    this.#end.abort(new LabError('call.cancelled', `${this.#options.resource} was cleared before all was sent.`));
    this.#end = new AbortController();
  }

  /** What has not been sent is not sent. */
  [Symbol.dispose](): void {
    this.#end.abort(
      new LabError('transport.closed', `${this.#options.resource} was closed while it was being sent to.`),
    );
  }

  async #send(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { clock, pieceBytes, pieceMs, send } = this.#options;
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      signal.throwIfAborted();
      await this.#ready(signal);
      signal.throwIfAborted();
      const piece = bytes.subarray(at, at + pieceBytes);
      await send(piece);
      await delay(clock, (pieceMs * piece.length) / pieceBytes, signal);
    }
  }

  async #ready(signal: AbortSignal): Promise<void> {
    const { clock, isReady, readyMs = 10_000, resource } = this.#options;
    if (!isReady) return;
    const endMs = clock.monotonicMs() + readyMs;
    while (!(await isReady())) {
      if (clock.monotonicMs() >= endMs) {
        throw new LabError(
          'transport.timeout',
          `${resource} has held off with its DTR line (our DSR) for ${readyMs / 1000} s, so the message was not sent to its end. Check that it is switched on and in remote, and that the cable carries DTR and DSR; with a cable that does not, choose no flow control and 1200 baud or less.`,
          { resource, readyMs },
        );
      }
      await delay(clock, ASK_MS, signal);
    }
  }
}
