import type { RawFrameBlock } from '../contract/frames.ts';
import type { StreamInfo } from '../core/stream-info.ts';

/** One sample as `read` prints it. */
export interface SampleLine {
  /** ISO-8601 UTC to the nanosecond is made of it. */
  timeNs: bigint;
  channel: string;
  /** null: there is none, `state` says why. */
  value: number | null;
  unit: string;
  state?: 'overload' | '-overload' | 'missing';
}

/** The samples of a raw block, row by row. */
export function* samplesOf(block: RawFrameBlock, stream: StreamInfo): Generator<SampleLine> {
  const { batch, channels } = block;
  const columns = channels.map((at, index) => {
    const info = stream.columns[at];
    return {
      values: batch.columns[index],
      channel: info ? `${stream.instrument}/${info.channel}` : '',
      unit: info?.unit ?? '',
    };
  });
  for (let row = 0; row < batch.rows; row++) {
    const offsetS = batch.times ? (batch.times[row] ?? 0) : row * batch.dtS;
    const timeNs = batch.t0Ns + BigInt(Math.round(offsetS * 1e9));
    for (const { values, channel, unit } of columns) {
      const value = values?.[row];
      if (value !== undefined) yield { timeNs, channel, unit, ...readValue(value, values instanceof Float32Array) };
    }
  }
}

function readValue(value: number, isFloat32: boolean): Pick<SampleLine, 'value' | 'state'> {
  if (Number.isNaN(value)) return { value: null, state: 'missing' };
  if (value === Number.POSITIVE_INFINITY) return { value: null, state: 'overload' };
  if (value === Number.NEGATIVE_INFINITY) return { value: null, state: '-overload' };
  return { value: isFloat32 ? shortestFloat(value) : value };
}

/** The shortest decimal that is the same Float32: 3.3, not 3.299999952316284. */
export function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
