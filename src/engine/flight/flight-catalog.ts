import { basename, join } from 'node:path';
import type { Disk } from '../recording/disk.ts';
import { type FlightPart, parsePartLine, partLine } from './flight-part.ts';

/*
 * `ring.jsonl` beside the files of the flight recorder: a line per finished file, so that a start with thousands of them opens none. It is never needed:
 * a file without a line, or of another length than its line says, is looked into.
 */
const NAME = 'ring.jsonl';

/** What the catalog says, by file name. */
export async function readCatalog(disk: Disk, folder: string): Promise<Map<string, FlightPart>> {
  const text = await disk.readText(join(folder, NAME)).catch(() => undefined);
  const parts = new Map<string, FlightPart>();
  for (const line of (text ?? '').split('\n')) {
    const part = line === '' ? undefined : parsePartLine(folder, line);
    if (part) parts.set(basename(part.path), part);
  }
  return parts;
}

/** Never rejects: without it the next start takes longer. */
export async function writeCatalog(disk: Disk, folder: string, parts: readonly FlightPart[]): Promise<void> {
  const path = join(folder, NAME);
  try {
    await disk.writeText(`${path}.tmp`, parts.map(partLine).join(''));
    await disk.rename(`${path}.tmp`, path);
  } catch {
    // See above.
  }
}

/** Never rejects. */
export async function addToCatalog(disk: Disk, folder: string, part: FlightPart): Promise<void> {
  try {
    const file = await disk.open(join(folder, NAME), 'update');
    try {
      await file.write([new TextEncoder().encode(partLine(part))], await file.size());
    } finally {
      await file.close();
    }
  } catch {
    await writeCatalog(disk, folder, [part]);
  }
}
