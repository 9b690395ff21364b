import type { ChannelTotals } from './chunk-rows.ts';
import type { PartIndex } from './part-index.ts';
import type { RecordedStream } from './recording-info.ts';

export interface JoinedStreams {
  streams: RecordedStream[];
  /** Per part: MCAP channel → number of the stream. */
  numbers: Map<PartIndex, Map<number, number>>;
}

/** Numbers the streams of all parts: the same key, epoch and columns is the same stream. */
export function joinStreams(parts: readonly PartIndex[]): JoinedStreams {
  const streams: RecordedStream[] = [];
  const byName = new Map<string, RecordedStream>();
  const numbers = new Map<PartIndex, Map<number, number>>();
  for (const part of parts) {
    const channels = new Map<number, number>();
    numbers.set(part, channels);
    for (const [channel, info] of part.streams) {
      const name = JSON.stringify([info.key, info.epoch, info.kind, info.columns]);
      let stream = byName.get(name);
      if (!stream) {
        const none = { rows: 0, lost: 0, firstRow: 0, endRow: 0, firstNs: 0n, lastNs: 0n };
        stream = { info: { ...info, id: streams.length + 1 }, ...none };
        byName.set(name, stream);
        streams.push(stream);
      }
      channels.set(channel, stream.info.id);
    }
    for (const { channel, totals } of part.chunks.channels) {
      const stream = streams[(channels.get(channel) ?? 0) - 1];
      if (stream) addTotals(stream, totals);
    }
  }
  return { streams, numbers };
}

function addTotals(stream: RecordedStream, totals: ChannelTotals): void {
  stream.lost += totals.lost;
  if (stream.rows === 0) {
    stream.firstRow = totals.firstRow;
    stream.firstNs = totals.firstNs;
    // Lost before the recording began, unless the stream began with it.
    stream.lost -= totals.lostBefore;
  }
  stream.rows += totals.rows;
  stream.endRow = totals.endRow;
  stream.lastNs = totals.lastNs;
}
