import type { LabEvent } from '../../../contract/recording-schema.ts';
import type { Batch } from '../../../core/batch.ts';
import { rowTimeNs } from '../../../core/batch.ts';
import type { StreamInfo } from '../../../core/stream-info.ts';
import { isoTime, type Message } from './message-format.ts';

/** Streams up to this rate are told row by row, faster ones batch by batch. */
const ROW_HZ = 100;

/**
 * What a batch says in messages of type `stream_data`. Slow and polled streams: one message a row, `stream_type` `readings`, `data` by channel name.
 * Fast ones: one message a batch, `acquisition`, waveforms `waveform`: `data` holds `sample_rate` (Hz), `t0`, and an array a channel.
 */
export function* messagesOf(batch: Batch, info: StreamInfo): Generator<Message> {
  const names = info.columns.map(({ channel }) => channel);
  const head = { type: 'stream_data', equipment_id: info.instrument };
  if (isToldByRow(info)) {
    for (let row = 0; row < batch.rows; row++) {
      const data = Object.fromEntries(names.map((name, column) => [name, batch.columns[column]?.[row] ?? Number.NaN]));
      yield { ...head, stream_type: 'readings', data, timestamp: isoTime(rowTimeNs(batch, row)) };
    }
    return;
  }
  if (batch.rows === 0) return;
  const channels = Object.fromEntries(names.map((name, column) => [name, Array.from(batch.columns[column] ?? [])]));
  yield {
    ...head,
    stream_type: info.kind === 'segment' ? 'waveform' : 'acquisition',
    data: {
      first_sample: batch.seq,
      lost: batch.lost,
      sample_rate: batch.dtS > 0 ? 1 / batch.dtS : 0,
      x_origin: batch.xOriginS,
      channels,
    },
    timestamp: isoTime(batch.t0Ns),
  };
}

/** One message a row, not one a batch. */
export function isToldByRow({ kind, rateHz }: StreamInfo): boolean {
  return kind === 'timed' || (kind === 'regular' && rateHz <= ROW_HZ);
}

/** An event of the bench as a message of type `event`. */
export function eventMessage({ kind, text, t, severity, instrument, channel, data }: LabEvent): Message {
  return {
    type: 'event',
    event_type: kind,
    text,
    timestamp: isoTime(BigInt(t)),
    ...(severity ? { severity } : {}),
    ...(instrument ? { equipment_id: instrument } : {}),
    ...(channel ? { channel } : {}),
    ...(data ? { data } : {}),
  };
}
