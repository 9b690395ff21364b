import { PREFIXES, type Prefix, prefixRange, unitSymbol } from './units.ts';

export interface FormatOptions {
  /** Resolution of the value in its base unit: digits beyond it are not shown, zeros up to it are. */
  resolution?: number | undefined;
  /** Significant digits where no resolution is known; default 5. */
  digits?: number | undefined;
  /** A fixed prefix: columns of a table, an axis. */
  prefix?: Prefix | undefined;
  /** Prefix shown before: kept while it fits, so that a value near 1 V does not flicker between V and mV. */
  previous?: Prefix | undefined;
  /** Between groups of three digits; default a narrow space that does not break. '' for none. */
  separator?: string | undefined;
  /** Write `+` before positive values. */
  plus?: boolean | undefined;
}

export interface FormattedQuantity {
  /** `4.987 62`, `−0.50`, `OL`, `−OL`, `—`. */
  number: string;
  /** Prefix and unit: `mV`. Kept for overload and missing values, so that the card does not jump. */
  unit: string;
  prefix: Prefix;
  /** Both, with a space. */
  text: string;
  state: 'value' | 'overload' | 'missing';
}

export const NARROW_SPACE = '\u202f';
const MINUS = '\u2212';

/**
 * Engineering notation for a person: digits grouped in threes, the resolution kept (`5.000 00 V`, not `5 V`), ±Infinity as `OL`,
 * NaN as `—`. Units that take no prefix get an exponent when they become unreadable.
 */
export function formatQuantity(value: number, unit: string, options: FormatOptions = {}): FormattedQuantity {
  const held = options.prefix ?? options.previous ?? '';
  if (Number.isNaN(value)) return assemble('—', unit, held, 'missing');
  if (!Number.isFinite(value)) return assemble(value > 0 ? 'OL' : `${MINUS}OL`, unit, held, 'overload');
  const prefix = options.prefix ?? choosePrefix(value, unit, options);
  const scaled = scale(value, exponentOf(prefix));
  const magnitude = Math.abs(scaled);
  const separator = options.separator ?? NARROW_SPACE;
  const number =
    magnitude >= 1e9 || (magnitude > 0 && magnitude < 1e-4 && options.resolution === undefined)
      ? exponential(magnitude, options.digits ?? 5, separator)
      : groupDigits(magnitude.toFixed(decimalsOf(magnitude, prefix, options)), separator);
  const isZero = !/[1-9]/.test(number);
  const sign = scaled < 0 && !isZero ? MINUS : options.plus && !isZero ? '+' : '';
  return assemble(sign + number, unit, prefix, 'value');
}

/** The prefix with one to three digits before the point; `previous` is kept down to 0.8 of its unit. */
export function choosePrefix(
  value: number,
  unit: string,
  options: Pick<FormatOptions, 'previous' | 'digits' | 'resolution'> = {},
): Prefix {
  const { least, most } = prefixRange(unit);
  const magnitude = Math.abs(options.resolution ? value : Number(value.toPrecision(options.digits ?? 5)));
  const floor = options.resolution ? options.resolution / 2 : 0;
  if (!Number.isFinite(magnitude) || magnitude <= floor || magnitude === 0) return options.previous ?? '';
  if (options.previous !== undefined) {
    const held = exponentOf(options.previous);
    const scaled = scale(magnitude, held);
    if (held >= least && held <= most && scaled >= 0.8 && roundTo(scaled, options.resolution, held) < 1000) {
      return options.previous;
    }
  }
  let chosen = Math.floor(Math.log10(magnitude) / 3 + 1e-12) * 3;
  if (roundTo(scale(magnitude, chosen), options.resolution, chosen) >= 1000) chosen += 3;
  const exponent = Math.min(most, Math.max(least, chosen));
  return PREFIXES.find((prefix) => prefix.exponent === exponent)?.symbol ?? '';
}

/** Groups digits in threes, away from the point on both sides (ISO 80000-1, 7.3.1). */
export function groupDigits(number: string, separator = NARROW_SPACE): string {
  const [whole = '', fraction] = number.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, separator);
  return fraction === undefined ? grouped : `${grouped}.${fraction.replace(/(\d{3})(?=\d)/g, `$1${separator}`)}`;
}

function exponentOf(prefix: Prefix): number {
  return PREFIXES.find((row) => row.symbol === prefix)?.exponent ?? 0;
}

/** value / 10^exponent without the rounding of a factor like 1e-6. */
function scale(value: number, exponent: number): number {
  return exponent < 0 ? value * 10 ** -exponent : value / 10 ** exponent;
}

function roundTo(scaled: number, resolution: number | undefined, exponent: number): number {
  if (!resolution) return scaled;
  return Number(scaled.toFixed(decimalsOfResolution(resolution, exponent)));
}

function decimalsOfResolution(resolution: number, exponent: number): number {
  const decimals = Math.ceil(-Math.log10(scale(resolution, exponent)) - 1e-9);
  return Math.min(12, Math.max(0, decimals));
}

function decimalsOf(magnitude: number, prefix: Prefix, options: FormatOptions): number {
  if (options.resolution) return decimalsOfResolution(options.resolution, exponentOf(prefix));
  const digits = options.digits ?? 5;
  if (magnitude === 0) return Math.max(0, digits - 1);
  const whole = Math.floor(Math.log10(Number(magnitude.toPrecision(digits))) + 1e-12) + 1;
  return Math.min(12, Math.max(0, digits - whole));
}

function exponential(magnitude: number, digits: number, separator: string): string {
  const [mantissa = '', exponent = '0'] = magnitude.toExponential(Math.max(0, digits - 1)).split('e');
  return `${groupDigits(mantissa, separator)}e${Number(exponent)}`;
}

function assemble(number: string, unit: string, prefix: Prefix, state: FormattedQuantity['state']): FormattedQuantity {
  const shown = prefix + unitSymbol(unit);
  return { number, unit: shown, prefix, text: shown === '' ? number : `${number} ${shown}`, state };
}
