import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Disk } from './disk.ts';
import { systemDisk } from './disk.ts';
import { FILE_EXTENSION, PART_SUFFIX } from './file-layout.ts';
import { FolderWatch, type FolderWatchLimits } from './folder-watch.ts';
import type { LibraryCache, RecordingMark } from './library-cache.ts';
import { readCache, writeCache } from './library-cache.ts';
import { libraryFolders, listFolders, type OtherFolder } from './library-folder.ts';
import { groupFiles, takeCopies } from './library-groups.ts';
import { messageRows } from './message-files.ts';
import type { KnownStates } from './message-log/message-state.ts';
import type { PartIndex } from './part-index.ts';
import { openPart } from './part-index.ts';
import type { Recording } from './recording.ts';
import { isBeingWritten, joinParts } from './recording.ts';
import type { MemberPart } from './recording-about.ts';
import { recordingRow } from './recording-row.ts';
import type { RecoveredFile } from './recovery.ts';
import { recoverFolder } from './recovery.ts';

export interface LibraryOptions {
  /** The recordings folder, as set now. */
  folder: () => string;
  /** Where recordings lie beside it: the second folder, and that of the recording that runs. Default: nowhere. */
  others?: (() => readonly OtherFolder[]) | undefined;
  clock: Clock;
  disk?: Disk | undefined;
  /** Files looked at, at most. */
  maxFiles?: number | undefined;
  /** How soon changes are told, and how often folders are looked at. */
  watch?: Partial<FolderWatchLimits> | undefined;
  /** A folder is there that was not: its drive came. */
  appeared?: (() => void) | undefined;
  /** Files of sessions of messages that run now. */
  openSessions?: (() => ReadonlySet<string>) | undefined;
  /** Where what was found is kept for the next start; absent: nowhere. */
  cachePath?: string | undefined;
}

const MAX_FILES = 20_000;

interface KnownFile {
  /** Size and time of change: the same means the same content. */
  stamp: string;
  /** Of the recording it belongs to; '' if it cannot be read. */
  id: string;
  part: number;
  name: string;
  members: readonly MemberPart[];
  error: LabError | undefined;
  inode: number;
}

interface KnownRecording {
  stamp: string;
  row: RecordingRow;
  /** What a search looks through, in lower case. */
  words: string;
}

/** Files looked at beside each other. */
const AT_ONCE = 64;
/** Nobody waits longer for what was cut off to be finished; ms. It goes on. */
const RECOVER_MS = 30_000;
/** What was found is kept that long after the last change. */
const KEEP_MS = 2000;

/** The library of a folder. Reads what it has not seen before; a list of known files costs a `stat` each. */
export async function openLibrary(options: LibraryOptions): Promise<Library> {
  const library = new Library(options);
  if (options.cachePath !== undefined) library.adopt(await readCache(options.cachePath));
  return library;
}

/**
 * The recordings in the recordings folder, and those that Labwire put elsewhere: finished, running, cut off or damaged. Ids come from the files (of one that cannot be read: from its name)
 * and are never a path. It deletes nothing.
 */
