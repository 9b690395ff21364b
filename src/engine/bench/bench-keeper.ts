import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import type { StateBoard } from '../state/state-board.ts';
import { type BenchDocument, createBenchDocument, readBenchFile, writeBenchFile } from './bench-file.ts';

const AUTOSAVE_MS = 1000;
const FIRST_NAME = 'Bench 1';

/** Where the bench in memory comes from and goes to. */
export interface BenchSource {
  /** The bench as it is now, to be written. */
  collect(name: string): BenchDocument;
}

/**
 * Keeps the bench in its file: saved a second after each change, under the person's path or, until there is one, in the data folder.
 * The engine alone writes it. What cannot be written stays in memory, is said (`bench.error`) and tried again with the next change.
 */
export class BenchKeeper implements AsyncDisposable {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #board: StateBoard;
  readonly #source: BenchSource;
  #path: string | null = null;
  #name = FIRST_NAME;
  #timer: Disposable | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, place: { clock: Clock; board: StateBoard }, source: BenchSource) {
    this.#folder = folder;
    this.#clock = place.clock;
    this.#board = place.board;
    this.#source = source;
  }

  /** The bench of last time; an empty one if there is none. A file that cannot be read is left alone and said in `problem`. */
  async restore(): Promise<{ document: BenchDocument; problem?: LabError }> {
    const named = (await readFile(this.#pointer, 'utf8').catch(() => '')).trim();
    try {
      const document = await readBenchFile(named || this.#unnamed);
      this.#path = named || null;
      this.#name = document.name;
      await this.#showOpened();
      return { document };
    } catch (error) {
      const problem = LabError.from(error);
      if (named) await atomicWrite(this.#pointer, '').catch(() => undefined);
      if (problem.code === 'bench.not-found' && !named) return { document: createBenchDocument(FIRST_NAME) };
      // The unreadable file must not be overwritten by the empty bench.
      if (!named) this.#path = join(this.#folder, `bench-${Date.now()}.labwire.json`);
      return { document: createBenchDocument(FIRST_NAME), problem };
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
    const next = this.#writing.catch(() => undefined).then(() => this.#write(this.#path ?? this.#unnamed));
    this.#writing = next;
    return next;
  }

  async saveAs(path: string): Promise<void> {
    const place = absolute(path);
    await writeBenchFile(place, this.#source.collect(this.#name));
    await this.#bind(place);
    await this.save();
  }

  rename(name: string): void {
    this.#name = name;
    this.#show(null);
    this.touch();
  }

  /** Writes the bench that is open, then gives the other one. Throws bench.* and leaves the open one as it is. */
  async open(path: string): Promise<BenchDocument> {
    const place = absolute(path);
    const document = await readBenchFile(place);
    await this.save();
    await this.#bind(place);
    this.#name = document.name;
    await this.#showOpened();
    return document;
  }

  async create(name: string): Promise<BenchDocument> {
    await this.save();
    await this.#bind(null);
    this.#name = name;
    this.#show(null, null);
    return createBenchDocument(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) await this.save().catch(() => undefined);
    await this.#writing.catch(() => undefined);
  }

  get #unnamed(): string {
    return join(this.#folder, 'bench.labwire.json');
  }

  get #pointer(): string {
    return join(this.#folder, 'bench-path');
  }

  async #bind(path: string | null): Promise<void> {
    this.#path = path;
    await atomicWrite(this.#pointer, path ?? '');
  }

  async #showOpened(): Promise<void> {
    const file = await stat(this.#path ?? this.#unnamed).catch(() => undefined);
    this.#show(null, file ? String(BigInt(Math.round(file.mtimeMs)) * 1_000_000n) : null);
  }

  async #write(path: string): Promise<void> {
    try {
      await writeBenchFile(path, this.#source.collect(this.#name));
      this.#show(null, String(this.#clock.nowNs()));
    } catch (error) {
      this.#show(LabError.from(error));
      throw error;
    }
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
