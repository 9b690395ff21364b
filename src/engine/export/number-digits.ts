/**
 * The fewest digits that give a number back, as two whole numbers instead of a text: no string is made, which is several times faster than
 * `String(value)`.
 *
 * The value times a power of ten is kept as an unevaluated sum of two doubles (T. J. Dekker, "A floating-point technique for extending the
 * available precision", Numerische Mathematik 18, 1971). So its first 17 digits are known to some billionths of the last one, and with them
 * how far each shorter decimal lies from the value; the shortest one that lies nearer than half the way to the next number is taken. Where
 * the remainder cannot decide (a tie, one value in some millions) the caller asks `String`.
 */
export type Digits = Int32Array;

/** Where in it: the first nine digits, the other eight, and the power of ten of the first digit. */
export const HIGH = 0;
export const LOW = 1;
export const EXPONENT = 2;

const SPLITTER = 2 ** 27 + 1;
/** Nothing over- or underflows between these. */
const LEAST = 1e-270;
const GREATEST = 1e290;
const LEAST_POWER = 16 - 290;
const GREATEST_POWER = 16 + 270;
/** What the remainder may be wrong by, generously; in units of the 17th digit. */
const DOUBT = 1e-6;
const LOG10_2 = Math.log10(2);

const bits = new Float64Array(1);
const words = new Uint32Array(bits.buffer);

/** Ten to each power: the nearest double, and what that one lacks. */
const POWER = new Float64Array(GREATEST_POWER - LEAST_POWER + 1);
const LACK = new Float64Array(POWER.length);
for (let power = LEAST_POWER; power <= GREATEST_POWER; power++) {
  const nearest = Number(`1e${power}`);
  POWER[power - LEAST_POWER] = nearest;
  LACK[power - LEAST_POWER] = lackOf(nearest, power);
}

/** Half the distance to the next number, by the exponent of a number as it is stored. */
const HALF_STEP = Float64Array.from({ length: 2048 + 29 }, (_, stored) => 2 ** (stored - 1023 - 53));

/** 10^power − nearest, from whole numbers. */
function lackOf(nearest: number, power: number): number {
  bits[0] = nearest;
  const word = words[1] as number;
  const exponent = (word >>> 20) - 1075;
  const mantissa = (BigInt((word & 0xfffff) | 0x100000) << 32n) | BigInt(words[0] as number);
  const top = (power > 0 ? 10n ** BigInt(power) : 1n) << BigInt(Math.max(0, -exponent));
  const bottom = power < 0 ? 10n ** BigInt(-power) : 1n;
  const lack = top - mantissa * bottom * (1n << BigInt(Math.max(0, exponent)));
  // 80 bits of the quotient are more than a double holds.
  return Number((lack << 80n) / bottom) * 2 ** (Math.min(0, exponent) - 80);
}

/** Of a finite value > 0 that is no power of two; false if they cannot be told. */
export function findDigits(value: number, found: Digits): boolean {
  if (!(value >= LEAST && value <= GREATEST)) return false;
  bits[0] = value;
  const word = words[1] as number;
  // The number below a power of two is nearer than the one above it.
  if ((word & 0xfffff) === 0 && words[0] === 0) return false;
  const binary = (word >>> 20) - 1023;
  let exponent = Math.floor(binary * LOG10_2);
  let at = 16 - exponent - LEAST_POWER;
  let power = POWER[at] as number;
  let product = value * power;
  if (product >= 1e17) {
    exponent++;
    power = POWER[--at] as number;
    product = value * power;
  }
  if (!(product >= 1e16 && product < 1e17)) return false;
  let split = SPLITTER * value;
  const valueHigh = split - (split - value);
  const valueLow = value - valueHigh;
  split = SPLITTER * power;
  const powerHigh = split - (split - power);
  const powerLow = power - powerHigh;
  const rest =
    valueLow * powerLow -
    (product - valueHigh * powerHigh - valueLow * powerHigh - valueHigh * powerLow) +
    value * (LACK[at] as number);
  // A little below a power of ten, and rounded up to it.
  if (product === 1e16 && rest < 0) return false;
  const half = power * (HALF_STEP[binary + 1023] as number);
  // May be one too small or too large: `take` carries.
  const high = Math.floor(product * 1e-8);
  // Exact: 10^8 is 2^8 · 390625, so `high` times it has no more than 48 bits that count.
  const low = product - high * 1e8 + rest;
  // With 15 digits the nearest decimal is the only one that can be meant, so what ends in zeros is found here too.
  for (let step = 100, share = 0.01; step >= 1; step *= 0.1, share *= 10) {
    const rounded = Math.round(low * share) * step;
    const away = Math.abs(low - rounded);
    // In the middle between two decimals either might be meant.
    if (away < half - DOUBT) return away < step * 0.5 - DOUBT && take(high, rounded, exponent, found);
    if (away < half + DOUBT) return false;
  }
  return false;
}

/** The same for a Float32: the fewest digits that give the same Float32 back. */
export function findFloat32Digits(value: number, found: Digits): boolean {
  bits[0] = value;
  const word = words[1] as number;
  if ((word & 0xfffff) === 0 && words[0] === 0) return false;
  const binary = (word >>> 20) - 1023;
  // Subnormal ones lie closer to each other than their exponent tells.
  if (binary < -126) return false;
  let exponent = Math.floor(binary * LOG10_2);
  let at = 8 - exponent - LEAST_POWER;
  let nine = value * (POWER[at] as number);
  if (nine >= 1e9) {
    exponent++;
    nine = value * (POWER[--at] as number);
  }
  if (!(nine >= 1e8 && nine < 1e9)) return false;
  const half = (POWER[at] as number) * (HALF_STEP[binary + 1023 + 29] as number);
  for (let step = 1000, share = 0.001; step >= 1; step *= 0.1, share *= 10) {
    const rounded = Math.round(nine * share) * step;
    const away = Math.abs(nine - rounded);
    if (away < half - DOUBT) return away < step * 0.5 - DOUBT && take(rounded, 0, exponent, found);
    if (away < half + DOUBT) return false;
  }
  return false;
}

function take(high: number, low: number, exponent: number, found: Digits): boolean {
  if (low < 0) {
    high--;
    low += 1e8;
  } else if (low >= 1e8) {
    high++;
    low -= 1e8;
  }
  if (high >= 1e9) {
    high = 1e8;
    exponent++;
  }
  found[HIGH] = high;
  found[LOW] = low;
  found[EXPONENT] = exponent;
  return true;
}