export class Library implements AsyncDisposable {
  readonly #options: LibraryOptions;
  readonly #disk: Disk;
  readonly #files = new Map<string, KnownFile>();
  readonly #recordings = new Map<string, KnownRecording>();
  readonly #listeners = new Set<() => void>();
  #paths = new Map<string, string[]>();
  /** Of messages: listed, and read by nothing here. */
  #sessions = new Map<string, RecordingRow>();
  /** Stamps of those that are no recordings of ours, or cannot be read. */
  readonly #plain = new Map<string, string>();
  #watch: FolderWatch | undefined;
  readonly #messageStates: KnownStates = new Map();
  #problem = '';
  #recovering: Promise<unknown> = Promise.resolve();
  readonly #changes = new Set<Promise<unknown>>();
  #scanning: Promise<RecordingRow[]> | undefined;
  #marks = new Map<string, RecordingMark>();
  #keeping: Disposable | undefined;
  #isChanged = false;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.#disk = options.disk ?? systemDisk;
  }

  get folder(): string {
    return this.#options.folder();
  }

  /** What the last list lacks, in a sentence; '' if nothing. */
  get problem(): string {
    return this.#problem;
  }

  /** All its folders, the recordings folder first. */
  get folders(): string[] {
    return this.#places.map(({ path }) => path);
  }

  /**
   * Finishes what a crash left behind in all its folders, see `recoverFolder`; one folder after the other, and one call after the other. A folder that
   * cannot be read is in the result, as `unreadable`; what takes longer than 30 s goes on and is not in the result.
   */
  async recover(): Promise<RecoveredFile[]> {
    const { clock } = this.#options;
    const results: RecoveredFile[] = [];
    const done = this.#recovering.then(async () => {
      for (const folder of this.folders) {
        const files = await recoverFolder(folder, clock, this.#disk).catch((error: unknown): RecoveredFile[] => [
          { path: folder, state: 'unreadable', error: LabError.from(error) },
        ]);
        results.push(...files);
        if (files.some(({ state }) => state === 'finished')) this.#changed();
      }
    });
    this.#recovering = done;
    let timer: Disposable | undefined;
    const late = new Promise<void>((resolve) => {
      timer = clock.after(RECOVER_MS, resolve);
    });
    await Promise.race([done, late]);
    timer?.[Symbol.dispose]();
    return [...results];
  }

  /** Goes on with what was known before: files that are as they were are not read again. */
  adopt({ files, recordings, marks }: LibraryCache): void {
    for (const [path, file] of Object.entries(files)) this.#files.set(path, { ...file, error: undefined });
    for (const [id, recording] of Object.entries(recordings)) this.#recordings.set(id, recording);
    this.#marks = new Map(Object.entries(marks));
  }

  /**
   * Newest first. A missing folder is an empty one. `search`: every word must be in the name, notes, tags, operator, an instrument or a channel.
   * @throws LabError recording.denied, recording.failed
   */
  async list(search = ''): Promise<RecordingRow[]> {
    await Promise.allSettled(this.#changes);
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    const rows = await this.#scanning;
    const wanted = search.toLowerCase().split(/\s+/).filter(Boolean);
    if (wanted.length === 0) return rows;
    return rows.filter((row) => {
      const words = this.#recordings.get(row.id)?.words ?? row.name.toLowerCase();
      return wanted.every((word) => words.includes(word));
    });
  }

  /** @throws LabError recording.unknown */
  async row(id: string): Promise<RecordingRow> {
    const row = (await this.list()).find((candidate) => candidate.id === id);
    if (!row) throw this.#unknown(id);
    return row;
  }

  /** Its files, in the order of its parts. @throws LabError recording.unknown */
  async pathsOf(id: string): Promise<string[]> {
    return (await this.row(id)).paths;
  }

  /** Files are made anew: what lies there meanwhile is nobody's business, so lists wait for the end. The work must not ask for one. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#changes.add(work);
    try {
      return await work;
    } finally {
      this.#changes.delete(work);
    }
  }

  /** Keeps what was found out about a recording, as long as its files stay as they are. */
  mark(id: string, change: Partial<Pick<RecordingMark, 'verified' | 'uploaded'>>): void {
    const stamp = this.#recordings.get(id)?.stamp ?? this.#plain.get(id);
    if (stamp === undefined) return;
    const before = this.#marks.get(id);
    const same = before?.stamp === stamp ? before : { verified: null, uploaded: null };
    this.#marks.set(id, { ...same, ...change, stamp });
    this.#keep();
    this.#changed();
  }

  /** Its files are gone. */
  forget(id: string): void {
    this.#recordings.delete(id);
    this.#paths.delete(id);
    this.#marks.delete(id);
    this.#keep();
    this.#changed();
  }

  /** The caller disposes it. @throws LabError recording.unknown, recording.foreign: a session of messages; or why it cannot be read */
  async open(id: string): Promise<Recording> {
    let paths = this.#paths.get(id);
    if (!paths || !(await this.#areThere(paths))) {
      await this.list();
      paths = this.#paths.get(id);
    }
    if (!paths) throw this.#notOpened(id);
    return this.#openPaths(paths);
  }

  /** Calls when files have come, gone or changed in the folder, and have kept still since; disposing ends it. Where the system cannot watch, a look now and then finds out. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    this.#watch ??= new FolderWatch({
      folders: () => this.folders,
      clock: this.#options.clock,
      disk: this.#disk,
      // A part that is being written changes all the time.
      isWatched: (name) => name.endsWith(FILE_EXTENSION),
      limits: this.#options.watch,
      changed: () => {
        for (const listener of this.#listeners) listener();
      },
      appeared: this.#options.appeared,
    });
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    this.#watch?.[Symbol.dispose]();
    await this.#scanning?.catch(() => undefined);
    this.#keeping?.[Symbol.dispose]();
    await this.#write();
  }

  async #scan(): Promise<RecordingRow[]> {
    void this.#watch?.look();
    const { listed, problems } = await listFolders(this.#places, this.#disk);
    const isRecording = (name: string): boolean =>
      name.endsWith(FILE_EXTENSION) || name.endsWith(FILE_EXTENSION + PART_SUFFIX);
    const readable: (KnownFile & { path: string })[] = [];
    const unreadable: { path: string; file: KnownFile }[] = [];
    const seen = new Set<string>();
    const all = listed.flatMap(({ path, names, recordings }) =>
      names.filter(isRecording).map((name) => ({ path: join(path, name), recordings })),
    );
    const looked = all.slice(0, this.#options.maxFiles ?? MAX_FILES);
    if (looked.length < all.length) {
      problems.push(
        `${this.folders.join(' and ')} hold ${all.length} files of recordings; ${looked.length} of them are looked at, the others are not in this list. Move some elsewhere.`,
      );
    }
    this.#problem = problems.join(' ');
    for (let at = 0; at < looked.length; at += AT_ONCE) {
      const some = looked.slice(at, at + AT_ONCE);
      for (const [index, file] of (await Promise.all(some.map(({ path }) => this.#look(path)))).entries()) {
        const { path, recordings } = some[index] ?? {};
        if (!file || path === undefined) continue;
        seen.add(path);
        // What else lies in somebody's own folder is no business of the library.
        if (recordings && !recordings.has(file.id)) continue;
        if (file.id === '') unreadable.push({ path, file });
        else readable.push({ path, ...file });
      }
    }
    const groups = groupFiles(readable);
    for (const copy of takeCopies(groups)) groups.set(this.#plainId(copy.path), [copy]);
    for (const path of this.#files.keys()) if (!seen.has(path)) this.#files.delete(path);
    this.#plain.clear();
    const rows = unreadable.map(({ path, file }) =>
      this.#markedPlain(unreadableRow(this.#plainId(path), path, file), file.stamp),
    );
    for (const id of this.#recordings.keys()) if (!groups.has(id)) this.#recordings.delete(id);
    this.#paths = new Map([...groups].map(([id, files]) => [id, files.map(({ path }) => path)]));
    for (const { path } of unreadable) this.#paths.set(this.#plainId(path), [path]);
    for (const [id, files] of groups) {
      const paths = files.map(({ path }) => path);
      const row = await this.#rowOf(id, paths, files.map(({ stamp }) => stamp).join());
      if (row) rows.push(row);
    }
    const open = this.#options.openSessions?.();
    this.#sessions = new Map();
    for (const { path, names, recordings } of listed) {
      if (recordings) continue;
      for (const row of await messageRows(path, names, this.#disk, open, this.#messageStates)) {
        if (!this.#sessions.has(row.id)) this.#sessions.set(row.id, row);
      }
    }
    const sessions = [...this.#sessions.values()];
    // Their files are all that is known of them.
    rows.push(...sessions.map((row) => this.#markedPlain(row, `${row.paths.join()}:${row.bytes}:${row.durationS}`)));
    if (this.#isChanged) this.#keep();
    return rows.sort((a, b) => (BigInt(a.startedNs) < BigInt(b.startedNs) ? 1 : -1));
  }

  async #look(path: string): Promise<KnownFile | undefined> {
    const entry = await this.#disk.stat(path).catch(() => undefined);
    if (!entry) return undefined;
    // The writer of a part may die without touching it.
    const isAlive = await isBeingWritten(this.#disk, path);
    const stamp = `${path}:${entry.bytes}:${entry.modifiedMs}:${entry.inode}:${isAlive}`;
    const known = this.#files.get(path);
    if (known?.stamp === stamp) return known;
    const file: KnownFile = { stamp, id: '', part: 1, name: '', members: [], error: undefined, inode: entry.inode };
    if (known && known.id !== '' && known.inode === entry.inode) {
      const { id, part, name, members } = known;
      Object.assign(file, { id, part, name, members });
    } else await this.#readId(path, file, isAlive);
    this.#files.set(path, file);
    this.#isChanged = true;
    return file;
  }

  async #readId(path: string, file: KnownFile, isRunning: boolean): Promise<void> {
    try {
      const part = await openPart(this.#disk, path, { isRunning });
      file.id = part.head.id;
      file.part = part.head.part;
      file.name = part.head.name;
      file.members = part.head.members;
      await part.file.close();
    } catch (error) {
      file.error = LabError.from(error);
    }
  }

  async #rowOf(id: string, paths: string[], stamp: string): Promise<RecordingRow | undefined> {
    const known = this.#recordings.get(id);
    if (known?.stamp === stamp) return this.#marked(known);
    try {
      await using recording = await this.#openPaths(paths);
      const row = rowUnder(id, recording);
      const made = { stamp, row, words: wordsOf(recording) };
      this.#recordings.set(id, made);
      this.#isChanged = true;
      return this.#marked(made);
    } catch (error) {
      // Gone, or changed, since it was looked at: the next list tells.
      const file = { stamp, id, part: 1, name: '', members: [], error: LabError.from(error), inode: 0 };
      return paths[0] === undefined ? undefined : unreadableRow(this.#plainId(paths[0]), paths[0], file);
    }
  }

  async #openPaths(paths: string[]): Promise<Recording> {
    const parts: PartIndex[] = [];
    try {
      for (const path of paths) {
        parts.push(await openPart(this.#disk, path, { isRunning: await isBeingWritten(this.#disk, path) }));
      }
      return await joinParts(this.#disk, parts);
    } catch (error) {
      await Promise.all(parts.map((part) => part.file.close().catch(() => undefined)));
      throw error;
    }
  }

  #markedPlain(row: RecordingRow, stamp: string): RecordingRow {
    this.#plain.set(row.id, stamp);
    return this.#marked({ row, stamp });
  }

  #marked({ row, stamp }: Pick<KnownRecording, 'row' | 'stamp'>): RecordingRow {
    const mark = this.#marks.get(row.id);
    if (mark?.stamp !== stamp) return row;
    return { ...row, verified: mark.verified, uploaded: mark.uploaded };
  }

  #notOpened(id: string): LabError {
    const session = this.#sessions.get(id);
    if (!session) return this.#unknown(id);
    return new LabError(
      'recording.foreign',
      `“${session.name}” is a session of messages (${session.format}), for programs that read this format. Labwire lists it, sends it away and throws it away, but reads no samples from it. Its files: ${session.paths.join(', ')}.`,
      { id },
    );
  }

  #unknown(id: string): LabError {
    return new LabError(
      'recording.unknown',
      `There is no recording ${id} in ${this.folders.join(' or ')}. Look at the list again; its files may have been moved.`,
      { id },
    );
  }

  #keep(): void {
    this.#isChanged = true;
    if (this.#options.cachePath === undefined) return;
    this.#keeping ??= this.#options.clock.after(KEEP_MS, () => {
      this.#keeping = undefined;
      void this.#write();
    });
  }

  async #write(): Promise<void> {
    const { cachePath } = this.#options;
    if (cachePath === undefined || !this.#isChanged) return;
    this.#isChanged = false;
    const readable = [...this.#files].filter(([, { id }]) => id !== '');
    const files = Object.fromEntries(
      readable.map(([path, { stamp, id, part, name, members, inode }]) => [
        path,
        { stamp, id, part, name, members: [...members], inode },
      ]),
    );
    // A running recording is another one the next moment.
    const recordings = Object.fromEntries([...this.#recordings].filter(([, { row }]) => row.state !== 'recording'));
    await writeCache(cachePath, { version: 2, files, recordings, marks: Object.fromEntries(this.#marks) });
  }

  async #areThere(paths: string[]): Promise<boolean> {
    for (const path of paths) if (!(await this.#disk.stat(path).catch(() => undefined))) return false;
    return true;
  }

  get #places(): OtherFolder[] {
    return libraryFolders(this.folder, this.#options.others?.() ?? []);
  }

  /** Of a file that says of no recording that it is its own: by its name; elsewhere, where the same name may be, by its path. */
  #plainId(path: string): string {
    const own = dirname(path) === resolve(this.folder) ? basename(path) : path;
    return `file-${createHash('sha256').update(own).digest('hex').slice(0, 16)}`;
  }

  #changed(): void {
    this.#watch?.touch();
  }
}

