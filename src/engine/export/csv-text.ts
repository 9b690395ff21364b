/** A field as RFC 4180 wants it: quoted if it holds a separator, a quote or a line break. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A value: shortest decimal that gives the same number back, `OL` for overload, nothing for missing. */
export function csvNumber(value: number, isFloat64: boolean): string {
  if (Number.isNaN(value)) return '';
  if (value === Number.POSITIVE_INFINITY) return 'OL';
  if (value === Number.NEGATIVE_INFINITY) return '-OL';
  return isFloat64 ? String(value) : float32Text(value);
}

const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/**
 * A Float32 has 7 to 9 digits: 0.1, not 0.10000000149011612. Rounding to a whole number and dividing by a power of ten that is exact gives
 * the double next to that decimal, five times faster than `toPrecision`; what does not give the same Float32 back is not used.
 */
function float32Text(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) <= 16_777_216) return String(value);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  for (let digits = 7; digits <= 9; digits++) {
    const power = POWERS[digits - 1 - exponent];
    if (power === undefined) break;
    const short = Math.round(value * power) / power;
    if (Math.fround(short) === value) return String(short);
  }
  const seven = Number(value.toPrecision(7));
  return String(Math.fround(seven) === value ? seven : Number(value.toPrecision(9)));
}

/** Writes times as ISO-8601 UTC to the nanosecond. Keeps the text of the second it wrote last. */
export class IsoTime {
  readonly #baseS: number;
  readonly #baseNs: number;
  #second = Number.NaN;
  #text = '';

  /** Offsets count from `baseNs`, ns since 1970. */
  constructor(baseNs: bigint) {
    let baseS = baseNs / 1_000_000_000n;
    let restNs = baseNs % 1_000_000_000n;
    if (restNs < 0n) {
      baseS -= 1n;
      restNs += 1_000_000_000n;
    }
    this.#baseS = Number(baseS);
    this.#baseNs = Number(restNs);
  }

  /** `offsetNs`: whole ns since the base. */
  text(offsetNs: number): string {
    const ns = offsetNs + this.#baseNs;
    const second = Math.floor(ns / 1e9);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date((this.#baseS + second) * 1000).toISOString().slice(0, -4);
    }
    return `${this.#text}${String(ns - second * 1e9).padStart(9, '0')}Z`;
  }
}

/** Whole ns as seconds with nine decimals, without rounding through a float. */
export function secondsText(offsetNs: number): string {
  const ns = Math.abs(offsetNs);
  const second = Math.floor(ns / 1e9);
  return `${offsetNs < 0 ? '-' : ''}${second}.${String(ns - second * 1e9).padStart(9, '0')}`;
}
