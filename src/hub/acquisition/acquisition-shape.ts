import { isoTime } from '../server-time.ts';
import type { Acquisition } from './acquisition.ts';

type Numbers = Record<string, number>;

/** Of an acquisition, in the words of LabLink: the last three and the rate are there all along, not only at the end. */
export interface AcquisitionStats {
  total_samples: number;
  samples_per_channel: Numbers;
  start_time: string | null;
  end_time: string | null;
  duration_seconds: number | null;
  actual_sample_rate: number | null;
  buffer_overruns: number;
  min_values: Numbers;
  max_values: Numbers;
  mean_values: Numbers;
}

export function acquisitionStats({ ring, config, startedNs, stoppedNs }: Acquisition, nowNs: bigint): AcquisitionStats {
  const { total, length, capacity } = ring;
  const seconds = startedNs === undefined ? null : Number((stoppedNs ?? nowNs) - startedNs) / 1e9;
  const min_values: Numbers = {};
  const max_values: Numbers = {};
  const mean_values: Numbers = {};
  config.channels.forEach(({ word }, index) => {
    const values = ring.column(index, length).filter(Number.isFinite);
    if (values.length === 0) return;
    min_values[word] = values.reduce((least, value) => Math.min(least, value));
    max_values[word] = values.reduce((most, value) => Math.max(most, value));
    mean_values[word] = values.reduce((sum, value) => sum + value, 0) / values.length;
  });
  return {
    total_samples: total,
    samples_per_channel: total > 0 ? Object.fromEntries(config.channels.map(({ word }) => [word, total])) : {},
    start_time: timeOrNull(startedNs),
    end_time: timeOrNull(stoppedNs),
    duration_seconds: seconds,
    actual_sample_rate: rateOf(ring.times(length)),
    buffer_overruns: Math.max(0, total - capacity),
    min_values,
    max_values,
    mean_values,
  };
}

export interface AcquisitionWindow {
  timestamps: string[];
  values: Record<string, (number | null)[]>;
  count: number;
}

/** The newest rows, at most `count`. */
export function acquisitionWindow({ ring, config }: Acquisition, count: number): AcquisitionWindow {
  const timestamps = ring.times(count).map(isoTime);
  const values = config.channels.map(({ word }, index): [string, (number | null)[]] => [
    word,
    Array.from(ring.column(index, count), (value) => (Number.isFinite(value) ? value : null)),
  ]);
  return { timestamps, values: Object.fromEntries(values), count: timestamps.length };
}

export function timeOrNull(ns: bigint | undefined): string | null {
  return ns === undefined ? null : isoTime(ns);
}

function rateOf(times: readonly bigint[]): number | null {
  const [first] = times;
  const last = times.at(-1);
  if (first === undefined || last === undefined || last <= first) return null;
  return (times.length - 1) / (Number(last - first) / 1e9);
}
