import { PREFIXES, unitSymbol } from '../../core/units.ts';
import { choosePrefix } from '../../core/units-format.ts';
import { roundStep } from './round-range.ts';

/** The ticks of a y axis. */
export interface ValueTicks {
  values: number[];
  labels: string[];
  /** `mV`: said once, at the head of the axis. */
  unit: string;
}

/** Most ticks an axis may have, whatever its height. */
const MOST_TICKS = 40;

/**
 * Round values between two limits, `space` pixels or more apart, all with one prefix and one number of decimals:
 * what changes from tick to tick is seen at a glance.
 */
export function valueTicks(low: number, high: number, unit: string, heightPx: number, spacePx = 44): ValueTicks {
  const least = Math.max((high - low) / Math.min(MOST_TICKS, Math.max(1, heightPx / spacePx)), Number.MIN_VALUE * 1e6);
  const step = roundStep(least);
  const values: number[] = [];
  const first = Math.ceil(low / step - 1e-6);
  const last = Math.floor(high / step + 1e-6);
  // Counted, not summed: no drift, and -0 becomes 0.
  for (let count = first; count <= last && values.length < MOST_TICKS; count++) values.push(count * step + 0);
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const prefix = choosePrefix(largest, unit, { digits: 12 });
  const exponent = PREFIXES.find((row) => row.symbol === prefix)?.exponent ?? 0;
  const decimals = Math.min(12, Math.max(0, Math.ceil(-Math.log10(step) + exponent - 1e-9)));
  return { values, labels: values.map((value) => label(value, exponent, decimals)), unit: prefix + unitSymbol(unit) };
}

function label(value: number, exponent: number, decimals: number): string {
  const scaled = exponent < 0 ? value * 10 ** -exponent : value / 10 ** exponent;
  if (Math.abs(scaled) >= 1e6) return scaled.toExponential(3).replace('-', '\u2212');
  const text = scaled.toFixed(decimals);
  return text.startsWith('-') ? `\u2212${text.slice(1)}` : text;
}
