import type { HistoryAnswer, HistoryRequest } from '../history/read-history.ts';
import type { Library } from './library.ts';
import { RecordedHistory } from './recorded-history.ts';

interface Shelved {
  history: Promise<RecordedHistory>;
  /** Reads under way: it is not closed before they end. */
  readers: number;
  openedMs: number;
}

/** A running recording is opened anew when what is open is older; ms. */
const STALE_MS = 1000;

/**
 * The recordings that screens look into: kept open between reads, the least recently read closed beyond `limit`.
 * What is on it holds its files open.
 */
export class RecordedShelf implements AsyncDisposable {
  readonly #library: Library;
  readonly #limit: number;
  /** Least recently read first. */
  readonly #open = new Map<string, Shelved>();

  constructor(library: Library, limit = 6) {
    this.#library = library;
    this.#limit = limit;
  }

  /** See `RecordedHistory.read`. Throws recording.unknown, or why it cannot be read. */
  async read(
    id: string,
    request: HistoryRequest,
    send: (frame: ArrayBuffer) => void,
    signal: AbortSignal,
  ): Promise<HistoryAnswer> {
    const shelved = await this.#take(id);
    shelved.readers++;
    try {
      const history = await shelved.history;
      signal.throwIfAborted();
      return await history.read(request, send);
    } finally {
      shelved.readers--;
      await this.#tidy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(close));
  }

  async #take(id: string): Promise<Shelved> {
    let shelved = this.#open.get(id);
    if (shelved && shelved.readers === 0 && performance.now() - shelved.openedMs > STALE_MS) {
      const history = await shelved.history.catch(() => undefined);
      if (!history || history.recording.isRunning) {
        this.#open.delete(id);
        await close(shelved);
        shelved = undefined;
      }
    }
    shelved ??= {
      history: this.#library.open(id).then((recording) => new RecordedHistory(recording)),
      readers: 0,
      openedMs: performance.now(),
    };
    this.#open.delete(id);
    this.#open.set(id, shelved);
    return shelved;
  }

  async #tidy(): Promise<void> {
    for (const [id, shelved] of this.#open) {
      if (this.#open.size <= this.#limit) return;
      if (shelved.readers > 0) continue;
      this.#open.delete(id);
      await close(shelved);
    }
  }
}

async function close({ history }: Shelved): Promise<void> {
  await history.then((opened) => opened.recording[Symbol.asyncDispose]()).catch(() => undefined);
}
