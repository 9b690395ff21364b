/** How the times of a table are written. */
export type CsvTime =
  /** ISO-8601; without a zone it is taken as UTC. */
  | { kind: 'iso' }
  /** A number of ns each; `isAbsolute`: since 1970, else since `originNs`. */
  | { kind: 'number'; unitNs: number; isAbsolute: boolean }
  /** There are none: rows are a second apart. */
  | { kind: 'none' };

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/;

const UNITS_NS: Readonly<Record<string, number>> = {
  s: 1e9,
  sec: 1e9,
  seconds: 1e9,
  ms: 1e6,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ns: 1,
  min: 60e9,
  h: 3600e9,
};

/** ns since 1970; undefined if it is no such time, or none there is (a 30th of February). */
export function parseIso(text: string): bigint | undefined {
  const match = ISO.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const back = new Date(ms);
  const isReal =
    back.getUTCMonth() === Number(month) - 1 &&
    back.getUTCDate() === Number(day) &&
    Number(minute) < 60 &&
    Number(second) < 60;
  if (!isReal || Number(hour) > 24) return undefined;
  return BigInt(ms - zoneMs(zone)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

function zoneMs(zone: string): number {
  if (zone === 'Z') return 0;
  const sign = zone.startsWith('-') ? -1 : 1;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  return sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * 60_000;
}

/** ns in a unit of time as typed; undefined if it is none. */
export function timeUnitNs(unit: string): number | undefined {
  return UNITS_NS[unit.trim()] ?? UNITS_NS[unit.trim().toLowerCase()];
}

/** What a number without a unit counts, judged by its size: ns, µs, ms or s since 1970 (between 1990 and 2100), else seconds. */
export function guessTime(value: number): CsvTime & { kind: 'number' } {
  for (const unitNs of [1, 1e3, 1e6, 1e9]) {
    const seconds = (value * unitNs) / 1e9;
    if (seconds > 631_152_000 && seconds < 4_102_444_800) return { kind: 'number', unitNs, isAbsolute: true };
  }
  return { kind: 'number', unitNs: 1e9, isAbsolute: false };
}

/**
 * A number of a unit as whole ns, from its digits: a double would lose some of ns since 1970. Undefined if it is no number.
 */
export function parseTicks(field: string, unitNs: number, hasComma: boolean): bigint | undefined {
  const text = (hasComma ? field.trim().replace(',', '.') : field.trim()).replace(/^\u2212/, '-');
  const match = /^([-+]?)(\d*)\.?(\d*)(?:[eE]([-+]?\d{1,3}))?$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  // Counts of ns are whole numbers: value · unit = digits · unit · 10^power.
  const power = Number(exponent) - fraction.length;
  const scaled = BigInt(`${whole}${fraction}`) * BigInt(unitNs);
  if (power > 30 || scaled.toString().length + power > 25) return undefined;
  const ns = power >= 0 ? scaled * 10n ** BigInt(power) : divideRounded(scaled, 10n ** BigInt(-power));
  return sign === '-' ? -ns : ns;
}

function divideRounded(value: bigint, by: bigint): bigint {
  return (value + by / 2n) / by;
}
