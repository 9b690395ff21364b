import type { Disk } from './disk.ts';
import type { PartIndex } from './part-index.ts';
import { openPart } from './part-index.ts';

/** Parts that failed and were continued in another: their number → the byte from which on that other repeats them. */
export function continuedParts(parts: readonly PartIndex[]): Map<number, number> {
  const continued = new Map<number, number>();
  for (const { head } of parts) for (const { part, fromByte } of head.repeats) continued.set(part, fromByte);
  return continued;
}

/**
 * From which byte on a part is in a later one once more; undefined if it is not. A part that its own writer finished has its totals, and nothing twice;
 * one that was finished later may hold what the writer could not be sure of.
 */
export function repeatedFrom(part: PartIndex, continued: ReadonlyMap<number, number>): number | undefined {
  return part.totals.size > 0 ? undefined : continued.get(part.head.part);
}

/** Leaves out what a later part of the same recording has once more, except events. Changes the list. */
export async function leaveOutRepeated(disk: Disk, parts: PartIndex[]): Promise<void> {
  const continued = continuedParts(parts);
  for (const [index, part] of parts.entries()) {
    const before = repeatedFrom(part, continued);
    if (before === undefined) continue;
    await part.file.close();
    parts[index] = await openPart(disk, part.path, { before });
  }
}
