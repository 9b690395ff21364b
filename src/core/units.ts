/** SI prefixes in use on a bench, by power of ten. */
export const PREFIXES = [
  { symbol: 'f', exponent: -15 },
  { symbol: 'p', exponent: -12 },
  { symbol: 'n', exponent: -9 },
  { symbol: 'µ', exponent: -6 },
  { symbol: 'm', exponent: -3 },
  { symbol: '', exponent: 0 },
  { symbol: 'k', exponent: 3 },
  { symbol: 'M', exponent: 6 },
  { symbol: 'G', exponent: 9 },
  { symbol: 'T', exponent: 12 },
] as const;

export type Prefix = (typeof PREFIXES)[number]['symbol'];

/** How our ASCII unit symbols are shown. */
const SHOWN: Readonly<Record<string, string>> = { Ohm: 'Ω', degC: '°C', degF: '°F', deg: '°' };

/** What people type for them, in lower case. */
const TYPED: Readonly<Record<string, string>> = {
  '\u03a9': 'Ohm',
  '\u2126': 'Ohm',
  '\u03c9': 'Ohm',
  ohm: 'Ohm',
  ohms: 'Ohm',
  r: 'Ohm',
  '°c': 'degC',
  '°f': 'degF',
  '°': 'deg',
};

/** Units that are never scaled by a prefix (numbers of them are grouped or given an exponent), and those scaled downwards only. */
const WITHOUT_PREFIX = new Set([
  '',
  '%',
  'degC',
  'degF',
  'deg',
  'dB',
  'dBm',
  'dBV',
  'dBu',
  'ppm',
  'rpm',
  'min',
  'h',
  'd',
]);
const DOWN_ONLY = new Set(['s', 'K']);

/** Known units, so that a wrong one can be named. Their case matters only where two differ by nothing else. */
const KNOWN =
  'V A W Ohm Hz F H C J S T Wb N Pa VA var Wh Ah K s m g % degC degF deg dB dBm dBV dBu ppm rpm min h d'.split(' ');
const CASE_MATTERS = new Set(['s', 'S', 'm', 'K', 'g', 'd', 'h', 'H', 'T']);

/** Units of others that bring their prefix (`nm` of a power meter): a second one would make `knm` of it. */
const WITH_PREFIX = /^(?:[fpnuµkMG]m|mm|[fpnuµmkMGT](?:V|A|W|s|Hz|F|H|g|Ohm))(?:\/s)?$/;

/** The smallest and largest prefix exponent of a unit. */
export function prefixRange(unit: string): { least: number; most: number } {
  if (WITHOUT_PREFIX.has(unit) || WITH_PREFIX.test(unit)) return { least: 0, most: 0 };
  return { least: -15, most: DOWN_ONLY.has(unit) ? 0 : 12 };
}

/** Unit as shown to a person: `Ohm` is `Ω`. */
export function unitSymbol(unit: string): string {
  return SHOWN[unit] ?? unit;
}

/** Our symbol of a unit as typed; `expected` wins where the case is open. Undefined if it is no unit known here. */
export function parseUnit(typed: string, expected: string): string | undefined {
  if (typed === expected || typed === unitSymbol(expected)) return expected;
  const lower = typed.toLowerCase();
  const named = TYPED[typed] ?? TYPED[lower];
  if (named !== undefined && (named === expected || KNOWN.includes(named))) return named;
  if (KNOWN.includes(typed)) return typed;
  if (lower === expected.toLowerCase() && !CASE_MATTERS.has(expected)) return expected;
  return KNOWN.find((unit) => unit.toLowerCase() === lower && !CASE_MATTERS.has(unit));
}

/** Power of ten of a prefix as typed (`u` for µ, `K` for k); undefined if it is none. */
export function parsePrefix(typed: string): number | undefined {
  if (typed === 'u' || typed === '\u03bc') return -6;
  if (typed === 'K') return 3;
  return PREFIXES.find((prefix) => prefix.symbol === typed)?.exponent;
}

/** SCPI-99 vol. 1, 7.2.1.4/5: not a number is 9.91E37, infinity ±9.9E37. Instruments send single precision of it. */
const SCPI_NAN = 9.91e37;
const SCPI_OVERLOAD = 9.9e37;

/** A number as instruments mean it: 9.91E37 is NaN (missing), 9.9E37 and more in magnitude ±Infinity (overload). */
export function fromScpiNumber(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < SCPI_OVERLOAD * (1 - 1e-6)) return value;
  if (Math.abs(value / SCPI_NAN - 1) < 1e-6) return Number.NaN;
  return value > 0 ? Number.POSITIVE_INFINITY : value < 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const WORDS: Readonly<Record<string, number>> = {
  NAN: Number.NaN,
  INF: Number.POSITIVE_INFINITY,
  INFINITY: Number.POSITIVE_INFINITY,
  NINF: Number.NEGATIVE_INFINITY,
  NINFINITY: Number.NEGATIVE_INFINITY,
};

/**
 * NR1, NR2, NR3 (IEEE 488.2 8.7.2…4) and the words NAN, INF, NINF of a reply. NaN = missing, ±Infinity = overload;
 * undefined = not a number at all. A suffix is not taken: what it means is the driver's business.
 */
export function parseScpiNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) return fromScpiNumber(Number(trimmed));
  const isNegative = trimmed.startsWith('-');
  const word = WORDS[trimmed.replace(/^[+-]/, '').toUpperCase()];
  return word === undefined ? undefined : isNegative ? -word : word;
}
