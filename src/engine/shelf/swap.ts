import { rm } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import { type Disk, diskError } from '../recording/disk.ts';
import { FILE_EXTENSION, LOCK_SUFFIX } from '../recording/file-layout.ts';
import { isHolderAlive } from '../recording/file-lock.ts';
import { freeName } from '../recording/part-file.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';

/** Folders in which a recording is made that will take the place of another; beside it. */
export const SWAP_PREFIX = '.thinning-';
/** In such a folder: its owner, and once the new files are whole, what is to be done. */
export const SWAP_LOCK = `owner${LOCK_SUFFIX}`;
const PLAN = 'swap.json';
/** Behind the names of files that make room. */
const ASIDE = ' whole';

/** Paths from the folder in which the swap folder lies. */
const plan = z.object({
  version: z.literal(1),
  old: z.array(z.object({ path: z.string(), aside: z.string() })),
  made: z.array(z.object({ from: z.string(), path: z.string(), bytes: z.number() })),
});
type Plan = z.infer<typeof plan>;

export type Trash = (paths: readonly string[]) => Promise<void>;

/**
 * Puts files that are whole in the place of others, which go to the trash. The old ones make room first, under another name in their own folder, so a library still finds them; then the new
 * ones take the names; then the old ones go. What is planned is written down before, so that whatever ends it, `recoverSwaps` goes back, or on once a file has gone to the trash.
 * Gives the new paths. Rejects when everything is as it was, or, with the plan kept, as `recoverSwaps` will make it.
 */
export async function swapFiles(
  disk: Disk,
  folder: string,
  made: readonly string[],
  old: readonly string[],
  trash: Trash,
): Promise<string[]> {
  const root = dirname(folder);
  const todo = await planOf(disk, root, made, old);
  await writePlan(disk, folder, todo);
  const at = (path: string): string => join(root, path);
  try {
    for (const { path, aside } of todo.old) {
      // It belongs to the file that has the name, and is made anew when it is wanted.
      await disk.remove(pyramidPath(at(path))).catch(() => undefined);
      await disk.rename(at(path), at(aside));
    }
    for (const { from, path } of todo.made) await disk.rename(at(from), at(path));
    await disk.syncFolder(root);
    await trash(todo.old.map(({ aside }) => at(aside)));
  } catch (error) {
    // What goes wrong here is left to the next start.
    await turnBack(disk, folder, todo).catch(() => undefined);
    throw error instanceof LabError ? error : diskError(error, at(todo.old[0]?.path ?? ''));
  }
  // From here on it is done: a plan that stays is found done at the next start.
  await disk.remove(join(folder, PLAN)).catch(() => undefined);
  return todo.made.map(({ path }) => at(path));
}

/** Whether a swap folder holds a plan: then it must stay. */
export async function hasPlan(disk: Disk, folder: string): Promise<boolean> {
  return (await disk.stat(join(folder, PLAN))) !== undefined;
}

/**
 * Ends what was cut off: goes back where every old file is there, on to the end where one went to the trash, and removes what was not finished. Of a living owner nothing is touched.
 * Gives what could not be ended, in sentences; it is tried again at the next start.
 */
export async function recoverSwaps(disk: Disk, root: string, trash: Trash): Promise<string[]> {
  const problems: string[] = [];
  const names = await disk.list(root).catch(() => []);
  for (const name of names.filter((candidate) => candidate.startsWith(SWAP_PREFIX))) {
    const folder = join(root, name);
    try {
      if (await isOwned(disk, folder)) continue;
      const text = await disk.readText(join(folder, PLAN));
      if (text !== undefined) await end(disk, folder, plan.parse(JSON.parse(text)), trash);
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      problems.push(
        `A thinning that was cut off could not be ended (${LabError.from(error).message}). Nothing is lost: what it was doing is written in ${join(folder, PLAN)}; it is tried again at the next start.`,
      );
    }
  }
  return problems;
}

async function end(disk: Disk, folder: string, todo: Plan, trash: Trash): Promise<void> {
  if (await turnBack(disk, folder, todo)) return;
  const at = (path: string): string => join(dirname(folder), path);
  for (const { from, path } of todo.made) {
    if (await disk.stat(at(from))) await disk.rename(at(from), at(path));
  }
  const left: string[] = [];
  for (const { aside } of todo.old) if (await disk.stat(at(aside))) left.push(at(aside));
  if (left.length > 0) await trash(left);
  await disk.remove(join(folder, PLAN));
}

/** Back, if it is not too late for that; whether it was. */
async function turnBack(disk: Disk, folder: string, todo: Plan): Promise<boolean> {
  if (!(await areThere(disk, dirname(folder), todo))) return false;
  await goBack(disk, folder, todo);
  return true;
}

/** Whether every old file is there still, under its name or aside. */
async function areThere(disk: Disk, root: string, { old, made }: Plan): Promise<boolean> {
  const has = async (path: string): Promise<boolean> => (await disk.stat(join(root, path))) !== undefined;
  let isPlaced = false;
  // A new file may have the name of an old one: then all old ones had made room.
  for (const { from } of made) isPlaced ||= !(await has(from));
  for (const { path, aside } of old) {
    if (!(await has(aside)) && (isPlaced || !(await has(path)))) return false;
  }
  return true;
}

async function goBack(disk: Disk, folder: string, { old, made }: Plan): Promise<void> {
  const root = dirname(folder);
  const at = (path: string): string => join(root, path);
  for (const { from, path, bytes } of made) {
    if (await disk.stat(at(from))) continue;
    // Only what was put there.
    if ((await disk.stat(at(path)))?.bytes === bytes) await disk.rename(at(path), at(from));
  }
  for (const { path, aside } of old) {
    if (await disk.stat(at(aside))) await disk.rename(at(aside), at(path));
  }
  await disk.syncFolder(root);
  await disk.remove(join(folder, PLAN));
}

async function isOwned(disk: Disk, folder: string): Promise<boolean> {
  const lock = await disk.readText(join(folder, SWAP_LOCK));
  if (lock === undefined) return false;
  return isHolderAlive(lock, (await disk.stat(folder))?.modifiedMs ?? 0, Date.now());
}

async function planOf(disk: Disk, root: string, made: readonly string[], old: readonly string[]): Promise<Plan> {
  const stemOf = (path: string): string => join(dirname(path), basename(path, FILE_EXTENSION));
  const todo: Plan = { version: 1, old: [], made: [] };
  for (const path of old) {
    const aside = await freeName(disk, stemOf(path) + ASIDE);
    todo.old.push({ path: relative(root, path), aside: relative(root, aside) });
  }
  for (const from of made) {
    const wanted = join(root, basename(from));
    const path = old.includes(wanted) ? wanted : await freeName(disk, stemOf(wanted));
    const bytes = (await disk.stat(from))?.bytes ?? 0;
    todo.made.push({ from: relative(root, from), path: relative(root, path), bytes });
  }
  return todo;
}

/** Whole and on the platter, or not there. */
async function writePlan(disk: Disk, folder: string, todo: Plan): Promise<void> {
  const path = join(folder, PLAN);
  try {
    const file = await disk.open(`${path}.tmp`, 'create');
    try {
      await file.write([new TextEncoder().encode(JSON.stringify(todo))], 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(`${path}.tmp`, path);
    await disk.syncFolder(folder);
  } catch (error) {
    throw diskError(error, path);
  }
}
