import type { ColumnInfo } from '../../core/stream-info.ts';
import type { OutputLimits } from './limits.ts';

/** Measured values may exceed a limit by so much: setting and reading have errors of their own. */
const TOLERANCE = 0.02;

/** What each role calls what is measured at an output (docs/instruments.md). */
const NAMES = { V: 'voltage', A: 'current', W: 'power' } as const;

/** A measured value beyond the envelope. */
export interface Excess {
  group: string;
  text: string;
}

/**
 * What of a poll round is beyond the limits; undefined: nothing. V, I and P of each output, by the name of the channel, else by its unit; P also as V × I. A lowest voltage is
 * held against a load only: a supply that is off has none, and what it feeds was not fed.
 */
export function excessOf(
  columns: readonly ColumnInfo[],
  values: ArrayLike<number>,
  isLoad: boolean,
  limitsOf: (group: string) => OutputLimits | undefined,
): Excess | undefined {
  const measured = new Map<string, { V?: number; A?: number; W?: number }>();
  columns.forEach(({ channel, unit }, index) => {
    const value = values[index];
    if ((unit !== 'V' && unit !== 'A' && unit !== 'W') || value === undefined || Number.isNaN(value)) return;
    const group = channel.includes('.') ? channel.slice(0, channel.lastIndexOf('.')) : '';
    // Not all volts of an output are at the output: some supplies say their input voltage, too.
    const own = group === '' ? NAMES[unit] : `${group}.${NAMES[unit]}`;
    if (channel !== own && columns.some((other) => other.channel === own)) return;
    measured.set(group, { ...measured.get(group), [unit]: value });
  });
  for (const [group, { V, A, W }] of measured) {
    const limits = limitsOf(group);
    if (!limits) continue;
    const watts = W ?? (V !== undefined && A !== undefined ? V * A : undefined);
    const text =
      above('voltage', V, limits.maxV, 'V') ??
      above('current', A, limits.maxA, 'A') ??
      above('power', watts, limits.maxW, 'W') ??
      (isLoad && A !== undefined && A > 0 ? below(V, limits.minV) : undefined);
    if (text !== undefined) return { group, text };
  }
  return undefined;
}

function above(what: string, value: number | undefined, limit: number | undefined, unit: string): string | undefined {
  if (value === undefined || limit === undefined) return undefined;
  const size = unit === 'V' ? value : Math.abs(value);
  return size > limit + Math.abs(limit) * TOLERANCE
    ? `${what} ${round(value)} ${unit} above ${limit} ${unit}`
    : undefined;
}

function below(volts: number | undefined, limit: number | undefined): string | undefined {
  if (volts === undefined || limit === undefined) return undefined;
  return volts < limit - Math.abs(limit) * TOLERANCE ? `voltage ${round(volts)} V below ${limit} V` : undefined;
}

function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}
