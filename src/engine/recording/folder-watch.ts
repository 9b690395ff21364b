import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Disk, DiskEntry } from './disk.ts';

export interface FolderWatchOptions {
  /** Looked at; asked at each look. */
  folders: () => readonly string[];
  clock: Clock;
  disk: Disk;
  /** Of these it counts that they grow; of all others only that they come and go. */
  isWatched: (name: string) => boolean;
  limits?: Partial<FolderWatchLimits> | undefined;
  /** Something has come, gone or changed, and has kept still since. */
  changed: () => void;
  /** A folder is there that was not, or another one in its place: a drive was mounted. */
  appeared?: ((folder: string) => void) | undefined;
}

export interface FolderWatchLimits {
  /** Told when nothing has changed for so long… */
  settleMs: number;
  /** …or, if that does not come, that long after the first change. */
  mostMs: number;
  /** Looked at so often by itself: what others put into a network folder is told by no system, and a folder that was made anew is another one. */
  pollMs: number;
}

export const FOLDER_WATCH_LIMITS: FolderWatchLimits = { settleMs: 500, mostMs: 5000, pollMs: 15_000 };

/** A file that has not grown for so many looks is whole. */
const CALM_LOOKS = 4;

interface Watched {
  /** Of the folder; undefined: it is not there; null: not looked at yet. */
  identity: string | undefined | null;
  watcher: FSWatcher | undefined;
  /** Names at the last look. */
  names: ReadonlySet<string> | undefined;
  /** Files that are new, or have changed lately: their size and time, and since when they are so; ms. */
  lively: Map<string, { stamp: string; sinceMs: number }>;
}

/** Watches folders for files that come, go and grow: by the system where it tells, and by a look now and then. */
export class FolderWatch implements Disposable {
  readonly #options: FolderWatchOptions;
  readonly #limits: FolderWatchLimits;
  readonly #watched = new Map<string, Watched>();
  #firstMs = 0;
  #lastMs = 0;
  #settling: Disposable | undefined;
  #polling: Disposable | undefined;
  #looking: Promise<void> | undefined;
  #isOver = false;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
    this.#limits = { ...FOLDER_WATCH_LIMITS, ...options.limits };
    for (const folder of options.folders()) this.#adopt(folder, null);
    this.#poll();
  }

  /** Resolves when the folders of now are watched. Never rejects; a folder that does not answer keeps it waiting. */
  look(): Promise<void> {
    this.#looking ??= this.#lookAtAll()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Something has changed: told when it has settled. */
  touch(): void {
    if (this.#isOver) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.#lastMs = nowMs;
    if (this.#settling) return;
    this.#firstMs = nowMs;
    this.#settle(this.#limits.settleMs);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#settling?.[Symbol.dispose]();
    this.#polling?.[Symbol.dispose]();
    for (const folder of [...this.#watched.keys()]) this.#forget(folder);
  }

  #settle(ms: number): void {
    this.#settling = this.#options.clock.after(ms, () => {
      this.#settling = undefined;
      const { settleMs, mostMs } = this.#limits;
      const nowMs = this.#options.clock.monotonicMs();
      const leftMs = Math.min(this.#lastMs + settleMs, this.#firstMs + mostMs) - nowMs;
      if (leftMs > 0) this.#settle(leftMs);
      else this.#options.changed();
    });
  }

  #poll(): void {
    const look = this.look();
    this.#polling = this.#options.clock.after(
      this.#limits.pollMs,
      () => void look.then(() => this.#isOver || this.#poll()),
    );
  }

  async #lookAtAll(): Promise<void> {
    const folders = new Set(this.#options.folders());
    for (const folder of [...this.#watched.keys()]) if (!folders.has(folder)) this.#forget(folder);
    await Promise.all([...folders].map((folder) => this.#lookAt(folder)));
  }

  async #lookAt(folder: string): Promise<void> {
    const { disk, appeared } = this.#options;
    const entry = await disk.stat(folder).catch(() => undefined);
    if (this.#isOver) return;
    const identity = entry && `${entry.device}:${entry.inode}`;
    const known = this.#watched.get(folder);
    let watched = known ?? this.#adopt(folder, identity);
    if (watched.identity === null) watched.identity = identity;
    if (watched.identity !== identity) {
      // A watcher of a folder that is gone hears nothing of the one in its place.
      watched.watcher?.close();
      watched = this.#adopt(folder, identity);
      this.touch();
      if (identity !== undefined) appeared?.(folder);
    }
    if (identity === undefined) return;
    watched.watcher ??= this.#watch(folder, watched);
    await this.#compare(folder, watched);
  }

  #adopt(folder: string, identity: Watched['identity']): Watched {
    const watched: Watched = { identity, watcher: undefined, names: undefined, lively: new Map() };
    watched.watcher = identity === undefined ? undefined : this.#watch(folder, watched);
    this.#watched.set(folder, watched);
    return watched;
  }

  /** What the system does not tell of a network folder: names that came and went, and whether new files still grow. */
  async #compare(folder: string, watched: Watched): Promise<void> {
    const { disk, isWatched, clock } = this.#options;
    const names = new Set(await disk.list(folder));
    const before = watched.names;
    watched.names = names;
    if (!before) return;
    const fresh = [...names].filter((name) => !before.has(name));
    if (fresh.length > 0 || names.size !== before.size + fresh.length) this.touch();
    const nowMs = clock.monotonicMs();
    for (const name of fresh) if (isWatched(name)) watched.lively.set(name, { stamp: '', sinceMs: nowMs });
    for (const [name, { stamp, sinceMs }] of watched.lively) {
      const now = stampOf(await disk.stat(join(folder, name)).catch(() => undefined));
      if (now !== stamp) {
        watched.lively.set(name, { stamp: now, sinceMs: nowMs });
        this.touch();
      } else if (nowMs - sinceMs > CALM_LOOKS * this.#limits.pollMs) watched.lively.delete(name);
    }
  }

  #watch(folder: string, watched: Watched): FSWatcher | undefined {
    try {
      const watcher = watch(folder, { persistent: false }, (kind, name) => {
        if (kind === 'rename') this.touch();
        else if (name !== null && this.#options.isWatched(name)) {
          watched.lively.set(name, { stamp: '', sinceMs: this.#options.clock.monotonicMs() });
          this.touch();
        }
      });
      watcher.on('error', () => {
        watcher.close();
        if (watched.watcher === watcher) watched.watcher = undefined;
      });
      return watcher;
    } catch {
      // A file system that cannot be watched: the looks have to do.
      return undefined;
    }
  }

  #forget(folder: string): void {
    this.#watched.get(folder)?.watcher?.close();
    this.#watched.delete(folder);
  }
}

function stampOf(entry: DiskEntry | undefined): string {
  return entry ? `${entry.bytes}:${entry.modifiedMs}` : '';
}
