import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Disk } from '../recording/disk.ts';
import { diskError } from '../recording/disk.ts';
import { PART_SUFFIX } from '../recording/file-layout.ts';
import { openPart } from '../recording/part-index.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';
import { completePyramid, storePyramid } from '../recording/pyramid-store.ts';
import { recoverFolder } from '../recording/recovery.ts';
import { addToCatalog, readCatalog, writeCatalog } from './flight-catalog.ts';
import { describeFlightPart, type FlightPart } from './flight-part.ts';

/** Names of its files; others in the folder are never touched. */
export const FLIGHT_STEM = 'flight';
/** Lines of removed files that the catalog may have before it is written anew. */
const SPARE_LINES = 100;
/** A file that ended by its age, not its size. */
const SMALL_BYTES = 16 << 20;
const NEVER = new AbortController().signal;
const OWN_NAME = /^flight(-\d+)?( \d+)?\.mcap(\.part)?$/;

/**
 * The finished files of the flight recorder, oldest first, on disk and in a list. It removes what its owner tells it to, oldest first, and nothing else.
 * Changes come one after the other.
 */
export class FlightRing {
  readonly folder: string;
  /** Asked before a file goes: whoever has it open closes it. */
  onRemove: (path: string) => Promise<void> = async () => undefined;
  readonly #disk: Disk;
  readonly #clock: Clock;
  #parts: FlightPart[] = [];
  #holds = 0;
  /** In the catalog, those of removed files too. */
  #lines = 0;
  #last: Promise<unknown> = Promise.resolve();
  #highest = 0;
  #id: string | undefined;

  constructor(folder: string, disk: Disk, clock: Clock) {
    this.folder = folder;
    this.#disk = disk;
    this.#clock = clock;
  }

  get parts(): readonly FlightPart[] {
    return this.#parts;
  }

  /** On disk, of finished files. */
  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.bytes + part.sidecarBytes, 0);
  }

  /** Of its files; undefined while there are none. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Number for the next file: higher than any that was there. */
  get nextPart(): number {
    return this.#highest + 1;
  }

  /**
   * Looks at what is there: finishes what a crash or a failure left behind, and opens what the catalog does not know.
   * @throws LabError recording.denied, recording.failed: the folder cannot be read. A missing folder is an empty one.
   */
  read(): Promise<void> {
    return this.#serially(() => this.#read());
  }

  /** Takes up a finished file; one it has already is no news. Never rejects: a file that cannot be read is left alone, an empty one removed. */
  add(path: string): Promise<void> {
    return this.#serially(async () => {
      if (this.#parts.some((part) => part.path === path)) return;
      const part = await this.#lookInto(path);
      if (!part) return;
      this.#take([...this.#parts, part]);
      this.#lines++;
      if (this.#lines > 2 * this.#parts.length + SPARE_LINES) await this.#rewrite();
      else await addToCatalog(this.#disk, this.folder, part);
    });
  }

  /** From the first to the last file with anything in [fromNs, toNs]. */
  within(fromNs: bigint, toNs: bigint): FlightPart[] {
    const isIn = (part: FlightPart): boolean => part.toNs >= fromNs && part.fromNs <= toNs;
    const first = this.#parts.findIndex(isIn);
    return first < 0 ? [] : this.#parts.slice(first, this.#parts.findLastIndex(isIn) + 1);
  }

  /**
   * Removes the oldest files until no more than `bytes` are left and none ends before `beforeNs`. While someone holds it, nothing goes.
   * Gives whether it is so now.
   */
  trim(bytes: number, beforeNs: bigint): Promise<boolean> {
    return this.#serially(async () => {
      for (let oldest = this.#parts[0]; oldest; oldest = this.#parts[0]) {
        if (this.bytes <= bytes && oldest.toNs >= beforeNs) break;
        if (this.#holds > 0 || !(await this.#remove(oldest))) return this.bytes <= bytes;
      }
      return true;
    });
  }

  /** Removes the oldest file, held or not; gives whether there was one that could be removed. */
  removeOldest(): Promise<boolean> {
    return this.#serially(async () => {
      const oldest = this.#parts[0];
      return oldest !== undefined && (await this.#remove(oldest));
    });
  }

  get isHeld(): boolean {
    return this.#holds > 0;
  }

  /** Until it is disposed, nothing is trimmed. */
  hold(): Disposable {
    this.#holds++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#holds--;
        isHeld = false;
      },
    };
  }

  /** Resolves when all that was asked is done. */
  async idle(): Promise<void> {
    await this.#last;
  }

  async #read(): Promise<void> {
    // Files of other parts may have been removed by hand.
    await recoverFolder(this.folder, this.#clock, this.#disk);
    const names = await this.#disk.list(this.folder).catch((error: unknown) => {
      const ours = diskError(error, this.folder);
      if (ours.code === 'recording.folder-gone') return [];
      throw ours;
    });
    const known = await readCatalog(this.#disk, this.folder);
    const found: FlightPart[] = [];
    for (const name of names) {
      if (!OWN_NAME.test(name)) continue;
      const path = join(this.folder, name);
      if (name.endsWith(PART_SUFFIX)) await this.#removeEmpty(path);
      else {
        const entry = await this.#disk.stat(path).catch(() => undefined);
        const listed = known.get(name);
        const part = listed && listed.bytes === entry?.bytes ? listed : await this.#lookInto(path);
        if (part) found.push(part);
      }
    }
    this.#take(found);
    await this.#rewrite();
  }

  /** What was cut off before anything was in it. Whatever else cannot be finished stays: it may be a disk that comes back. */
  async #removeEmpty(path: string): Promise<void> {
    try {
      await (await openPart(this.#disk, path)).file.close();
    } catch (error) {
      if (LabError.from(error).code === 'recording.truncated') await this.#disk.remove(path).catch(() => undefined);
    }
  }

  /** Of several flight recorders in one folder only the newest counts; the files of others are no business of this one. */
  #take(parts: FlightPart[]): void {
    parts.sort((a, b) => a.part - b.part);
    const newest = parts.reduce<FlightPart | undefined>((a, b) => (a && a.toNs > b.toNs ? a : b), undefined);
    this.#id = newest?.recording ?? this.#id;
    this.#parts = parts.filter(({ recording }) => recording === this.#id);
    for (const { part } of parts) this.#highest = Math.max(this.#highest, part);
  }

  async #lookInto(path: string): Promise<FlightPart | undefined> {
    try {
      const opened = await openPart(this.#disk, path);
      try {
        if (opened.chunks.length === 0) {
          // Ended before anything came.
          await this.#disk.remove(path);
          return undefined;
        }
        await storePyramid(this.#disk, opened);
        // Rows of slow streams lie in many small chunks: beside the file they are found at once.
        if (opened.sizeBytes < SMALL_BYTES) await completePyramid(this.#disk, path, NEVER);
        return await describeFlightPart(this.#disk, opened, pyramidPath(path));
      } finally {
        await opened.file.close();
      }
    } catch {
      return undefined;
    }
  }

  async #remove(part: FlightPart): Promise<boolean> {
    try {
      // What is held open takes its space along.
      await this.onRemove(part.path);
      await this.#disk.remove(part.path);
      await this.#disk.remove(pyramidPath(part.path));
    } catch {
      return false;
    }
    this.#parts = this.#parts.filter((other) => other !== part);
    return true;
  }

  async #rewrite(): Promise<void> {
    this.#lines = this.#parts.length;
    await writeCatalog(this.#disk, this.folder, this.#parts);
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
