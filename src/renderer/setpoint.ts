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

/** Text of a value with the digits of the instrument, without unit: `5.000`. */
export function setpointText(value: number, shape: SetpointShape): string {
  if (!Number.isFinite(value)) return '';
  const decimals = decimalsOf(shape, value);
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text;
}

/** Reads what was typed (`3v3`, `250m`, `1.2k`) and holds it to the limits: never clamped in silence, refused with the limit named. */
export function readSetpoint(text: string, shape: SetpointShape): SetpointResult {
  const parsed = parseQuantity(text, shape.unit);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  if (shape.min !== undefined && value < shape.min)
    return refuse(`Lowest is ${setpointText(shape.min, shape)} ${shape.unit}.`);
  if (shape.max !== undefined && value > shape.max)
    return refuse(`Highest is ${setpointText(shape.max, shape)} ${shape.unit}.`);
  return parsed;
}

/**
 * Steps the digit left of the caret (at the very start: the first digit) by one, up or down, with carry, inside the limits.
 * Gives the new text and the caret that stands behind the same decimal place; undefined if the text is no plain number.
 */
export function stepDigit(
  text: string,
  caret: number,
  direction: 1 | -1,
  shape: SetpointShape,
): { text: string; caret: number } | undefined {
  if (!/^[+-]?\d+(\.\d*)?$/.test(text)) return undefined;
  const point = text.includes('.') ? text.indexOf('.') : text.length;
  const decimals = Math.max(0, text.length - point - 1);
  const place = placeAt(text, caret, point);
  const scale = 10 ** decimals;
  const step = Math.round(10 ** place * scale);
  let units = Math.round(Number(text) * scale) + direction * step;
  if (shape.max !== undefined && direction > 0)
    units = Math.min(units, Math.max(Math.floor(shape.max * scale + 1e-6), Math.round(Number(text) * scale)));
  if (shape.min !== undefined && direction < 0)
    units = Math.max(units, Math.min(Math.ceil(shape.min * scale - 1e-6), Math.round(Number(text) * scale)));
  const next = (units / scale).toFixed(decimals);
  const shown = Number(next) === 0 ? (0).toFixed(decimals) : next;
  return { text: shown, caret: caretOf(shown, place) };
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
