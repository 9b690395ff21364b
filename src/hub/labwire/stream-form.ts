import type { ChannelState } from '../../contract/instrument-schema.ts';
import { measuredColumns, type StreamInfo } from '../../core/stream-info.ts';

/** Columns of a stream as `labwire.1` says them: parallel lists. */
export interface StreamSchema {
  channels: string[];
  units: string[];
  dtype: 'f32' | 'f64';
  /** Present where a column lies on an integer grid: value = code * scale + offset; null: that column does not. */
  scale?: (number | null)[];
  offset?: (number | null)[];
  /** s from row to row; 0: the rows bring their times. */
  dt: number;
}

/** Longest distance of rows a client may ask for; ms. */
export const MAX_INTERVAL_MS = 3_600_000;
/** Of a stream of which it is not known how fast it comes; ms. */
const UNKNOWN_INTERVAL_MS = 100;

/** Whether its rows go out as a stream: waveforms of oscilloscopes are taken one by one. */
export function isOffered({ kind }: Pick<StreamInfo, 'kind'>): boolean {
  return kind !== 'segment';
}

/** What its values are before the first row shows it: polled values are doubles, those of streaming devices mostly singles. */
export function dtypeOf({ kind }: Pick<StreamInfo, 'kind'>): 'f32' | 'f64' {
  return kind === 'regular' ? 'f32' : 'f64';
}

/** What clients are told of a stream; columns of provenance (`~…`) are not among its channels. */
export function schemaOf(info: Pick<StreamInfo, 'kind' | 'columns' | 'rateHz'>, dtype = dtypeOf(info)): StreamSchema {
  const columns = measuredColumns(info);
  const hasGrid = columns.some(({ scale }) => scale !== undefined);
  return {
    channels: columns.map(({ channel }) => channel),
    units: columns.map(({ unit }) => unit),
    dtype,
    ...(hasGrid
      ? {
          scale: columns.map(({ scale }) => scale ?? null),
          offset: columns.map(({ scale, offset }) => (scale === undefined ? null : (offset ?? 0))),
        }
      : {}),
    dt: info.kind === 'regular' && info.rateHz > 0 ? 1 / info.rateHz : 0,
  };
}

/**
 * Time between its rows; ms. `channels`: those of the stream. A streaming device says it itself; what is polled comes as often as it is asked, and what nobody
 * asks as often as it came lately.
 */
export function sourceIntervalMs(
  info: Pick<StreamInfo, 'kind' | 'rateHz'>,
  channels: readonly Pick<ChannelState, 'rateGotHz' | 'rateAskedHz'>[],
): number {
  const fastest = (of: (channel: Pick<ChannelState, 'rateGotHz' | 'rateAskedHz'>) => number): number =>
    Math.max(0, ...channels.map(of));
  const polledHz = info.kind === 'timed' ? fastest(({ rateAskedHz }) => rateAskedHz) : 0;
  const rateHz = polledHz || info.rateHz || fastest(({ rateGotHz }) => rateGotHz);
  return rateHz > 0 ? Math.min(MAX_INTERVAL_MS, 1000 / rateHz) : UNKNOWN_INTERVAL_MS;
}
