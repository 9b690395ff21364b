import type { HistoryAnswer, HistoryRequest } from '../history/history-pieces.ts';
import type { Disk } from './disk.ts';
import type { Library } from './library.ts';
import { PyramidKeeper } from './pyramid-keeper.ts';
import { RecordedHistory } from './recorded-history.ts';

interface Shelved {
  history: Promise<RecordedHistory>;
  /** When what it held goes out of date, ms: it is being written, could not be opened, or has a sidecar now. */
  staleMs: number;
  /** Reads under way: it is not closed before they end. */
  readers: number;
  /** Resolves when the last reader has ended, once it is to be closed. */
  unread: (() => void) | undefined;
}

/** A running recording is opened anew when what is open is older; ms. */
const STALE_MS = 1000;
/** Opening a long one takes its time: at most a twentieth of the time goes into that. */
const STALE_FACTOR = 20;

/**
 * The recordings that screens look into: kept open between reads, the least recently read closed beyond `limit`.
 * What is on it holds its files open.
 */
export class RecordedShelf implements AsyncDisposable {
  readonly #library: Library;
  readonly #limit: number;
  /** Least recently read first. */
  readonly #open = new Map<string, Shelved>();
  readonly #keeper: PyramidKeeper;
  #expiring: Promise<unknown> = Promise.resolve();

  constructor(library: Library, limit = 6, disk?: Disk) {
    this.#library = library;
    this.#limit = limit;
    this.#keeper = new PyramidKeeper({ disk, onStored: (path) => this.#expire(path) });
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
      const answer = await history.read(request, send);
      this.#keeper.keep(history.recording.parts);
      return answer;
    } finally {
      shelved.readers--;
      if (shelved.readers === 0) shelved.unread?.();
      await this.#tidy();
    }
  }

  /** Resolves when no sidecar is being written. */
  async idle(): Promise<void> {
    await this.#keeper.idle();
    await this.#expiring;
  }

  /** Closes a recording, because its files are about to change; the next read opens it anew. */
  async release(id: string): Promise<void> {
    const shelved = this.#open.get(id);
    this.#open.delete(id);
    if (shelved) await close(shelved);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(close));
  }

  /** No await between looking and putting: two reads at once never open a recording twice. */
  #take(id: string): Shelved {
    let shelved = this.#open.get(id);
    if (shelved && shelved.readers === 0 && performance.now() > shelved.staleMs) {
      void close(shelved);
      shelved = undefined;
    }
    shelved ??= this.#shelve(id);
    this.#open.delete(id);
    this.#open.set(id, shelved);
    return shelved;
  }

  #shelve(id: string): Shelved {
    const startMs = performance.now();
    const history = this.#library.open(id).then((recording) => new RecordedHistory(recording));
    const shelved: Shelved = { history, staleMs: startMs + STALE_MS, readers: 0, unread: undefined };
    history.then(
      ({ recording }) => {
        const nowMs = performance.now();
        const keptMs = Math.max(STALE_MS, (nowMs - startMs) * STALE_FACTOR);
        shelved.staleMs = recording.isRunning ? nowMs + keptMs : Number.POSITIVE_INFINITY;
      },
      () => undefined,
    );
    return shelved;
  }

  /** A recording whose sidecar was in memory reads it from the disk the next time. */
  #expire(path: string): void {
    const all = [...this.#open.values()].map(async (shelved) => {
      const history = await shelved.history.catch(() => undefined);
      if (history?.recording.parts.some((part) => part.path === path)) shelved.staleMs = 0;
    });
    this.#expiring = Promise.all([this.#expiring, ...all]);
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

/** When nobody reads it any more. */
async function close(shelved: Shelved): Promise<void> {
  if (shelved.readers > 0) {
    await new Promise<void>((resolve) => {
      shelved.unread = resolve;
    });
  }
  await shelved.history.then((opened) => opened.recording[Symbol.asyncDispose]()).catch(() => undefined);
}
