import { rename, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import { fileStem } from '../recording/file-name.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { readKeptText } from '../state/kept-text.ts';
import type { StateBoard } from '../state/state-board.ts';
import { type BenchDocument, createBenchDocument, readBenchFile, unwritable, writeBenchFile } from './bench-file.ts';

const AUTOSAVE_MS = 1000;
const FIRST_NAME = 'Bench 1';
const MAX_NAMES = 1000;

/** Where the bench in memory comes from and goes to. */
export interface BenchSource {
  /** The bench as it is now, to be written. */
  collect(name: string): BenchDocument;
}

/** Puts a document in place of the bench in memory. */
export type LoadBench = (document: BenchDocument) => Promise<void>;

/**
 * Keeps the bench in its file: saved a second after each change, under the person's path or, until there is one, in the data folder.
 * The engine alone writes it, one thing after the other: while one bench takes the place of another nothing is saved, or half of the one
 * would be written over the other. What cannot be written stays in memory, is said (`bench.error`) and tried again with the next change.
 */
export class BenchKeeper implements AsyncDisposable {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #board: StateBoard;
  readonly #source: BenchSource;
  #path: string | null = null;
  #name = FIRST_NAME;
  #timer: Disposable | undefined;
  #doing: Promise<unknown> = Promise.resolve();

  constructor(folder: string, place: { clock: Clock; board: StateBoard }, source: BenchSource) {
    this.#folder = folder;
    this.#clock = place.clock;
    this.#board = place.board;
    this.#source = source;
  }

  /**
   * The bench of last time; an empty one if there is none. A file that cannot be read is left alone and said in `problem`; the empty
   * bench gets a file of its own then.
   */
  async restore(): Promise<{ document: BenchDocument; problem?: LabError }> {
    let named = '';
    let unread: LabError | undefined;
    try {
      named = ((await readKeptText(this.#pointer)) ?? '').trim();
    } catch (error) {
      unread = unknownBench(this.#pointer, error);
    }
    try {
      const document = await readBenchFile(named || this.#unnamed);
      this.#path = named || null;
      this.#name = document.name;
      await this.#showOpened();
      return { document, ...(unread ? { problem: unread } : {}) };
    } catch (error) {
      const problem = LabError.from(error);
      const document = createBenchDocument(FIRST_NAME);
      if (named) {
        await this.#point(null).catch(() => undefined);
        await this.#setAside().catch(() => undefined);
      } else if (problem.code === 'bench.not-found') return { document, ...(unread ? { problem: unread } : {}) };
      else {
        this.#path = join(this.#folder, `bench-${Date.now()}.labwire.json`);
        await writeBenchFile(this.#path, document)
          .then(() => this.#point(this.#path))
          .catch(() => undefined);
      }
      await this.#showOpened();
      return { document, problem };
    }
  }

  get name(): string {
    return this.#name;
  }

  /** Something that belongs into the file has changed. */
  touch(): void {
    this.#timer ??= this.#clock.after(AUTOSAVE_MS, () => void this.save().catch(() => undefined));
  }

  /** Throws bench.unwritable. */
  save(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    return this.#serially(() => this.#write());
  }

  /** Throws bench.unwritable; the bench then stays with the file it had. */
  saveAs(path: string): Promise<void> {
    const place = absolute(path);
    return this.#serially(async () => {
      await writeBenchFile(place, this.#source.collect(this.#name));
      await this.#point(place);
      this.#path = place;
      this.#show(null, String(this.#clock.nowNs()));
    });
  }

  rename(name: string): void {
    this.#name = name;
    this.#show(null);
    this.touch();
  }

  /** Writes the bench that is open, then puts the other one in its place. Throws bench.*: the open one is then as it was. */
  open(path: string, load: LoadBench): Promise<void> {
    const place = absolute(path);
    return this.#serially(async () => {
      // First what is open: it may be the very file, not saved yet.
      await this.#write();
      await this.#become(place, await readBenchFile(place), load);
    });
  }

  /**
   * An empty bench. The one that was kept in the data folder gets a file of its own there, whose path is given: it would be written over.
   * Throws bench.unwritable: the open one is then as it was.
   */
  create(name: string, load: LoadBench): Promise<string | undefined> {
    return this.#serially(async () => {
      await this.#write();
      const kept = await this.#setAside();
      await this.#become(null, createBenchDocument(name), load);
      return kept;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) await this.save().catch(() => undefined);
    await this.#doing.catch(() => undefined);
  }

  get #unnamed(): string {
    return join(this.#folder, 'bench.labwire.json');
  }

  get #pointer(): string {
    return join(this.#folder, 'bench-path');
  }

  async #become(path: string | null, document: BenchDocument, load: LoadBench): Promise<void> {
    await this.#point(path);
    this.#path = path;
    this.#name = document.name;
    await load(document);
    await this.#showOpened();
    if (path === null) await this.#write();
  }

  /** Which bench the next engine opens. */
  async #point(path: string | null): Promise<void> {
    try {
      await atomicWrite(this.#pointer, path ?? '');
    } catch (error) {
      throw unwritable(this.#pointer, error);
    }
  }

  /** Gives the bench of the data folder a file of its own, if there is anything in it; its new path. */
  async #setAside(): Promise<string | undefined> {
    const document = await readBenchFile(this.#unnamed).catch((error: unknown) => LabError.from(error));
    if (document instanceof LabError ? document.code === 'bench.not-found' : isEmpty(document)) return undefined;
    const stem = document instanceof LabError ? 'unreadable bench' : fileStem(document.name);
    for (let number = 1; number <= MAX_NAMES; number++) {
      const path = join(this.#folder, `${number === 1 ? stem : `${stem} ${number}`}.labwire.json`);
      if (await stat(path).catch(() => undefined)) continue;
      try {
        await rename(this.#unnamed, path);
        return path;
      } catch (error) {
        throw unwritable(path, error);
      }
    }
    throw unwritable(join(this.#folder, stem), new Error('no free name'));
  }

  async #showOpened(): Promise<void> {
    const file = await stat(this.#path ?? this.#unnamed).catch(() => undefined);
    this.#show(null, file ? String(BigInt(Math.round(file.mtimeMs)) * 1_000_000n) : null);
  }

  async #write(): Promise<void> {
    try {
      await writeBenchFile(this.#path ?? this.#unnamed, this.#source.collect(this.#name));
      this.#show(null, String(this.#clock.nowNs()));
    } catch (error) {
      this.#show(LabError.from(error));
      throw error;
    }
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#doing.catch(() => undefined).then(work);
    this.#doing = next;
    return next;
  }

  #show(error: LabError | null, savedNs = this.#board.state.bench.savedNs): void {
    this.#board.publish('bench.changed', {
      bench: { name: this.#name, path: this.#path, savedNs, error: error?.toJSON() ?? null },
    });
  }
}

function absolute(path: string): string {
  if (isAbsolute(path)) return path;
  throw new LabError('call.invalid', `${path} is no absolute path. Give the whole path of the bench file.`, { path });
}

function isEmpty({ instruments, channels, plots, rules, safety }: BenchDocument): boolean {
  return instruments.length + Object.keys(channels).length + plots.length + rules.length + safety.length === 0;
}

function unknownBench(path: string, error: unknown): LabError {
  const why = systemCode(error) || String(error);
  return new LabError(
    'bench.malformed',
    `Which bench was open last cannot be read from ${path} (${why}). The bench of the data folder is open instead, and no file was changed. Allow reading it, and open your bench again.`,
    { path },
  );
}
