import { PREFIXES, unitSymbol } from '../../core/units.ts';
import { choosePrefix } from '../../core/units-format.ts';

/** Round places on an axis and what is written there. */
export interface Ticks {
  values: number[];
  labels: string[];
  /** Said once, at the head of the axis: `mV`. */
  unit: string;
}

const MOST_TICKS = 60;
/** Fewer say nothing of the scale. */
const LEAST_TICKS = 3;
const SECOND_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];

/** Values between two limits, about so many and at least three where there is room for two, with one prefix and one number of decimals. */
export function valueTicks(low: number, high: number, unit: string, about: number): Ticks {
  let step = roundStep(Math.max((high - low) / Math.max(1, about), Number.MIN_VALUE * 1e9));
  let values = multiples(low, high, step);
  for (let finer = 0; about >= 2 && values.length < LEAST_TICKS && finer < 4; finer++) {
    step = roundStep(step / 2.5);
    values = multiples(low, high, step);
  }
  const prefix = choosePrefix(Math.max(Math.abs(low), Math.abs(high)), unit, { digits: 12 });
  const exponent = PREFIXES.find((row) => row.symbol === prefix)?.exponent ?? 0;
  const decimals = Math.min(12, Math.max(0, Math.ceil(-Math.log10(step) + exponent - 1e-9)));
  const labels = values.map((value) => {
    const scaled = exponent < 0 ? value * 10 ** -exponent : value / 10 ** exponent;
    if (Math.abs(scaled) >= 1e6) return minus(scaled.toExponential(3));
    return minus(scaled.toFixed(decimals));
  });
  return { values, labels, unit: prefix + unitSymbol(unit) };
}

/** The least round limits around values, a twentieth of them free on both sides. */
export function roundLimits(low: number, high: number): { low: number; high: number } {
  const span = Math.max((high - low) * 1.1, Math.abs(low + high) * 1e-4, Number.MIN_VALUE * 1e12) || 1;
  const middle = (low + high) / 2;
  const step = roundStep(span / 20);
  const from = Math.floor((middle - span / 2) / step) * step;
  return { low: from, high: Math.max(from + step, Math.ceil((middle + span / 2) / step) * step) };
}

/**
 * Times between two, s since `originNs`, about so many: on steps of the UTC clock from a second on (`22:13:20`, at midnight the date), below that
 * seconds since the origin (`+250 ms`).
 */
export function timeTicks(fromS: number, toS: number, originNs: bigint, about: number): Ticks {
  const least = (toS - fromS) / Math.max(1, about);
  if (least > 0.5) {
    const step = SECOND_STEPS.find((one) => one >= least) ?? 86_400 * Math.ceil(least / 86_400);
    const ofDayS = Number(originNs % 86_400_000_000_000n) / 1e9;
    const values = multiples(fromS + ofDayS, toS + ofDayS, step).map((value) => value - ofDayS);
    return { values, labels: values.map((value) => clock(originNs, value, step)), unit: 'UTC' };
  }
  const step = roundStep(Math.max(least, 1e-12));
  const values = multiples(fromS, toS, step);
  return { values, labels: values.map((value) => offset(value, step)), unit: '' };
}

/** The next of 1, 2, 5 × 10^n at or above. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least) + 1e-12);
  const part = least / power;
  if (part <= 1 + 1e-9) return power;
  if (part <= 2 + 1e-9) return 2 * power;
  return part <= 5 + 1e-9 ? 5 * power : 10 * power;
}

/** Counted, not summed: no drift. */
function multiples(low: number, high: number, step: number): number[] {
  const values: number[] = [];
  const last = Math.floor(high / step + 1e-6);
  for (let count = Math.ceil(low / step - 1e-6); count <= last && values.length < MOST_TICKS; count++) {
    values.push(count * step + 0);
  }
  return values;
}

function clock(originNs: bigint, seconds: number, step: number): string {
  const ms = Math.round(Number(originNs / 1_000_000n) + seconds * 1000);
  const text = new Date(ms).toISOString();
  if (text.slice(11, 19) === '00:00:00') return text.slice(0, 10);
  return step < 60 ? text.slice(11, 19) : text.slice(11, 16);
}

function offset(seconds: number, step: number): string {
  const exponent = Math.max(-12, Math.floor(Math.log10(step) / 3 + 1e-9) * 3);
  const prefix = PREFIXES.find((row) => row.exponent === exponent)?.symbol ?? '';
  const scaled = Number((seconds * 10 ** -exponent).toFixed(3));
  return `${scaled < 0 ? '' : '+'}${minus(String(scaled))} ${prefix}s`;
}

function minus(text: string): string {
  return text.replace(/-/g, '\u2212');
}
