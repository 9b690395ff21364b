import { McapStreamReader } from '@mcap/core';
import type { DiskFile } from './disk.ts';
import { readBytes } from './disk-read.ts';
import { METADATA } from './file-layout.ts';
import { findHead } from './part-records.ts';
import type { PartHead } from './recording-about.ts';

/** The head is mostly in the first of them. */
const WINDOWS = [8 << 10, 256 << 10];

/**
 * Which part of which recording a file is, from its first records alone: cheap enough to ask a folder full of files. Undefined if it does not
 * say so there. Name and notes may have been changed since, further behind. Rejects with the system's error.
 */
export async function peekHead(file: DiskFile): Promise<PartHead | undefined> {
  for (const length of WINDOWS) {
    const bytes = await readBytes(file, 0, length);
    const head = headIn(bytes);
    if (head || bytes.byteLength < length) return head;
  }
  return undefined;
}

function headIn(bytes: Uint8Array): PartHead | undefined {
  const reader = new McapStreamReader();
  reader.append(bytes);
  try {
    for (let record = reader.nextRecord(); record; record = reader.nextRecord()) {
      if (record.type === 'Metadata' && record.name === METADATA.recording) return findHead([record]);
      if (record.type === 'Chunk') return undefined;
    }
  } catch {
    // No MCAP file, or cut off.
  }
  return undefined;
}
