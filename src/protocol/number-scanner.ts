/** Powers of ten a double holds exactly; `10 ** n` computed in the loop is slower than JSON.parse. */
const POWERS = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
/** Bit 5 makes a letter small. */
const SMALL = 0x20;
const LETTER_E = 0x65;
const latin1 = new TextDecoder('latin1');

/**
 * Decimal numbers out of bytes, bit-equal to `Number()` of the same text.
 *
 * A number of up to 15 digits and a power of ten of at most 22 is exact in one multiplication or division of two exact doubles
 * (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990); the rare others are given to `Number()`. Up to 9 digits,
 * nearly all there are, are gathered as an int32, because that is what the processor does fastest.
 */
export class NumberScanner {
  /** Where the number of the last `scan` ended; its start if there was none. */
  at = 0;

  /**
   * Scans `[+-]digits[.digits][e[+-]digits]` from `start`; NaN if there is none. The bytes behind the number are not judged, but there must
   * be one that belongs to no number (a line end), because the end of the array is not looked for.
   */
  scan(bytes: Uint8Array, start: number): number {
    let at = start;
    const sign = bytes[at] as number;
    if (sign === MINUS || sign === PLUS) at++;
    const first = at;
    let mantissa = 0;
    // x ^ 0x30 is the digit, and above 9 for every byte that is none.
    let digit = (bytes[at] as number) ^ ZERO;
    while (digit <= 9) {
      mantissa = (mantissa * 10 + digit) | 0;
      digit = (bytes[++at] as number) ^ ZERO;
    }
    let digits = at - first;
    let decimals = 0;
    if (digit === (POINT ^ ZERO)) {
      const fraction = ++at;
      digit = (bytes[at] as number) ^ ZERO;
      while (digit <= 9) {
        mantissa = (mantissa * 10 + digit) | 0;
        digit = (bytes[++at] as number) ^ ZERO;
      }
      decimals = at - fraction;
      digits += decimals;
    }
    if (digits === 0 || digits > 9 || ((digit ^ ZERO) | SMALL) === LETTER_E)
      return this.#rare(bytes, start, at, digits);
    this.at = at;
    const value = decimals === 0 ? mantissa : mantissa / (POWERS[decimals] as number);
    return sign === MINUS ? -value : value;
  }

  /** No number, many digits, or an exponent. `at` is behind the digits. */
  #rare(bytes: Uint8Array, start: number, at: number, digits: number): number {
    if (digits === 0) {
      this.at = start;
      return Number.NaN;
    }
    const end = at;
    let exponent = 0;
    if (((bytes[at] as number) | SMALL) === LETTER_E) {
      let look = at + 1;
      const sign = bytes[look] as number;
      if (sign === MINUS || sign === PLUS) look++;
      const first = look;
      for (let digit = (bytes[look] as number) ^ ZERO; digit <= 9; digit = (bytes[++look] as number) ^ ZERO) {
        if (exponent < 10_000) exponent = exponent * 10 + digit;
      }
      // Without digits behind it an e is no exponent and stays unread.
      if (look > first) at = look;
      if (sign === MINUS) exponent = -exponent;
    }
    this.at = at;
    if (digits > 15) return Number(latin1.decode(bytes.subarray(start, at)));
    let mantissa = 0;
    let power = exponent;
    let isFraction = false;
    for (let i = start; i < end; i++) {
      const digit = (bytes[i] as number) ^ ZERO;
      if (digit <= 9) {
        mantissa = mantissa * 10 + digit;
        if (isFraction) power--;
      } else if (digit === (POINT ^ ZERO)) isFraction = true;
    }
    if (power < -22 || power > 22) return Number(latin1.decode(bytes.subarray(start, at)));
    const value = power < 0 ? mantissa / (POWERS[-power] as number) : mantissa * (POWERS[power] as number);
    return bytes[start] === MINUS ? -value : value;
  }
}
