import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Disk } from '../recording/disk.ts';
import { diskError } from '../recording/disk.ts';
import { LOCK_SUFFIX } from '../recording/file-layout.ts';
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
/** A file of slow streams only, which ended by its age. */
const SMALL_BYTES = 4 << 20;
const RETRY_MS = 30_000;
const NEVER = new AbortController().signal;
const OWN_NAME = /^flight(-\d+)?( \d+)?\.mcap$/;
const OWN_PART = /^flight(?:-(\d+))?(?: \d+)?\.mcap\.part$/;
const OWN_SIDECAR = /^(flight(?:-\d+)?(?: \d+)?\.mcap)\.pyramid(?:\.[\da-f]+\.tmp)?$/;

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
  readonly #writtenFrom: () => number;
  #parts: FlightPart[] = [];
  #holds = 0;
  /** Files that could not be read, and when to try again; ms of the monotonic clock. */
  readonly #unread = new Map<string, number>();
  /** When to try again to finish what was cut off and could not be finished. */
  #unfinishedDueMs = Number.POSITIVE_INFINITY;
  /** In the catalog, those of removed files too. */
  #lines = 0;
  #last: Promise<unknown> = Promise.resolve();
  #highest = 0;
  #id: string | undefined;

  /** `writtenFrom`: number of the first file that may be being written; infinity while none is. */
  constructor(folder: string, disk: Disk, clock: Clock, writtenFrom: () => number) {
    this.folder = folder;
    this.#writtenFrom = writtenFrom;
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
    return this.#serially(() => this.#add(path));
  }

  /** Looks once more at files that could not be read. Never rejects. */
  retry(): Promise<void> {
    return this.#serially(() => this.#retry(Number.POSITIVE_INFINITY));
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
      await this.#retry(this.#clock.monotonicMs());
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

  async #add(path: string): Promise<void> {
    if (this.#parts.some((part) => part.path === path)) return;
    const part = await this.#lookInto(path);
    if (!part) return;
    this.#take([...this.#parts, part]);
    this.#lines++;
    if (this.#lines > 2 * this.#parts.length + SPARE_LINES) await this.#rewrite();
    else await addToCatalog(this.#disk, this.folder, part);
  }

  async #retry(nowMs: number): Promise<void> {
    if (this.#unfinishedDueMs <= nowMs) for (const path of await this.#finish().catch(() => [])) await this.#add(path);
    for (const [path, dueMs] of [...this.#unread]) if (dueMs <= nowMs) await this.#add(path);
  }

  /** Finishes what was cut off; gives the files that are finished now. */
  async #finish(): Promise<string[]> {
    const names = await this.#list();
    for (const name of names) {
      const own = OWN_PART.exec(name);
      // Whoever wrote it in this process has ended, whatever the lock says.
      if (!own || Number(own[1] ?? 1) >= this.#writtenFrom()) continue;
      await this.#disk.remove(join(this.folder, name) + LOCK_SUFFIX).catch(() => undefined);
    }
    const files = await recoverFolder(this.folder, this.#clock, this.#disk);
    this.#unfinishedDueMs = Number.POSITIVE_INFINITY;
    for (const { path, state } of files) {
      if (state === 'unreadable' && !(await this.#isEmpty(path)))
        this.#unfinishedDueMs = this.#clock.monotonicMs() + RETRY_MS;
    }
    return files.flatMap(({ finalPath }) => finalPath ?? []);
  }

  async #read(): Promise<void> {
    await this.#finish();
    const names = await this.#list();
    const known = await readCatalog(this.#disk, this.folder);
    const found: FlightPart[] = [];
    for (const name of names) {
      const path = join(this.folder, name);
      if (isLeftOver(name, names)) await this.#disk.remove(path).catch(() => undefined);
      else if (OWN_NAME.test(name)) {
        const entry = await this.#disk.stat(path).catch(() => undefined);
        const listed = known.get(name);
        const part = listed && listed.bytes === entry?.bytes ? listed : await this.#lookInto(path);
        if (part) found.push(part);
      }
    }
    this.#take(found);
    await this.#rewrite();
  }

  async #list(): Promise<string[]> {
    return this.#disk.list(this.folder).catch((error: unknown) => {
      const ours = diskError(error, this.folder);
      if (ours.code === 'recording.folder-gone') return [];
      throw ours;
    });
  }

  /**
   * Removes what was cut off before anything was in it; gives whether it was so. Whatever else cannot be finished stays: the disk may come back, or its writer
   * lives.
   */
  async #isEmpty(path: string): Promise<boolean> {
    try {
      await (await openPart(this.#disk, path)).file.close();
    } catch (error) {
      if (LabError.from(error).code !== 'recording.truncated') return false;
      return this.#disk.remove(path).then(
        () => true,
        () => false,
      );
    }
    return false;
  }

  /** Where what earlier runs left could not be read, another flight recorder was begun: their files follow each other. */
  #take(parts: FlightPart[]): void {
    const ends = new Map<string, bigint>();
    for (const { recording, toNs } of parts) {
      const end = ends.get(recording);
      if (end === undefined || toNs > end) ends.set(recording, toNs);
    }
    const order = [...ends].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([recording]) => recording);
    parts.sort((a, b) => order.indexOf(a.recording) - order.indexOf(b.recording) || a.part - b.part);
    this.#id = order.at(-1) ?? this.#id;
    this.#parts = parts;
    for (const { part } of parts) this.#highest = Math.max(this.#highest, part);
  }

  async #lookInto(path: string): Promise<FlightPart | undefined> {
    try {
      const opened = await openPart(this.#disk, path);
      try {
        if (opened.chunks.length === 0) {
          // Ended before anything came.
          this.#unread.delete(path);
          await this.#disk.remove(path);
          return undefined;
        }
        await storePyramid(this.#disk, opened);
        // Rows of slow streams lie in many small chunks: beside the file they are found at once.
        if (opened.sizeBytes < SMALL_BYTES) await completePyramid(this.#disk, path, NEVER);
        const part = await describeFlightPart(this.#disk, opened, pyramidPath(path));
        this.#unread.delete(path);
        return part;
      } finally {
        await opened.file.close();
      }
    } catch {
      if (await this.#disk.stat(path).catch(() => true)) this.#unread.set(path, this.#clock.monotonicMs() + RETRY_MS);
      else this.#unread.delete(path);
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

/** Beside a file that is gone, or never got its name. */
function isLeftOver(name: string, names: readonly string[]): boolean {
  const owner = OWN_SIDECAR.exec(name)?.[1];
  return owner !== undefined && (name.endsWith('.tmp') || !names.includes(owner));
}
