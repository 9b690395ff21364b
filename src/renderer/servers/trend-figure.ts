import { roundRange } from '../plot/round-range.ts';
import { formatBytes } from '../text-format.ts';

/** One figure over time, as its chart shows it. */
export interface ChartFigure {
  id: string;
  title: string;
  about: string;
  /** Colour number of the palette. */
  color: number;
  /** Top of an axis for these values, from 0. */
  top(values: readonly (number | null)[]): number;
  text(value: number): string;
  /** Of an axis up to `top`: all with the same decimals. */
  tick(value: number, top: number): string;
  /** A value that is too much. */
  limit?: number;
}

/** A figure of a lab server. */
export interface TrendFigure extends ChartFigure {
  id: 'lost' | 'latencyMs' | 'saved' | 'bytesPerS';
}

/** More than one row in a thousand that does not come is said as an event. */
const LOST_LIMIT = 0.001;

export const TREND_FIGURES: readonly TrendFigure[] = [
  {
    id: 'lost',
    title: 'Rows lost',
    about: 'Share of the rows that did not come. Above the line it is an event on the time axis.',
    color: 7,
    top: (values) => roundTop(values, 2 * LOST_LIMIT),
    text: (value) => percent(value, value < 0.01 ? 2 : 1),
    tick: (value, top) => percent(value, top < 0.01 ? 2 : top < 0.2 ? 1 : 0),
    limit: LOST_LIMIT,
  },
  {
    id: 'latencyMs',
    title: 'Latency',
    about: 'From the time of the source to here, of the latest stream.',
    color: 1,
    top: (values) => roundTop(values, 10),
    text: milliseconds,
    tick: milliseconds,
  },
  {
    id: 'saved',
    title: 'Saved by compression',
    about: 'Of the bytes of all messages.',
    color: 3,
    top: () => 1,
    text: (value) => percent(value, 0),
    tick: (value) => percent(value, 0),
  },
  {
    id: 'bytesPerS',
    title: 'Coming in',
    about: 'Bytes over the wire each second.',
    color: 2,
    top: (values) => roundTop(values, 100),
    text: bytesPerSecond,
    tick: bytesPerSecond,
  },
];

/** The newest value; undefined where nothing came for the last three points. */
export function newestOf(values: readonly (number | null)[]): number | undefined {
  return values.slice(-3).findLast((value) => value !== null) ?? undefined;
}

/** The end of an axis from 0: round, and not less than `least`. */
export function roundTop(values: readonly (number | null)[], least: number): number {
  const most = values.reduce((top: number, value) => Math.max(top, value ?? 0), 0);
  return most <= least ? least : roundRange(0, most, 0.05, least).high;
}

/** Of a share: `12 %` */
export function percent(share: number, decimals: number): string {
  return `${(share * 100).toFixed(decimals)} %`;
}

/** `12 ms`, `1.5 s` */
export function milliseconds(value: number): string {
  return value >= 1000 ? `${Number((value / 1000).toFixed(2))} s` : `${Number(value.toPrecision(3))} ms`;
}

function bytesPerSecond(value: number): string {
  return `${formatBytes(value)}/s`;
}
