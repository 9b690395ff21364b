import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import type { ChunkDigest, ChunkPlace, StreamDigest } from './digest.ts';
import { addToDigest, cellRows, createStreamDigest } from './digest.ts';
import type { DiskFile } from './disk.ts';
import { EVENT_CHANNEL_ID, EXCHANGE_TOPIC } from './file-layout.ts';
import { listMessage } from './listed-messages.ts';
import type { PartDescription } from './part-records.ts';

/**
 * Computes the digest of a chunk from its messages.
 * @throws LabError recording.malformed, recording.packed
 */
export async function digestChunk(
  file: DiskFile,
  chunk: ChunkPlace,
  { streams, topics }: Pick<PartDescription, 'streams' | 'topics'>,
): Promise<ChunkDigest> {
  const found = new Map<number, StreamDigest>();
  const events: string[] = [];
  for (const message of await readChunk(file, chunk)) {
    const { channel, sequence, logNs, data } = message;
    if (channel === EVENT_CHANNEL_ID) {
      events.push(new TextDecoder().decode(data));
      continue;
    }
    const info = streams.get(channel);
    const batch = info && copyMessageBatch(message, info.id);
    if (!batch) {
      if (topics.get(channel) === EXCHANGE_TOPIC) listMessage(found, channel, sequence, logNs);
      continue;
    }
    let stream = found.get(channel);
    if (!stream) {
      stream = createStreamDigest(channel, batch.channels);
      found.set(channel, stream);
    }
    addToDigest(stream, batch, info.kind === 'segment' ? 0 : cellRows(info.rateHz));
  }
  return { offset: chunk.offset, length: chunk.length, streams: [...found.values()], events };
}
