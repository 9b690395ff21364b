import { unitSymbol } from '../core/units.ts';
import { formatQuantity } from '../core/units-format.ts';
import { parseQuantity } from '../core/units-parse.ts';

/** What limits a setpoint: of the instrument's control. Values in `unit`. */
export interface SetpointShape {
  unit: string;
  min?: number | undefined;
  max?: number | undefined;
  /** Smallest step of the instrument. */
  resolution?: number | undefined;
}

export type SetpointResult = { ok: true; value: number } | { ok: false; reason: string };

/** Below this step a plain number has too many zeros to read: such setpoints are written with a prefix. */
const FINE_STEP = 1e-5;
/** The same where the step is not known. */
const SMALL = 0.01;

/** Text of a value with the digits of the instrument: `5.000`; where the steps are very fine, with prefix and unit: `500.0 µs`. */
export function setpointText(value: number, shape: SetpointShape): string {
  if (!Number.isFinite(value)) return '';
  if (isFine(value, shape)) return formatQuantity(value, shape.unit, { digits: 4, separator: '' }).text;
  const decimals = decimalsOf(shape, value);
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** What stands behind the box of a value: the unit, unless its text says it already. */
export function setpointUnit(value: number, shape: SetpointShape): string {
  return isFine(value, shape) ? '' : unitSymbol(shape.unit);
}

function isFine(value: number, { resolution, unit }: SetpointShape): boolean {
  if (unit === '') return false;
  return resolution ? resolution < FINE_STEP : value !== 0 && Math.abs(value) < SMALL;
}

/** Reads what was typed (`3v3`, `250m`, `1.2k`) and holds it to the limits: never clamped in silence, refused with the limit named. */
export function readSetpoint(text: string, shape: SetpointShape): SetpointResult {
  const parsed = parseQuantity(text, shape.unit);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (shape.min !== undefined && value < shape.min) return refuse(`Lowest is ${limitText(shape.min, shape)}.`);
  if (shape.max !== undefined && value > shape.max) return refuse(`Highest is ${limitText(shape.max, shape)}.`);
  return parsed;
}

/**
 * Steps the digit left of the caret (at the very start: the first digit) by one, up or down, with carry, inside the limits.
 * Gives the new text and the caret that stands behind the same decimal place; undefined if the text is no number with an optional
 * unit behind it.
 */
export function stepDigit(
  text: string,
  caret: number,
  direction: 1 | -1,
  shape: SetpointShape,
): { text: string; caret: number } | undefined {
  const match = /^([+\u2212-]?\d+(?:\.\d*)?)(\s*\p{L}*)$/u.exec(text);
  if (!match) return undefined;
  const number = (match[1] ?? '').replace('\u2212', '-');
  const suffix = match[2] ?? '';
  const one = parseQuantity(`1${suffix}`, shape.unit);
  if (!one.ok) return undefined;
  const point = number.includes('.') ? number.indexOf('.') : number.length;
  const decimals = Math.max(0, number.length - point - 1);
  const place = placeAt(number, Math.min(caret, number.length), point);
  // In whole steps of the last digit shown, so that no binary fraction creeps in.
  const perUnit = 10 ** decimals;
  const now = Math.round(Number(number) * perUnit);
  const step = Math.round(10 ** place * perUnit);
  const units = clampSteps(now, now + direction * step, shape, perUnit / one.value);
  const next = (units / perUnit).toFixed(decimals);
  const shown = Number(next) === 0 ? (0).toFixed(decimals) : next;
  return { text: shown + suffix, caret: caretOf(shown, place) };
}

/** Held to the limits, but never moved against the direction of the step. */
function clampSteps(now: number, wanted: number, { min, max }: SetpointShape, perBaseUnit: number): number {
  if (wanted > now && max !== undefined) return Math.max(now, Math.min(wanted, Math.floor(max * perBaseUnit + 1e-6)));
  if (wanted < now && min !== undefined) return Math.min(now, Math.max(wanted, Math.ceil(min * perBaseUnit - 1e-6)));
  return wanted;
}

/** Whether what was asked and what was read back are different settings, beyond half a step of the instrument. */
export function differs(asked: unknown, readBack: unknown, resolution = 0): boolean {
  if (asked === undefined || readBack === undefined) return false;
  if (typeof asked === 'number' && typeof readBack === 'number') {
    const tolerance = Math.max(resolution / 2, Math.abs(asked) * 1e-9);
    return Math.abs(asked - readBack) > tolerance;
  }
  return asked !== readBack;
}

/** A limit with its unit: `32.000 V`. */
export function limitText(value: number, shape: SetpointShape): string {
  return `${setpointText(value, shape)} ${setpointUnit(value, shape)}`.trim();
}

/** Power of ten of the digit left of the caret. */
function placeAt(text: string, caret: number, point: number): number {
  let index = Math.min(Math.max(caret, 1), text.length) - 1;
  if (text[index] === '+' || text[index] === '-') index++;
  if (text[index] === '.') index--;
  return index < point ? point - 1 - index : point - index;
}

function caretOf(text: string, place: number): number {
  const point = text.includes('.') ? text.indexOf('.') : text.length;
  const index = place >= 0 ? point - 1 - place : point - place;
  const first = /^[+-]/.test(text) ? 1 : 0;
  return Math.min(text.length, Math.max(first, index) + 1);
}

function decimalsOf(shape: SetpointShape, value: number): number {
  if (shape.resolution) return Math.min(12, Math.max(0, Math.ceil(-Math.log10(shape.resolution) - 1e-9)));
  if (value === 0) return 3;
  return Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value)))));
}

function refuse(reason: string): SetpointResult {
  return { ok: false, reason };
}
