import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';

/** A change of a file takes milliseconds: a lock that is older belongs to nobody who still works. */
const STALE_MS = 10_000;
const RETRY_MS = 20;
const WAIT_MS = 15_000;

const holder = z.object({ pid: z.int().positive(), host: z.string(), nonce: z.string() });

/** Turns of this process, by lock file: within a process they queue here and never meet at the file. */
const turns = new Map<string, Promise<void>>();
/** Locks of this process: one with our pid that is not among them was left by a process before us that had the same number. */
const own = new Set<string>();

/**
 * Carries out `action` while nobody else does, in this process or another, under the lock file `path`. A lock left by a process that ended is taken over.
 * Throws hub.storage if the lock cannot be had within 15 s or not be written, and what the action throws.
 */
export async function inTurn<T>(path: string, clock: Clock, action: () => Promise<T>): Promise<T> {
  const before = turns.get(path) ?? Promise.resolve();
  const mine = before.then(() => withLock(path, clock, action));
  const settled = mine.then(
    () => undefined,
    () => undefined,
  );
  turns.set(path, settled);
  try {
    return await mine;
  } finally {
    if (turns.get(path) === settled) turns.delete(path);
  }
}

async function withLock<T>(path: string, clock: Clock, action: () => Promise<T>): Promise<T> {
  const nonce = randomUUID();
  await takeLock(path, nonce, clock);
  own.add(nonce);
  try {
    return await action();
  } finally {
    // Taken over meanwhile (this machine slept): it is another's now.
    if ((await readText(path)).includes(nonce)) await rm(path, { force: true });
    own.delete(nonce);
  }
}

async function takeLock(path: string, nonce: string, clock: Clock): Promise<void> {
  for (let waitedMs = 0; waitedMs <= WAIT_MS; waitedMs += RETRY_MS) {
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname(), nonce }));
      } finally {
        await file.close();
      }
      return;
    } catch (cause) {
      if (systemCode(cause) !== 'EEXIST') {
        const text = `The lock ${path} cannot be written (${systemCode(cause)}). Nothing was changed. Check the rights of the folder and the space on its disk.`;
        throw new LabError('hub.storage', text, {}, { cause });
      }
    }
    if (await clearStale(path)) continue;
    await delay(clock, RETRY_MS);
  }
  const text = `Another Labwire has been changing the users and tokens for ${WAIT_MS / 1000} s (${path}). Nothing was changed; measurements are not concerned. Try again, or remove that file if no other Labwire runs.`;
  throw new LabError('hub.storage', text);
}

/** Removes a lock nobody holds; true if one was removed. Who removes has the claim, so that of two only one looks and removes. */
async function clearStale(path: string): Promise<boolean> {
  if (!(await isStale(path))) return false;
  const claim = `${path}.claim`;
  try {
    await (await open(claim, 'wx', 0o600)).close();
  } catch {
    if (await isOld(claim)) await rm(claim, { force: true });
    return false;
  }
  try {
    const isStill = await isStale(path);
    if (isStill) await rm(path, { force: true });
    return isStill;
  } finally {
    await rm(claim, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  if (await isOld(path)) return true;
  const parsed = holder.safeParse(parseJson(await readText(path)));
  // Unreadable and young: its holder is about to write its name.
  if (!parsed.success || parsed.data.host !== hostname()) return false;
  const { pid, nonce } = parsed.data;
  if (pid === process.pid) return !own.has(nonce);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it runs, under another user.
    return systemCode(error) !== 'EPERM';
  }
}

async function isOld(path: string): Promise<boolean> {
  const about = await stat(path).catch(() => undefined);
  // Ages of files are the system's time, whatever the clock of the hub is.
  return about !== undefined && Date.now() - about.mtimeMs > STALE_MS;
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `ENOENT`, or the message of what is no error of the system. */
export function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? String(error);
}
