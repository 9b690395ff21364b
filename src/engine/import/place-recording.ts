import { link, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';

const MOST_NAMES = 1000;

/**
 * Moves the finished files of a recording into its folder, under names that nothing has there; what lies beside a file and begins with its name goes
 * with it. Gives where they are.
 * @throws LabError import.failed: no free name. The error of the system otherwise.
 */
export async function placeRecording(paths: readonly string[], folder: string): Promise<string[]> {
  const placed: string[] = [];
  for (const path of paths) {
    const target = await moveToFreeName(path, folder);
    placed.push(target);
    const beside = await readdir(dirname(path));
    for (const name of beside.filter((one) => one.startsWith(`${basename(path)}.`))) {
      const suffix = name.slice(basename(path).length);
      // Made anew if it is missing.
      await rename(join(dirname(path), name), target + suffix).catch(() => undefined);
    }
  }
  return placed;
}

async function moveToFreeName(path: string, folder: string): Promise<string> {
  const name = basename(path);
  const ending = /(\.mcap(\.part)?)$/.exec(name)?.[0] ?? '';
  const stem = name.slice(0, name.length - ending.length);
  for (let number = 1; number <= MOST_NAMES; number++) {
    const target = join(folder, `${number === 1 ? stem : `${stem} ${number}`}${ending}`);
    if (await takeName(path, target)) return target;
  }
  throw new LabError(
    'import.failed',
    `No free name like ${name} in ${folder}. Nothing was imported. Give another name.`,
  );
}

/** False if the name is taken; a link never replaces a file. */
async function takeName(path: string, target: string): Promise<boolean> {
  try {
    await link(path, target);
    await rm(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'].includes(code)) throw error;
  }
  // A file system without links.
  if ((await stat(target).catch(() => undefined)) !== undefined) return false;
  await rename(path, target);
  return true;
}
