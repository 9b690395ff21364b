import type { Batch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { ChannelsOf, History } from './history.ts';
import { type HistoryRequest, PIECE_BYTES, type Pieces } from './history-pieces.ts';
import type { Segment, SegmentHistory } from './segment-history.ts';

/**
 * Sends every sample of the newest complete segment of each stream that holds any of the channels and was taken in the time asked for; gives the streams.
 * A segment is never cut: its rows are not rows of the bench's time, so there is no time to go on from. What is kept of one is bounded by
 * the history.
 */
export function readSegments(history: History, request: HistoryRequest, pieces: Pieces): StreamInfo[] {
  const newest = new Map<string, ChannelsOf<SegmentHistory>>();
  // Other columns open the stream anew under the same key: the last one is what was captured last.
  for (const found of history.segmentStreamsOf(request.channels)) newest.set(found.stream.info.key, found);
  const streams: StreamInfo[] = [];
  for (const { stream, channels } of newest.values()) {
    const { latest, info } = stream;
    if (!latest || latest.t0Ns < request.fromNs || latest.t0Ns >= request.toNs) continue;
    streams.push(info);
    sendSegment(latest, channels, { id: request.request, isReply: true, stream: info.id }, pieces);
  }
  return streams;
}

function sendSegment(
  { parts }: Segment,
  channels: readonly number[],
  head: { id: number; isReply: boolean; stream: number },
  pieces: Pieces,
): void {
  for (const part of parts) {
    const rowBytes = channels.length * (part.columns[0]?.BYTES_PER_ELEMENT ?? 4);
    const step = Math.max(1, Math.floor(PIECE_BYTES / 2 / rowBytes));
    for (let row = 0; row < part.rows; row += step) {
      const batch = rowsOf(part, channels, row, Math.min(part.rows, row + step));
      pieces.add({ kind: 'raw', ...head, channels, batch });
    }
  }
}

/** Some rows of some columns; borrows the part. */
function rowsOf(part: Batch, channels: readonly number[], from: number, to: number): Omit<Batch, 'buffer'> {
  return {
    ...part,
    rows: to - from,
    channels: channels.length,
    seq: part.seq + from,
    xOriginS: part.xOriginS + from * part.dtS,
    columns: channels.flatMap((channel) => part.columns[channel]?.subarray(from, to) ?? []),
  };
}
