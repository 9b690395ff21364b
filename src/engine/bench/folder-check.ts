import { randomUUID } from 'node:crypto';
import { access, constants, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { PreflightCheck } from '../../contract/recording-schema.ts';
import { systemCode, systemDisk } from '../recording/disk.ts';

/** What is found of a folder without making it. */
interface Look {
  /** '' if it can be written; `ENOENT` and the like. */
  wrong: string;
  device: number | undefined;
  freeBytes: number | undefined;
}

/** Whether the folders can be written, the second one too: each is tried with a file that is removed, and none is made. */
export async function checkFolders({ settings, recording }: BenchState): Promise<PreflightCheck> {
  const { recordingsFolder: folder, fallbackFolder } = settings;
  const [first, second] = await Promise.all([lookAt(folder), lookAt(fallbackFolder)]);
  const isRunning = recording.state === 'recording' || recording.state === 'waiting';
  const isMade = first.wrong === 'ENOENT' && !isRunning && (await canBeMade(folder));
  if (first.wrong !== '' && !isMade) {
    const text = `${folder} cannot be written (${first.wrong}).`;
    return { id: 'folder', verdict: 'bad', text, fix: 'Choose another recordings folder, or allow writing there.' };
  }
  const able = isMade ? `${folder} is not there yet: it is made when a recording starts` : `${folder} can be written`;
  if (fallbackFolder === '') {
    const text = `${able}. If it fails, recording waits for it: there is no second folder.`;
    return { id: 'folder', verdict: 'warning', text, fix: 'Set a second folder on another drive in Settings.' };
  }
  const wrong = wrongWithSecond(second, first, settings.diskReserveBytes);
  if (wrong) {
    return {
      id: 'folder',
      verdict: 'warning',
      text: `${able}. The second folder, ${fallbackFolder}, ${wrong[0]}.`,
      fix: wrong[1],
    };
  }
  const free = second.freeBytes === undefined ? '' : `, where ${(second.freeBytes / 1e9).toFixed(1)} GB are free`;
  return {
    id: 'folder',
    verdict: 'good',
    text: `${able}; if it fails, recording goes on in ${fallbackFolder}${free}.`,
    fix: '',
  };
}

function wrongWithSecond(second: Look, first: Look, reserveBytes: number): [what: string, fix: string] | undefined {
  if (second.wrong === 'ENOENT')
    return ['is not there: recording could not go on in it', 'Mount its drive, or make the folder.'];
  if (second.wrong !== '')
    return [`cannot be written (${second.wrong})`, 'Allow writing there, or choose another one.'];
  if (second.freeBytes !== undefined && second.freeBytes <= reserveBytes)
    return ['is on a disk that is full', 'Free space there, or choose another one.'];
  if (second.device !== undefined && second.device === first.device)
    return ['is on the same disk as the first: what stops the one stops the other', 'Choose one on another drive.'];
  return undefined;
}

async function lookAt(folder: string): Promise<Look> {
  const nothing = { device: undefined, freeBytes: undefined };
  if (folder === '') return { wrong: 'ENOENT', ...nothing };
  const trial = join(folder, `.labwire-${randomUUID()}`);
  try {
    const { dev } = await stat(folder);
    await writeFile(trial, 'x');
    await rm(trial);
    return { wrong: '', device: dev, freeBytes: await systemDisk.freeBytes(folder).catch(() => undefined) };
  } catch (error) {
    return { wrong: systemCode(error) || String(error), ...nothing };
  }
}

/** Whether what is there of the way to a folder lets it be made. */
async function canBeMade(folder: string): Promise<boolean> {
  for (let up = dirname(folder), below = folder; up !== below; below = up, up = dirname(up)) {
    const found = await stat(up).catch(() => undefined);
    if (!found) continue;
    return (
      found.isDirectory() &&
      (await access(up, constants.W_OK).then(
        () => true,
        () => false,
      ))
    );
  }
  return false;
}
