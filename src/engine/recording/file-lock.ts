import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Disk } from './disk.ts';

/** Who writes a file. The start of the process tells a reused pid apart (containers start every engine as pid 1). */
const holder = z.object({ pid: z.int().positive(), bootId: z.string(), host: z.string(), started: z.string() });
export type LockHolder = z.infer<typeof holder>;

/** A file on a shared folder whose writer sits on another machine counts as being written while it was touched this recently. */
const FOREIGN_HOST_MS = 300_000;

/** This process. Without /proc the boot id is '' and the pid decides alone. */
export function lockHolder(pid = process.pid): LockHolder {
  return { pid, bootId: readSystem('/proc/sys/kernel/random/boot_id'), host: hostname(), started: startOf(pid) };
}

/** Who is named in a lock; undefined if nobody readable is. */
export function parseHolder(text: string): LockHolder | undefined {
  const parsed = holder.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** Whether the writer named in a lock still runs. `modifiedMs` is when the file it writes was changed last. */
export function isHolderAlive(text: string, modifiedMs: number, nowMs: number): boolean {
  const named = parseHolder(text);
  if (!named) return false;
  const { pid, bootId, host, started } = named;
  const here = lockHolder();
  if (host !== here.host) return nowMs - modifiedMs < FOREIGN_HOST_MS;
  if (bootId !== here.bootId) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return started === startOf(pid);
}

/** Writes a lock through a temporary name, so that a reader never sees half of it. Rejects with the system's error; the temporary is gone then. */
export async function writeLock(disk: Disk, path: string): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}`;
  try {
    await disk.writeText(temporary, `${JSON.stringify(lockHolder())}\n`);
    await disk.rename(temporary, path);
  } catch (error) {
    // A full disk has taken its name, and perhaps some of it.
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** Of the files whose locks are ours to write: parts of recordings, and sessions of messages. */
const TEMPORARY = /^(?:.+\.mcap\.part|stream_.+)\.lock\.[\da-f]{8}$/;
/** One that is being written is milliseconds old. */
const TEMPORARY_MS = 60_000;

/** Removes temporaries of locks that a crash left in a folder; `names`: what is in it. Never rejects. */
export async function sweepLocks(disk: Disk, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!TEMPORARY.test(name)) continue;
    const path = join(folder, name);
    const entry = await disk.stat(path).catch(() => undefined);
    if (entry && Date.now() - entry.modifiedMs > TEMPORARY_MS) await disk.remove(path).catch(() => undefined);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readSystem(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

/**
 * Start of a process in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)); counted after the name, which may hold spaces.
 * One that has ended and waits for its parent writes no more: 'zombie'.
 */
function startOf(pid: number): string {
  const stat = readSystem(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? 'zombie' : (fields[19] ?? '');
}
