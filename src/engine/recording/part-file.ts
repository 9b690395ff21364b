import { dirname, join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { diskError, systemCode } from './disk.ts';
import { FILE_EXTENSION, LOCK_SUFFIX, PART_SUFFIX } from './file-layout.ts';
import { writeLock } from './file-lock.ts';
import type { Piece } from './part-format.ts';

const MAX_NAMES = 1000;
/** Buffers in one write; the system's limit (IOV_MAX) is 1024. */
const MAX_BUFFERS = 512;

/**
 * One file being written: `NAME.mcap.part` and its lock. Appends strictly one after the other; syncs run beside the next write, and commit what
 * was appended before they began. Every method rejects with a LabError; after one, only `truncate`, `append`, `finish` (to save what is there) and `abandon` make sense.
 */
export class PartFile {
  readonly path: string;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #inode: number;
  readonly #syncBytes: number;
  #end: number;
  #unsynced = 0;
  /** Appended and not synced yet, with the end of each. */
  #pending: { end: number; piece: Piece }[] = [];
  #syncing: Promise<void> | undefined;
  #syncError: unknown;

  constructor(disk: Disk, path: string, file: DiskFile, inode: number, end: number, syncBytes: number) {
    this.#disk = disk;
    this.path = path;
    this.#file = file;
    this.#inode = inode;
    this.#end = end;
    this.#syncBytes = syncBytes;
  }

  /** End of what was written. */
  get end(): number {
    return this.#end;
  }

  /** Writes a piece at the end; the next sync commits it. Starts one each `syncBytes`, or as soon as the one before has ended. */
  async append(piece: Piece): Promise<void> {
    try {
      this.#throwSyncError();
      await this.#write(piece.buffers, piece.bytes);
    } catch (error) {
      throw diskError(error, this.path);
    }
    this.#pending.push({ end: this.#end, piece });
    this.#unsynced += piece.bytes;
    if (this.#unsynced >= this.#syncBytes && !this.#syncing) this.#startSync();
  }

  /** Everything appended so far is on the platter, and committed, when it resolves. */
  async sync(): Promise<void> {
    try {
      await this.#syncsEnded();
      this.#throwSyncError();
      if (this.#unsynced > 0) {
        this.#startSync();
        await this.#syncsEnded();
        this.#throwSyncError();
      }
    } catch (error) {
      throw diskError(error, this.path);
    }
  }

  /** Rejects with `recording.folder-gone` when the path no longer leads to the open file: the system would write on into nothing. */
  async inspect(): Promise<void> {
    const entry = await this.#disk.stat(this.path).catch((error: unknown) => {
      throw diskError(error, this.path);
    });
    if (entry && entry.inode === this.#inode) return;
    throw new LabError(
      'recording.folder-gone',
      `The file being recorded, ${this.path}, was deleted or moved. The recording ended here. Bring the folder back or choose another, then record again.`,
      { path: this.path },
    );
  }

  /** Cuts off what is not to be kept: a half-written piece, or what a failed sync leaves in doubt. */
  async truncate(bytes: number): Promise<void> {
    await this.#syncsEnded();
    this.#syncError = undefined;
    this.#pending = [];
    await this.#file.truncate(bytes).catch((error: unknown) => {
      throw diskError(error, this.path);
    });
    this.#end = bytes;
  }

  /** Syncs, closes, gives the file its final name (a free one: nothing is overwritten) and removes the lock. Gives the name. */
  async finish(): Promise<string> {
    await this.sync();
    await this.#file.close();
    try {
      const final = await freeName(this.#disk, this.path.slice(0, -(FILE_EXTENSION + PART_SUFFIX).length));
      await this.#disk.rename(this.path, final);
      await this.#disk.syncFolder(dirname(final));
      await this.#disk.remove(this.path + LOCK_SUFFIX);
      return final;
    } catch (error) {
      throw diskError(error, this.path);
    }
  }

  /** Closes it as it is, under its `.part` name: the next start finishes it. Never rejects. */
  async abandon(): Promise<void> {
    await this.#syncsEnded();
    await this.#file.close().catch(() => undefined);
    await this.#disk.remove(this.path + LOCK_SUFFIX).catch(() => undefined);
  }

  async #write(buffers: Uint8Array[], bytes: number): Promise<void> {
    let pending = buffers.filter((buffer) => buffer.byteLength > 0);
    let position = this.#end;
    const end = this.#end + bytes;
    while (pending.length > 0) {
      const written = await this.#file.write(pending.slice(0, MAX_BUFFERS), position);
      if (written <= 0) throw new Error('the system wrote nothing');
      position += written;
      pending = dropBytes(pending, written);
    }
    if (position !== end) throw new Error('the piece is not as long as it says');
    this.#end = end;
  }

  #startSync(): void {
    this.#unsynced = 0;
    const end = this.#end;
    this.#syncing = this.#file
      .sync()
      .then(() => this.#commit(end))
      .catch((error: unknown) => {
        this.#syncError = error;
      })
      .finally(() => {
        this.#syncing = undefined;
        // Who waits until enough of it is on the platter appends nothing until then.
        if (this.#syncError === undefined && this.#unsynced >= this.#syncBytes) this.#startSync();
      });
  }

  /** One may follow another. */
  async #syncsEnded(): Promise<void> {
    while (this.#syncing) await this.#syncing;
  }

  #commit(end: number): void {
    const synced = this.#pending.filter((entry) => entry.end <= end);
    this.#pending = this.#pending.slice(synced.length);
    for (const { piece } of synced) piece.commit();
  }

  #throwSyncError(): void {
    if (this.#syncError !== undefined) throw this.#syncError;
  }
}

