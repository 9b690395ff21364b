/** SCPI-99 volume 1, 7.2.1: NAN = 9.91E37, INF = 9.9E37, NINF = -9.9E37. */
const OVERLOAD = 9.9e37;
const NOT_A_NUMBER = 9.91e37;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;
const PREFIX: Record<string, number> = { G: 9, M: 6, k: 3, K: 3, m: -3, u: -6, '\u00b5': -6, n: -9, p: -12 };
/** Units that begin like a prefix; alone they are no prefix: `7pts` are seven points. */
const WHOLE_UNITS = new Set(['pts', 'pt', 'm', 'min', 'K', 'ppm', 'pct']);

/**
 * Numeric response data of IEEE 488.2 8.7 (NR1, NR2, NR3, `#H`, `#Q`, `#B`) and what makers put behind it
 * (`1.00GSa/s`, `7Mpts`, `5.00E+00V`). Overload is ±Infinity, not-a-number NaN. `undefined` if it is no number.
 */
export function parseScpiNumber(text: string): number | undefined {
  const trimmed = text.trim();
  const plain = NUMBER.exec(trimmed)?.[0];
  if (plain === undefined) return parseSpecial(trimmed);
  const value = Number(plain);
  if (plain.length !== trimmed.length) return withSuffix(plain, trimmed.slice(plain.length).trim());
  return classify(value);
}

/** Comma-separated numbers of one response; `undefined` in a place where no number stands. */
export function parseScpiNumbers(text: string): (number | undefined)[] {
  return text.split(',').map(parseScpiNumber);
}

/** Boolean response data: `0`, `1`, `ON`, `OFF`; `undefined` if it is none. */
export function parseScpiBoolean(text: string): boolean | undefined {
  const word = text.trim().toUpperCase();
  if (word === '1' || word === 'ON' || word === '+1') return true;
  if (word === '0' || word === 'OFF' || word === '+0') return false;
  return undefined;
}

/** String response data without its quotes (`""` inside is one quote); text without quotes as it is. */
export function parseScpiString(text: string): string {
  const trimmed = text.trim();
  const quote = trimmed[0];
  if ((quote !== '"' && quote !== "'") || trimmed.length < 2 || trimmed.at(-1) !== quote) return trimmed;
  return trimmed.slice(1, -1).replaceAll(quote + quote, quote);
}

/** A number as a SCPI command takes it: shortest decimal text that reads back as the same value. */
export function formatScpiNumber(value: number): string {
  return Object.is(value, -0) ? '0' : String(value).replace('e', 'E').replace('E+', 'E');
}

function classify(value: number): number {
  const size = Math.abs(value);
  if (size < OVERLOAD) return value;
  if (size >= NOT_A_NUMBER * 0.9999 && size <= NOT_A_NUMBER * 1.0001) return Number.NaN;
  return value > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

function parseSpecial(text: string): number | undefined {
  const radix = /^#([HQB])([0-9A-F]+)$/i.exec(text);
  if (radix) {
    const [, kind = '', digits = ''] = radix;
    const base = { H: 16, Q: 8, B: 2 }[kind.toUpperCase()] ?? 10;
    const value = Number.parseInt(digits, base);
    return value.toString(base).toUpperCase() === (digits.toUpperCase().replace(/^0+(?=.)/, '') || '0')
      ? value
      : undefined;
  }
  const word = text.toUpperCase();
  if (word === 'NAN') return Number.NaN;
  if (word === 'INF' || word === '+INF' || word === 'INFINITY') return Number.POSITIVE_INFINITY;
  if (word === 'NINF' || word === '-INF') return Number.NEGATIVE_INFINITY;
  return undefined;
}

function withSuffix(number: string, suffix: string): number | undefined {
  // `1.5E` is a number cut off, not 1.5.
  if (!/^(?![eE])[A-Za-z%\u00b5\u00b0/]+#?$/.test(suffix)) return undefined;
  const exponent = WHOLE_UNITS.has(suffix) ? undefined : PREFIX[suffix[0] ?? ''];
  if (exponent === undefined) return classify(Number(number));
  const [mantissa = '', own = '0'] = number.toLowerCase().split('e');
  return classify(Number(`${mantissa}e${Number(own) + exponent}`));
}
