import { chunkIndexRecord } from './chunk-record.ts';
import { encodeDigest } from './digest-codec.ts';
import { PartFormat } from './part-format.ts';
import type { PartWalk, WalkedChunk } from './part-walk.ts';

/** Goes on with a file at `end`: everything before it that was walked (of the chunks, these) is in the index that will be written. */
export function resumeFormat(walk: PartWalk, end: number, chunks: readonly WalkedChunk[]): PartFormat {
  const format = new PartFormat(end);
  for (const { offset, length, record } of walk.records) {
    if (offset >= end) continue;
    if (record.type === 'Metadata') format.adoptMetadata({ offset, length, name: record.name });
    if (record.type === 'Schema') format.adoptSchema(record);
    if (record.type === 'Channel') format.adoptChannel(record);
  }
  for (const chunk of chunks) adopt(format, chunk);
  return format;
}

function adopt(format: PartFormat, chunk: WalkedChunk): void {
  const { digest, offset, length, startNs, endNs, indexes } = chunk;
  if (!digest) return;
  format.adoptChunk({
    indexRecord: chunkIndexRecord({
      offset,
      length,
      startNs,
      endNs,
      compression: chunk.compression,
      unpackedBytes: chunk.unpackedBytes,
      messageIndexOffsets: new Map(indexes.map((index) => [index.channel, BigInt(index.offset)])),
      messageIndexLength: indexes.reduce((sum, index) => sum + index.length, 0),
    }),
    digest: chunk.digestBytes ?? encodeDigest(digest),
    messages: indexes.reduce((sum, index) => sum + index.messages, 0),
    startNs,
    endNs,
    counts: new Map(indexes.map((index) => [index.channel, index.messages])),
  });
}
