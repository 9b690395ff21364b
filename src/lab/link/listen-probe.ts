import type { Clock } from '../../core/clock.ts';
import type { LabPorts } from '../ports.ts';

/**
 * While a link waits: asks each `everyMs` by a bare TCP connection whether the server listens, and tells it once. Only a port that was seen closed counts:
 * a server that listens and refuses keeps its back-off. One question at a time.
 */
export class ListenProbe implements Disposable {
  readonly #clock: Clock;
  readonly #ask: NonNullable<LabPorts['isListening']>;
  readonly #target: { host: string; port: number };
  readonly #everyMs: number;
  readonly #onListening: () => void;
  readonly #stop = new AbortController();
  #timer: Disposable | undefined;
  #wasClosed = false;

  constructor(
    clock: Clock,
    ask: NonNullable<LabPorts['isListening']>,
    target: { host: string; port: number },
    everyMs: number,
    onListening: () => void,
  ) {
    this.#clock = clock;
    this.#ask = ask;
    this.#target = target;
    this.#everyMs = everyMs;
    this.#onListening = onListening;
    void this.#look();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#stop.abort();
  }

  async #look(): Promise<void> {
    const { host, port } = this.#target;
    const isListening = await this.#ask(host, port, this.#stop.signal).catch(() => false);
    if (this.#stop.signal.aborted) return;
    if (isListening && this.#wasClosed) {
      // It may be told too early (the server asked for a longer wait); then the next look tells it again.
      this.#onListening();
      if (this.#stop.signal.aborted) return;
    }
    if (!isListening) this.#wasClosed = true;
    this.#timer = this.#clock.after(this.#everyMs, () => void this.#look());
  }
}