/** Creates `STEM.mcap.part` with its lock in the folder; if the name is taken, `STEM 2`, `STEM 3`, … */
export async function createPartFile(disk: Disk, folder: string, stem: string, syncBytes: number): Promise<PartFile> {
  for (let number = 1; number <= MAX_NAMES; number++) {
    const path = `${join(folder, numbered(stem, number))}${FILE_EXTENSION}${PART_SUFFIX}`;
    let file: DiskFile | undefined;
    try {
      if (await disk.stat(path.slice(0, -PART_SUFFIX.length))) continue;
      if (await disk.stat(path)) continue;
      // The lock first: a part without one counts as left behind.
      await writeLock(disk, path + LOCK_SUFFIX);
      file = await disk.open(path, 'create');
      const inode = (await disk.stat(path))?.inode ?? -1;
      return new PartFile(disk, path, file, inode, 0, syncBytes);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue;
      if (file) {
        await file.close().catch(() => undefined);
        await disk.remove(path).catch(() => undefined);
      }
      await disk.remove(path + LOCK_SUFFIX).catch(() => undefined);
      throw diskError(error, path);
    }
  }
  throw new LabError(
    'recording.failed',
    `No free file name like ${stem} in ${folder}. Nothing was recorded. Choose another name.`,
    {
      folder,
    },
  );
}

/**
 * Opens a part left behind, to finish it: locked for this process, its end at `end`. Where that fails nothing is held, and it counts as left behind as before.
 * @throws LabError recording.denied, recording.disk-full, recording.folder-gone, recording.failed
 */
export async function reopenPartFile(disk: Disk, path: string, end: number): Promise<PartFile> {
  let file: DiskFile | undefined;
  try {
    await writeLock(disk, path + LOCK_SUFFIX);
    file = await disk.open(path, 'update');
    await file.truncate(end);
    const inode = (await disk.stat(path))?.inode ?? -1;
    return new PartFile(disk, path, file, inode, end, Number.POSITIVE_INFINITY);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await disk.remove(path + LOCK_SUFFIX).catch(() => undefined);
    throw diskError(error, path);
  }
}

/** A name nothing has: `STEM.mcap`, else `STEM 2.mcap`, … */
export async function freeName(disk: Disk, stem: string): Promise<string> {
  for (let number = 1; number <= MAX_NAMES; number++) {
    const path = numbered(stem, number) + FILE_EXTENSION;
    if (!(await disk.stat(path))) return path;
  }
  throw new LabError('recording.failed', `No free file name like ${stem}. The recording stays under its .part name.`, {
    stem,
  });
}

function numbered(stem: string, number: number): string {
  return number === 1 ? stem : `${stem} ${number}`;
}

function dropBytes(buffers: Uint8Array[], bytes: number): Uint8Array[] {
  let index = 0;
  while (index < buffers.length) {
    const buffer = buffers[index] as Uint8Array;
    if (bytes < buffer.byteLength) {
      const rest = buffers.slice(index);
      if (bytes > 0) rest[0] = buffer.subarray(bytes);
      return rest;
    }
    bytes -= buffer.byteLength;
    index++;
  }
  return [];
}