function wordsOf({ info }: Recording): string {
  const { name, notes, operator, tags, instruments, channels } = info;
  const about = instruments.flatMap(({ id, idn, label }) => [id, idn, label]);
  return [name, notes, operator, ...tags, ...about, ...channels.flatMap(({ id, label }) => [id, label])]
    .join('\n')
    .toLowerCase();
}

/** A copy is listed for itself, as its file is called: it says that it is the recording it was copied from. */
function rowUnder(id: string, recording: Recording): RecordingRow {
  const row = recordingRow(recording);
  if (row.id === id) return row;
  const reason = `A copy of “${row.name}”, which lies beside it. It can be looked at and exported; its notes and name are those of the other.`;
  return { ...row, id, name: basename(row.paths[0] ?? row.name), reason: row.reason ?? reason };
}

function unreadableRow(id: string, path: string, { error, stamp }: KnownFile): RecordingRow {
  const [bytes, modifiedMs] = stamp
    .slice(path.length + 1)
    .split(':')
    .map(Number);
  return {
    id,
    name: basename(path),
    paths: [path],
    startedNs: String(BigInt(Math.round(modifiedMs ?? 0)) * 1_000_000n),
    durationS: 0,
    bytes: bytes ?? 0,
    instruments: [],
    channels: 0,
    state: 'damaged',
    reason: error?.message ?? 'It cannot be read.',
    format: 'labwire',
    operator: '',
    notes: '',
    tags: [],
    verified: null,
    uploaded: null,
    preview: [],
  };
}
