import { abortable } from './abortable.ts';
import { cancellation } from './read-buffer.ts';

interface Entry<T> {
  opening: Promise<T>;
  /** Ends the opening when nobody waits for it any more. */
  stop: AbortController;
  users: number;
}

/** What is shared; dispose to give it back, the last one closes it. */
export interface Share<T> extends AsyncDisposable {
  readonly value: T;
}

/**
 * Lines opened once for all that use them in this process, by key.
 *
 *               share                     last share given back
 *     nothing ────────▶ opening ──▶ open ───────────────────────▶ closing ──▶ nothing
 *                          │ failed, or nobody waits any more        ▲
 *                          └─────────────────────────────────────────┘
 */
export class LinePool<T extends AsyncDisposable & { readonly closed: Promise<unknown> }> {
  readonly #entries = new Map<string, Entry<T>>();
  /** Lines being closed: a serial port opens again only when it is closed. */
  readonly #closing = new Map<string, Promise<void>>();

  /** Lines open or being opened. */
  get size(): number {
    return this.#entries.size;
  }

  /** `open` is called when nobody has the line yet. Throws what `open` throws, the cancellation of the signal, which leaves the others waiting. */
  async share(key: string, open: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<Share<T>> {
    if (signal?.aborted) throw cancellation(signal);
    const entry = this.#entries.get(key) ?? this.#add(key, open);
    entry.users++;
    let given: Promise<void> | undefined;
    const giveBack = (): Promise<void> => {
      given ??= this.#giveBack(key, entry);
      return given;
    };
    try {
      return { value: await abortable(entry.opening, signal), [Symbol.asyncDispose]: giveBack };
    } catch (error) {
      // The caller knows its reason; how the rest of the opening ends is nobody's any more.
      giveBack().catch(() => {});
      throw error;
    }
  }

  #add(key: string, open: (signal: AbortSignal) => Promise<T>): Entry<T> {
    const stop = new AbortController();
    const entry: Entry<T> = { opening: this.#open(key, open, stop.signal), stop, users: 0 };
    this.#entries.set(key, entry);
    entry.opening.then(
      // One that ended is opened anew by the next.
      ({ closed }) => void closed.then(() => this.#forget(key, entry)),
      () => this.#forget(key, entry),
    );
    return entry;
  }

  async #open(key: string, open: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#closing.get(key);
    if (signal.aborted) throw cancellation(signal);
    return open(signal);
  }

  async #giveBack(key: string, entry: Entry<T>): Promise<void> {
    entry.users--;
    if (entry.users > 0) return;
    this.#forget(key, entry);
    entry.stop.abort();
    const closed = entry.opening.then(
      (value) => value[Symbol.asyncDispose](),
      () => {},
    );
    const settled = closed
      .catch(() => {})
      .then(() => {
        if (this.#closing.get(key) === settled) this.#closing.delete(key);
      });
    this.#closing.set(key, settled);
    await closed;
  }

  #forget(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}
