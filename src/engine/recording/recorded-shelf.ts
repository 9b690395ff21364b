import type { HistoryAnswer, HistoryRequest } from '../history/history-pieces.ts';
import type { Library } from './library.ts';
import { RecordedHistory } from './recorded-history.ts';

interface Shelved {
  history: Promise<RecordedHistory>;
  /** What it held when opened goes out of date: it is being written, or could not be opened. */
  isPassing: boolean;
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
    const shelved = this.#take(id);
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

  /** Closes a recording, because its files are about to change; the next read opens it anew. */
  async release(id: string): Promise<void> {
    const shelved = this.#open.get(id);
    this.#open.delete(id);
    if (shelved) await close(shelved);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(close));
  }

  /** No await between looking and putting: two reads at once never open a recording twice. */
  #take(id: string): Shelved {
    let shelved = this.#open.get(id);
    if (shelved?.isPassing && shelved.readers === 0 && performance.now() - shelved.openedMs > STALE_MS) {
      void close(shelved);
      shelved = undefined;
    }
    shelved ??= this.#shelve(id);
    this.#open.delete(id);
    this.#open.set(id, shelved);
    return shelved;
  }

  #shelve(id: string): Shelved {
    const history = this.#library.open(id).then((recording) => new RecordedHistory(recording));
    const shelved: Shelved = { history, isPassing: true, readers: 0, openedMs: performance.now() };
    history.then(
      ({ recording }) => {
        shelved.isPassing = recording.isRunning;
      },
      () => undefined,
    );
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
