/** Powers of ten a double holds exactly; `10 ** n` computed in the loop is slower than JSON.parse. */
const POWERS = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`));

const ZERO = 0x30;
const latin1 = new TextDecoder('latin1');

/**
 * Decimal numbers out of bytes, bit-equal to `Number()` of the same text.
 *
 * A number of up to 15 digits and a power of ten of at most 22 is exact in one multiplication or division of two exact doubles
 * (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990); the rare others are given to `Number()`.
 */
export class NumberScanner {
  /** Where the number ended; unchanged if there was none. */
  at = 0;

  /**
   * Scans `[+-]digits[.digits][e[+-]digits]` at `this.at`. NaN and `at` unchanged if there is none. Bytes behind the number are
   * not judged. `end`: first byte that does not belong to the text.
   */
  scan(bytes: Uint8Array, end: number): number {
    const start = this.at;
    let at = start;
    let byte = at < end ? (bytes[at] as number) : 0;
    const isNegative = byte === 0x2d;
    if (isNegative || byte === 0x2b) byte = ++at < end ? (bytes[at] as number) : 0;

    let mantissa = 0;
    const whole = at;
    let digit = byte - ZERO;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = ++at < end ? (bytes[at] as number) - ZERO : -1;
    }
    let digits = at - whole;
    let decimals = 0;
    if (digit === -2 && at < end) {
      // A point.
      const fraction = ++at;
      digit = at < end ? (bytes[at] as number) - ZERO : -1;
      while (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        digit = ++at < end ? (bytes[at] as number) - ZERO : -1;
      }
      decimals = at - fraction;
      digits += decimals;
    }
    if (digits === 0) return Number.NaN;

    let exponent = 0;
    if (digit === 0x35 || digit === 0x15) {
      // e or E; without digits behind it is no exponent and stays unread.
      let look = at + 1;
      let next = look < end ? (bytes[look] as number) : 0;
      const isDown = next === 0x2d;
      if (isDown || next === 0x2b) next = ++look < end ? (bytes[look] as number) : 0;
      const first = look;
      while (next >= ZERO && next <= ZERO + 9) {
        if (exponent < 10_000) exponent = exponent * 10 + next - ZERO;
        next = ++look < end ? (bytes[look] as number) : 0;
      }
      if (look > first) at = look;
      if (isDown) exponent = -exponent;
    }

    this.at = at;
    if (digits > 15) return Number(latin1.decode(bytes.subarray(start, at)));
    const power = exponent - decimals;
    if (power < -22 || power > 22) return Number(latin1.decode(bytes.subarray(start, at)));
    const value = power < 0 ? mantissa / (POWERS[-power] as number) : mantissa * (POWERS[power] as number);
    return isNegative ? -value : value;
  }
}
