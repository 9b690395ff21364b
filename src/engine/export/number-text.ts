import { EXPONENT, findDigits, findFloat32Digits, HIGH, LOW } from './number-digits.ts';

const ZERO = 48;
const MINUS = 45;
export const POINT = 46;
export const COMMA = 44;

/** A number takes at most so many bytes. */
export const NUMBER_BYTES = 32;

const found = new Int32Array(3);
const DIGIT_PAIRS = Uint8Array.from({ length: 200 }, (_, at) =>
  at % 2 === 0 ? ZERO + Math.floor(at / 20) : ZERO + (Math.floor(at / 2) % 10),
);

/**
 * Writes a finite number as the shortest decimal that gives the same number back (the same Float32, if it is one), in the notation of
 * `String`; zero keeps its sign. `point`: the byte of the decimal sign. Gives the position behind it; there must be room for `NUMBER_BYTES`.
 */
export function writeNumber(bytes: Uint8Array, at: number, value: number, isFloat32: boolean, point: number): number {
  if (value < 0 || (value === 0 && 1 / value < 0)) {
    bytes[at++] = MINUS;
    value = -value;
  }
  if (value < (isFloat32 ? 16_777_217 : 1e15) && Math.floor(value) === value) return writeWhole(bytes, at, value);
  const isFound = isFloat32 ? findFloat32Digits(value, found) : findDigits(value, found);
  if (!isFound) return writeAscii(bytes, at, isFloat32 ? float32Text(value) : String(value), point);
  return writeDecimal(bytes, at, (found[EXPONENT] as number) + 1, point);
}

/** A whole number ≥ 0 and < 10^16. */
export function writeWhole(bytes: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = ZERO + value;
    return at + 1;
  }
  let digits = 2;
  for (let limit = 100; value >= limit; limit *= 10) digits++;
  return writePadded(bytes, at, value, digits);
}

/** A whole number with so many digits, zeros before it. */
export function writePadded(bytes: Uint8Array, at: number, value: number, digits: number): number {
  const end = at + digits;
  let to = end;
  // Division of large doubles is slow and of int32 quick.
  while (value > 0x7fffffff) {
    const rest = value % 1e8;
    value = Math.floor(value / 1e8);
    to = writePairs(bytes, to, rest, 8);
  }
  writePairs(bytes, to, value, to - at);
  return end;
}

/** Digits before position `to`. */
function writePairs(bytes: Uint8Array, to: number, value: number, digits: number): number {
  value |= 0;
  while (digits >= 2) {
    const next = (value / 100) | 0;
    const pair = (value - next * 100) * 2;
    bytes[--to] = DIGIT_PAIRS[pair + 1] as number;
    bytes[--to] = DIGIT_PAIRS[pair] as number;
    value = next;
    digits -= 2;
  }
  if (digits === 1) bytes[--to] = ZERO + (value % 10);
  return to;
}

/** The digits found, all of them; gives the position behind the last one that is not 0. */
function writeFound(bytes: Uint8Array, at: number): number {
  writePairs(bytes, at + 9, found[HIGH] as number, 9);
  let end = at + 9;
  const low = found[LOW] as number;
  if (low !== 0) {
    writePairs(bytes, at + 17, low, 8);
    end = at + 17;
  }
  while (end > at + 1 && bytes[end - 1] === ZERO) end--;
  return end;
}

/** The digits found with the decimal sign behind `whole` of them (ECMA-262, Number::toString). */
function writeDecimal(bytes: Uint8Array, at: number, whole: number, point: number): number {
  if (whole > 21 || whole <= -6) {
    const end = writePointed(bytes, at, 1, point);
    return writeAscii(bytes, end, whole > 0 ? `e+${whole - 1}` : `e${whole - 1}`, point);
  }
  if (whole > 0) return writePointed(bytes, at, whole, point);
  bytes[at++] = ZERO;
  bytes[at++] = point;
  for (; whole < 0; whole++) bytes[at++] = ZERO;
  return writeFound(bytes, at);
}

function writePointed(bytes: Uint8Array, at: number, whole: number, point: number): number {
  const end = writeFound(bytes, at + 1);
  for (let digit = 0; digit < whole; digit++) {
    const from = at + digit + 1;
    bytes[from - 1] = from < end ? (bytes[from] as number) : ZERO;
  }
  if (end <= at + whole + 1) return at + whole;
  bytes[at + whole] = point;
  return end;
}

function writeAscii(bytes: Uint8Array, at: number, text: string, point: number): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    bytes[at++] = code === POINT ? point : code;
  }
  return at;
}

/** What the quick way could not tell: 1 to 9 digits. */
function float32Text(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
