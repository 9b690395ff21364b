import type { Disk } from '../recording/disk.ts';
import { openPart, type PartIndex } from '../recording/part-index.ts';
import { Recording } from '../recording/recording.ts';
import type { FlightPart } from './flight-part.ts';

/** From which byte on a later part holds a part once more; infinity: none does. */
export function repeatedFrom(parts: readonly FlightPart[], { recording, part }: FlightPart): number {
  for (const other of parts) {
    if (other.recording !== recording) continue;
    for (const repeated of other.repeats) if (repeated.part === part) return repeated.fromByte;
  }
  return Number.POSITIVE_INFINITY;
}

/** Opens one file of the ring, without what a later one holds once more. `all`: the ring. Rejects if it cannot be read. */
export async function openFlightPart(disk: Disk, part: FlightPart, all: readonly FlightPart[]): Promise<PartIndex> {
  const before = repeatedFrom(all, part);
  const opened = await openPart(disk, part.path);
  // One that its writer finished has nothing twice.
  if (before === Number.POSITIVE_INFINITY || opened.totals.size > 0) return opened;
  await opened.file.close();
  return openPart(disk, part.path, { before });
}

/** Some neighbouring files of the ring as one recording; those that cannot be read are left out. The caller disposes it. */
export async function openFlight(
  disk: Disk,
  parts: readonly FlightPart[],
  all: readonly FlightPart[],
): Promise<Recording> {
  const opened: PartIndex[] = [];
  for (const part of parts) {
    const index = await openFlightPart(disk, part, all).catch(() => undefined);
    if (index) opened.push(index);
  }
  return new Recording(opened, false);
}
