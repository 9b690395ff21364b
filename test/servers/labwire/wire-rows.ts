import { encodeColumns } from '../../../src/protocol/lab/labwire-columns.ts';
import { encodeFrame, FRAME_FLAG, FRAME_TYPE, type FrameSkip } from '../../../src/protocol/lab/labwire-frame.ts';
import type { ProducedStream } from './produced-stream.ts';

export interface RowRun {
  handle: number;
  from: number;
  /** After the last row. */
  to: number;
  skipped: FrameSkip | undefined;
  isReplay: boolean;
}

/** A run of rows as one binary frame. */
export function binaryRows(stream: ProducedStream, run: RowRun, isPacked: boolean): Uint8Array {
  const { from, to } = run;
  const rows = to - from;
  const { form, intervalMs } = stream.plan;
  const t0Ns = stream.wireNs(from);
  const base = {
    type: FRAME_TYPE.samples,
    flags: run.isReplay ? FRAME_FLAG.replay : 0,
    handle: run.handle,
    channels: 2,
    seq: from,
    t0Ns,
    dtS: form === 'timed' ? 0 : intervalMs / 1000,
    rows,
    skipped: run.skipped,
  };
  if (form === 'grid' && isPacked) {
    const codes = [new Int16Array(rows), new Int16Array(rows)] as const;
    for (let i = 0; i < rows; i++) [codes[0][i], codes[1][i]] = stream.codes(from + i);
    return encodeFrame({ ...base, codec: 'i16d-rice', dtype: 'i16', payload: encodeColumns('i16d-rice', codes) });
  }
  const columns =
    form === 'grid'
      ? ([new Float32Array(rows), new Float32Array(rows)] as const)
      : ([new Float64Array(rows), new Float64Array(rows)] as const);
  for (let i = 0; i < rows; i++) [columns[0][i], columns[1][i]] = stream.values(from + i);
  const timesS =
    form === 'timed'
      ? Float64Array.from({ length: rows }, (_, i) => Number(stream.wireNs(from + i) - t0Ns) / 1e9)
      : undefined;
  const dtype = form === 'grid' ? 'f32' : 'f64';
  return encodeFrame({ ...base, codec: 'raw', dtype, payload: encodeColumns('raw', columns, timesS) });
}

/** One row as a text message; missing values are null, overload says so beside. */
export function textRow(stream: ProducedStream, seq: number, run: RowRun): Record<string, unknown> {
  const data = stream.values(seq).map((value) => (Number.isFinite(value) ? value : null));
  const isOver = stream.values(seq)[1] === Number.POSITIVE_INFINITY;
  return {
    type: 'stream_data',
    key: stream.key,
    ep: stream.epoch,
    seq,
    t: Number(stream.wireNs(seq)) / 1000,
    data,
    ...(isOver ? { state: { wave: 'overload' } } : {}),
    ...(run.isReplay ? { replay: true } : {}),
    ...(run.skipped && seq === run.from ? { skipped: run.skipped } : {}),
  };
}
