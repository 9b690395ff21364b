import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import { exchange } from '../../contract/instrument-schema.ts';
import { readChunk } from './chunk-reader.ts';
import { EXCHANGE_TOPIC } from './file-layout.ts';
import { parseJson } from './part-records.ts';
import type { Recording } from './recording.ts';

/** Times: ns since 1970, both included; absent: from the start, to the end. */
export interface ExchangeQuery {
  fromNs?: bigint | undefined;
  toNs?: bigint | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * What went over the wires while recording, in the order written. One chunk is in memory at a time.
 * @throws LabError recording.malformed for a damaged chunk.
 */
export async function* readExchanges(recording: Recording, query: ExchangeQuery = {}): AsyncGenerator<ExchangeRecord> {
  const { fromNs, toNs, signal } = query;
  for (const part of recording.parts) {
    for (const [channel, topic] of part.topics) {
      const rows = topic === EXCHANGE_TOPIC ? part.chunks.rowsOf(channel) : undefined;
      for (const index of rows?.within(fromNs, toNs) ?? []) {
        signal?.throwIfAborted();
        const chunk = part.chunks.placeOf(rows?.chunkAt(index) ?? 0);
        for (const message of await readChunk(part.file, chunk)) {
          if (message.channel !== channel) continue;
          const parsed = exchange.safeParse(parseJson(new TextDecoder().decode(message.data)));
          if (!parsed.success) continue;
          const atNs = BigInt(parsed.data.at);
          if ((fromNs === undefined || atNs >= fromNs) && (toNs === undefined || atNs <= toNs)) yield parsed.data;
        }
      }
    }
  }
}
