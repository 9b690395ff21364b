import type { RecordingRow } from '../../../contract/recording-schema.ts';
import type { Disk } from '../disk.ts';
import { LOCK_SUFFIX } from '../file-layout.ts';
import { isHolderAlive } from '../file-lock.ts';
import { CUT_COMMENT, CUT_TEXT } from './mend-messages.ts';

const TAIL_BYTES = 2048;
const HEAD_BYTES = 64;

/** Of files as they were, by path, size and time of change: looked at once. */
export type KnownStates = Map<string, RecordingRow['state']>;

/**
 * What has become of a file of messages: its lock says whether somebody writes it or died over it, its end whether it was mended, or was cut off by an engine that wrote no lock.
 * Never rejects: what cannot be looked at counts as whole, as its name says no more.
 */
export async function messageState(
  disk: Disk,
  path: string,
  isLocked: boolean,
  known: KnownStates,
): Promise<RecordingRow['state']> {
  const entry = await disk.stat(path).catch(() => undefined);
  if (!entry) return 'complete';
  if (isLocked) {
    const lock = await disk.readText(path + LOCK_SUFFIX).catch(() => undefined);
    if (lock !== undefined) return isHolderAlive(lock, entry.modifiedMs, Date.now()) ? 'recording' : 'interrupted';
  }
  const stamp = `${path}:${entry.bytes}:${entry.modifiedMs}`;
  const before = known.get(stamp);
  if (before) return before;
  const state = await stateByContent(disk, path, entry.bytes).catch(() => 'complete' as const);
  known.set(stamp, state);
  return state;
}

async function stateByContent(disk: Disk, path: string, bytes: number): Promise<RecordingRow['state']> {
  const file = await disk.open(path, 'read');
  try {
    const read = async (at: number, count: number): Promise<string> => {
      const piece = Buffer.alloc(Math.min(count, bytes - at));
      return piece.toString('latin1', 0, await file.read(piece, at));
    };
    const tail = await read(Math.max(0, bytes - TAIL_BYTES), TAIL_BYTES);
    if (path.endsWith('.gz')) {
      if ((await read(0, HEAD_BYTES)).includes(CUT_COMMENT)) return 'recovered';
      // As a packer leaves it that was emptied and never ended.
      return tail.endsWith('\0\0\xff\xff') ? 'interrupted' : 'complete';
    }
    if (tail.includes(CUT_TEXT)) return 'recovered';
    return path.endsWith('.json') && !tail.trimEnd().endsWith(']') ? 'interrupted' : 'complete';
  } finally {
    await file.close();
  }
}
