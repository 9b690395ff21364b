import { link, open, readdir, readFile, rename, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { makeFolder } from '../state/make-folder.ts';

/** An open file. Positions are explicit, so a failed write never moves the next one. */
export interface DiskFile {
  /** Bytes read into `target`; 0 at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Bytes written, perhaps fewer than asked (a full disk does that before it errors). Borrows the buffers until it settles. */
  write(buffers: Uint8Array[], position: number): Promise<number>;
  /** Data on the platter (fdatasync). */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface DiskEntry {
  bytes: number;
  /** ms since 1970. */
  modifiedMs: number;
  inode: number;
  /** Of the file system it lies on. */
  device: number;
}

/**
 * The system calls recordings need, so that tests can make them fail. They reject with the system's own error (`code` ENOSPC, …);
 * `diskError` makes it ours.
 */
export interface Disk {
  /** `create` fails if the file exists. */
  open(path: string, mode: 'read' | 'create' | 'update'): Promise<DiskFile>;
  /** Undefined if nothing is there. */
  stat(path: string): Promise<DiskEntry | undefined>;
  list(folder: string): Promise<string[]>;
  makeFolder(folder: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name (hard link). Rejects with EEXIST if there is one, EXDEV, EPERM, … where the two places cannot share a file. */
  link(from: string, to: string): Promise<void>;
  /** Fine if nothing is there. */
  remove(path: string): Promise<void>;
  /** Undefined if nothing is there. */
  readText(path: string): Promise<string | undefined>;
  writeText(path: string, text: string): Promise<void>;
  freeBytes(folder: string): Promise<number>;
  /** Makes a rename last through a power cut; nothing where folders cannot be synced. */
  syncFolder(folder: string): Promise<void>;
}

const OPEN_FLAGS = { read: 'r', create: 'wx+', update: 'r+' } as const;

/** The real disk. */
export const systemDisk: Disk = {
  async open(path, mode) {
    const handle = await open(path, OPEN_FLAGS[mode], 0o644);
    return {
      read: async (target, position) => (await handle.read(target, 0, target.byteLength, position)).bytesRead,
      write: async (buffers, position) => (await handle.writev(buffers, position)).bytesWritten,
      sync: () => handle.datasync(),
      truncate: (bytes) => handle.truncate(bytes),
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  },
  async stat(path) {
    try {
      const { size, mtimeMs, ino, dev } = await stat(path);
      return { bytes: size, modifiedMs: mtimeMs, inode: ino, device: dev };
    } catch (error) {
      return absent(error);
    }
  },
  list: (folder) => readdir(folder),
  makeFolder,
  rename,
  link,
  remove: async (path) => unlink(path).catch(absent),
  readText: async (path) => readFile(path, 'utf8').catch(absent),
  writeText: (path, text) => writeFile(path, text, { mode: 0o644 }),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async syncFolder(folder) {
    try {
      const handle = await open(folder, 'r');
      await handle.sync().finally(() => handle.close());
    } catch {
      // Windows opens no folder; network file systems refuse to sync one.
    }
  },
};

function absent(error: unknown): undefined {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}

/** `ENOSPC` and the like; '' for what is no error of the system. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An error of the system while recording to `path`, as ours. */
export function diskError(error: unknown, path: string): LabError {
  if (error instanceof LabError) return error;
  const code = systemCode(error);
  const details = { path, system: code };
  const cause = { cause: error };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LabError(
        'recording.disk-full',
        `The disk of ${dirname(path)} is full. The recording ended here; everything so far is intact. Free space or choose another folder, then record again.`,
        details,
        cause,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new LabError(
        'recording.denied',
        `The system does not permit writing to ${dirname(path)}. Nothing more is recorded. Choose a folder you may write, or change its permissions.`,
        details,
        cause,
      );
    case 'EEXIST':
    case 'EISDIR':
      return new LabError(
        'recording.denied',
        `${path} is ${code === 'EISDIR' ? 'a folder, where a file is wanted' : 'there already, and not what is wanted there'}. Nothing was changed. Give another path.`,
        details,
        cause,
      );
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ESTALE':
    case 'ENODEV':
    case 'ENXIO':
      return new LabError(
        'recording.folder-gone',
        `The folder or file ${path} is gone (deleted, renamed, or the drive was removed). Nothing more is recorded. Bring the folder back or choose another, then record again.`,
        details,
        cause,
      );
    default:
      return new LabError(
        'recording.failed',
        `The disk reported an error (${code || 'unknown'}: ${error instanceof Error ? error.message : String(error)}). The recording ended here; everything flushed so far is intact. Check the disk.`,
        details,
        cause,
      );
  }
}
