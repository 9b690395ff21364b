import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import { isHolderAlive, lockHolder, parseHolder } from '../recording/file-lock.ts';
import { atomicWrite } from './atomic-write.ts';
import { makeFolder } from './make-folder.ts';

/** `engine.json`: how other screens find the engine of a data folder. Mode 0600, because the token opens it. */
export const announcement = z.object({
  pid: z.int(),
  url: z.string().optional(),
  token: z.string().optional(),
  version: z.string(),
});
export type Announcement = z.infer<typeof announcement>;

/** What an engine has announced there; undefined if nothing readable or its process is gone. */
export async function readAnnouncement(dataFolder: string): Promise<Announcement | undefined> {
  const text = await readFile(join(dataFolder, 'engine.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const parsed = announcement.safeParse(JSON.parse(text));
    return parsed.success && isAlive(parsed.data.pid) ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** A data folder that this process owns until disposed. */
export interface DataFolder extends AsyncDisposable {
  readonly path: string;
  announce(at: { url: string; token: string }): Promise<void>;
  /** Last stream epoch given by any engine of this folder; epochs are never reused. */
  readonly lastEpoch: number;
  keepEpoch(epoch: number): void;
}

/** Epochs are µs: keeping one a minute ahead on disk saves a write per stream. */
const EPOCH_AHEAD = 60_000_000;
/** The lock is touched that often, so that an engine on another machine sees that this one lives. */
const BEAT_MS = 60_000;

/**
 * Makes and locks the folder: one engine each. The lock is `engine.lock`, which names the process, its start and its machine; one left by a
 * process that is gone is taken over. Throws engine.folder-in-use (details: pid, url, token if announced), engine.folder-unusable.
 */
export async function openDataFolder(path: string, version: string): Promise<DataFolder> {
  const lock = join(path, 'engine.lock');
  try {
    await makeFolder(path);
    await takeLock(path, lock);
  } catch (error) {
    throw folderError(path, error);
  }
  const beat = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), BEAT_MS);
  beat.unref();
  const epochPath = join(path, 'last-epoch');
  let lastEpoch = 0;
  try {
    lastEpoch = Number(readFileSync(epochPath, 'utf8')) || 0;
  } catch {
    // A new folder: no epoch was ever given.
  }
  let ceiling = lastEpoch;
  await writeAnnouncement(path, { pid: process.pid, version });
  let disposed: Promise<void> | undefined;
  return {
    path,
    lastEpoch,
    announce: (at) => writeAnnouncement(path, { pid: process.pid, version, ...at }),
    keepEpoch(epoch) {
      if (epoch <= ceiling) return;
      try {
        writeFileSync(epochPath, String(epoch + EPOCH_AHEAD));
        ceiling = epoch + EPOCH_AHEAD;
      } catch {
        // A full disk must not keep an instrument from measuring; the next stream tries again.
      }
    },
    [Symbol.asyncDispose]() {
      disposed ??= (async () => {
        clearInterval(beat);
        await rm(join(path, 'engine.json'), { force: true });
        await rm(lock, { force: true });
        owned.delete(lock);
      })();
      return disposed;
    },
  };
}

/** Locks of this process: one with our pid that is not among them was left by an engine of it that did not close. */
const owned = new Set<string>();

async function takeLock(path: string, lock: string): Promise<void> {
  for (let attempt = 0; attempt < 4; attempt++) {
    try {
      await placeLock(lock);
      owned.add(lock);
      return;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    const text = await readLock(lock);
    if (await isHeld(lock, text)) break;
    await clearStale(lock, text);
  }
  const other = await readAnnouncement(path);
  const owner = parseHolder(await readLock(lock));
  const who = owner ? `process ${owner.pid}${owner.host === hostname() ? '' : ` on ${owner.host}`}` : 'starting';
  throw new LabError(
    'engine.folder-in-use',
    `Another Labwire engine (${who}) works on ${path}. Use its window, or start this one with --data and another folder.`,
    { pid: owner?.pid ?? 0, ...(other?.url ? { url: other.url, token: other.token } : {}) },
  );
}

async function isHeld(lock: string, text: string): Promise<boolean> {
  if (parseHolder(text)?.pid === process.pid) return owned.has(lock);
  const touched = await stat(lock).catch(() => undefined);
  return isHolderAlive(text, touched?.mtimeMs ?? 0, Date.now());
}

/** The file appears with its owner in it or not at all: an empty one would look stale to another engine. Throws EEXIST. */
async function placeLock(lock: string): Promise<void> {
  const beside = `${lock}.${randomUUID().slice(0, 8)}`;
  await writeFile(beside, JSON.stringify(lockHolder()), { mode: 0o600 });
  try {
    await link(beside, lock);
  } finally {
    await rm(beside, { force: true });
  }
}

function readLock(lock: string): Promise<string> {
  return readFile(lock, 'utf8').catch(() => '');
}

/** Moved aside before it is removed: of two engines that start at once only one moves the stale lock, the other finds the new one. */
async function clearStale(lock: string, text: string): Promise<void> {
  const aside = `${lock}.${randomUUID().slice(0, 8)}`;
  try {
    await rename(lock, aside);
    if ((await readLock(aside)) === text) await rm(aside, { force: true });
    else await rename(aside, lock);
  } catch {
    // Moved by the other one: the next attempt sees what it made of it.
  }
}

/** Whether a process of that id runs (EPERM: it runs, but is not ours). One that has ended and waits for its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** proc(5): the state follows the name in brackets. In a container whose first process reaps nobody a zombie stays for ever. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

function writeAnnouncement(path: string, value: Announcement): Promise<void> {
  return atomicWrite(join(path, 'engine.json'), JSON.stringify(value), 0o600);
}

function folderError(path: string, error: unknown): LabError {
  if (error instanceof LabError) return error;
  const code = systemCode(error) || String(error);
  return new LabError(
    'engine.folder-unusable',
    `The data folder ${path} cannot be used (${code}). Check that it is a folder you may write, or choose another with --data.`,
    { path, code },
    { cause: error },
  );
}
