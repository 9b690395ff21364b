import type { LabEvent } from '../../contract/recording-schema.ts';
import { Chunk, type ClosedChunk } from '../recording/chunk.ts';
import { isUnreadableChunk } from '../recording/chunk-reader.ts';
import type { Disk, DiskFile } from '../recording/disk.ts';
import { diskError } from '../recording/disk.ts';
import { EVENT_CHANNEL_ID, METADATA } from '../recording/file-layout.ts';
import type { PartWalk, WalkedChunk } from '../recording/part-walk.ts';
import { walkPart } from '../recording/part-walk.ts';
import type { PartWriter } from './part-writer.ts';
import { readRawChunk } from './raw-chunk.ts';

/** A file of the flight recorder opened to copy from it. */
export interface CutSource extends AsyncDisposable {
  file: DiskFile;
  walk: PartWalk;
}

/** Opens it. @throws LabError recording.folder-gone, recording.denied, recording.failed */
export async function openCutSource(disk: Disk, path: string): Promise<CutSource> {
  try {
    const file = await disk.open(path, 'read');
    const walk = await walkPart(file, await file.size());
    return { file, walk, [Symbol.asyncDispose]: () => file.close().catch(() => undefined) };
  } catch (error) {
    throw diskError(error, path);
  }
}

/** What the file says of instruments or channels; the last one counts. */
export function metadataIn({ walk }: CutSource, name: 'instruments' | 'channels'): Map<string, string> {
  const found = walk.records.findLast(({ record }) => record.type === 'Metadata' && record.name === METADATA[name]);
  return found?.record.type === 'Metadata' ? found.record.metadata : new Map();
}

/** The chunks from the first one with a row at or after `fromNs` on; of those that start before byte `before`. */
export function chunksFrom({ walk }: CutSource, fromNs: bigint, before: number): WalkedChunk[] {
  const chunks = walk.chunks.filter(({ offset }) => offset < before);
  const first = chunks.findIndex((chunk) => lastTimeOf(chunk) >= fromNs);
  return first < 0 ? [] : chunks.slice(first);
}

/** Copies chunks as they are, and announces the channels in them. Gives how many were damaged and left out. */
export async function copyChunks(
  source: CutSource,
  chunks: readonly WalkedChunk[],
  writer: PartWriter,
): Promise<number> {
  const announced = new Set([EVENT_CHANNEL_ID]);
  let damaged = 0;
  for (const walked of chunks) {
    const chunk = await readRawChunk(source.file, walked).catch((error: unknown) => {
      if (isUnreadableChunk(error)) return undefined;
      throw diskError(error, 'the flight recorder');
    });
    if (!chunk) {
      damaged++;
      continue;
    }
    for (const channel of chunk.channels) {
      if (!announced.has(channel)) await announce(source, channel, writer);
      announced.add(channel);
    }
    await writer.addChunk(chunk.close);
  }
  return damaged;
}

/** A chunk with one event in it. */
export function eventChunk(event: LabEvent, writtenNs: bigint): (offset: number) => ClosedChunk {
  const chunk = new Chunk();
  chunk.addEvent(EVENT_CHANNEL_ID, 0, BigInt(event.t), writtenNs, JSON.stringify(event));
  return (offset) => chunk.close(offset);
}

async function announce({ walk }: CutSource, id: number, writer: PartWriter): Promise<void> {
  const channel = walk.records.findLast(({ record }) => record.type === 'Channel' && record.id === id)?.record;
  if (channel?.type !== 'Channel') return;
  const schema = walk.records.findLast(
    ({ record }) => record.type === 'Schema' && record.id === channel.schemaId,
  )?.record;
  await writer.addChannel(channel, schema?.type === 'Schema' ? schema : undefined);
}

/** Of its last row; of one without rows, of what happened last. */
function lastTimeOf({ digest, endNs }: WalkedChunk): bigint {
  const rows = digest?.streams.filter(({ rows }) => rows > 0) ?? [];
  return rows.length === 0 ? endNs : rows.reduce((last, { lastNs }) => (lastNs > last ? lastNs : last), 0n);
}
