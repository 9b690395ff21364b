import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, parse } from 'node:path';
import { promisify } from 'node:util';
import { LabError } from '../../core/errors.ts';
import { systemCode, systemDisk } from '../recording/disk.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';

const MAX_NAMES = 1000;

export interface TrashPlace {
  platform?: NodeJS.Platform;
  /** Home folder; and where data of programs lie on Linux (XDG_DATA_HOME). */
  home?: string;
  dataHome?: string | undefined;
}

/**
 * Puts files into the trash of the system, from which a person can take them back: on Linux as the freedesktop.org trash specification 1.0 says, on macOS into `~/.Trash`, on
 * Windows into the recycle bin. Nothing is ever deleted: what cannot be put there stays where it is, and of several files all go or none, except that Windows gives none back.
 * @throws LabError recording.denied
 */
export async function moveToTrash(paths: readonly string[], place: TrashPlace = {}): Promise<void> {
  const { platform = process.platform, home = homedir(), dataHome = process.env.XDG_DATA_HOME } = place;
  const back: (() => Promise<void>)[] = [];
  const gone: string[] = [];
  for (const path of paths) {
    try {
      if (platform === 'win32') {
        await recycle(path);
        gone.push(path);
      } else if (platform === 'darwin') {
        const there = await freePath(join(home, '.Trash'), basename(path));
        await rename(path, there);
        back.push(() => rename(there, path));
      } else back.push(await trashLinux(path, dataHome || join(home, '.local', 'share')));
    } catch (error) {
      for (const undo of back.reverse()) await undo().catch((failed: unknown) => gone.push(String(failed)));
      const rest =
        gone.length === 0
          ? 'Nothing was put there: all is where it was; delete it by hand if you want it gone.'
          : `It is where it was; in the trash are already: ${gone.join(', ')}. Take these back, or try again.`;
      throw new LabError(
        'recording.denied',
        `${path} could not be put into the trash (${systemCode(error) || error}). ${rest}`,
        { path },
        { cause: error },
      );
    }
  }
}

/** Puts the files of a recording there. What is made anew whenever it is wanted, their sidecars, goes for good. @throws LabError recording.denied */
export async function trashRecording(paths: readonly string[]): Promise<void> {
  await moveToTrash(paths);
  for (const path of paths) await systemDisk.remove(pyramidPath(path)).catch(() => undefined);
}

/** Gives what takes it back. The home trash, or on another file system the one at its top, so that nothing is copied. */
async function trashLinux(path: string, dataHome: string): Promise<() => Promise<void>> {
  const trash = join(dataHome, 'Trash');
  await mkdir(trash, { recursive: true, mode: 0o700 });
  const isHere = (await stat(path)).dev === (await stat(trash)).dev;
  const top = isHere ? undefined : await topOf(path);
  const folder = top === undefined ? trash : join(top, `.Trash-${process.getuid?.() ?? 0}`);
  await mkdir(join(folder, 'files'), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, 'info'), { recursive: true, mode: 0o700 });
  const { name, ext } = parse(path);
  for (let number = 1; number <= MAX_NAMES; number++) {
    const free = number === 1 ? name + ext : `${name} ${number}${ext}`;
    const info = join(folder, 'info', `${free}.trashinfo`);
    const written = top === undefined ? path : path.slice(top.length + 1);
    const text = `[Trash Info]\nPath=${written.split('/').map(encodeURIComponent).join('/')}\nDeletionDate=${localTime(new Date())}\n`;
    try {
      // The name belongs to whoever makes its info file.
      await writeFile(info, text, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue;
      throw error;
    }
    try {
      const there = join(folder, 'files', free);
      await rename(path, there);
      return async () => {
        await rename(there, path);
        await rm(info, { force: true });
      };
    } catch (error) {
      await rm(info, { force: true });
      throw error;
    }
  }
  throw new Error('no free name in the trash');
}

/** Top folder of the file system. */
async function topOf(path: string): Promise<string> {
  const { dev } = await stat(path);
  let top = dirname(path);
  for (let above = dirname(top); above !== top && (await stat(above)).dev === dev; above = dirname(top)) top = above;
  return top;
}

async function freePath(folder: string, name: string): Promise<string> {
  const { name: stem, ext } = parse(name);
  for (let number = 1; number <= MAX_NAMES; number++) {
    const path = join(folder, number === 1 ? name : `${stem} ${number}${ext}`);
    if (!(await stat(path).catch(() => undefined))) return path;
  }
  throw new Error('no free name in the trash');
}

/** The path goes by the environment: nothing in it is read as a command. */
async function recycle(path: string): Promise<void> {
  const script =
    "Add-Type -AssemblyName Microsoft.VisualBasic; [Microsoft.VisualBasic.FileIO.FileSystem]::DeleteFile($env:LABWIRE_TRASH, 'OnlyErrorDialogs', 'SendToRecycleBin')";
  await promisify(execFile)('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script], {
    env: { ...process.env, LABWIRE_TRASH: path },
    windowsHide: true,
  });
}

/** `2026-03-04T05:06:07`, local, as the specification wants it. */
function localTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
