import { formatScpiNumber, parseScpiBoolean, parseScpiNumber, parseScpiString } from '../scpi-number.ts';
import type { LampCase, Reading } from './answer-schema.ts';

type Part = Partial<Omit<Reading, 'ask'>>;

/** The part of an answer that is meant, trimmed, without quotes; undefined if it is not there. */
export function partOf(text: string, { field, separator = ',', columns, match }: Part): string | undefined {
  let part: string | undefined = text.trim();
  if (field !== undefined) part = part.split(separator)[field - 1]?.trim();
  if (columns !== undefined) part = part?.slice(columns[0] - 1, columns[1]) || undefined;
  if (match !== undefined && part !== undefined) {
    const found = new RegExp(match, 'i').exec(part);
    part = found ? (found[1] ?? found[0]) : undefined;
  }
  return part === undefined ? undefined : parseScpiString(part);
}

/** The number an answer gives, scaled; ±Infinity is overload, NaN missing; undefined if it is no number. */
export function numberIn(text: string, part: Part): number | undefined {
  // A raw byte may be any, a space too.
  const word = part.base === 'byte' ? text : partOf(text, part);
  if (part.missing !== undefined && [part.missing].flat().some((one) => isSameWord(one, word ?? ''))) return Number.NaN;
  const raw = word === undefined ? undefined : rawNumber(word, part.base);
  if (raw === undefined) return undefined;
  if (part.overload === 'missing' && !Number.isFinite(raw)) return Number.NaN;
  if (typeof part.overload === 'number' && Math.abs(raw) >= part.overload) return raw > 0 ? Infinity : -Infinity;
  if (part.scale === undefined) return raw;
  // 0.1 has no exact double: 123 * 0.1 is not 12.3.
  return Number((raw * part.scale).toPrecision(12));
}

function rawNumber(word: string, base: Part['base']): number | undefined {
  if (base === undefined) return parseScpiNumber(word);
  if (base === 'byte') return word.length === 1 ? word.charCodeAt(0) : undefined;
  const digits = /^(?:0x|#h)?([0-9a-f]+)$/i.exec(word)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** Whether two words are the same to an instrument: without case, numbers by value. */
export function isSameWord(one: string, other: string): boolean {
  const a = parseScpiString(one).toUpperCase();
  const b = parseScpiString(other).toUpperCase();
  if (a === b) return true;
  const number = parseScpiNumber(a);
  const second = number === undefined ? undefined : parseScpiNumber(b);
  return number !== undefined && second !== undefined && Math.abs(number - second) <= Math.abs(number) * 1e-6;
}

/** Whether an answer passes the test; undefined if there is no test, or the answer is none. */
export function holds(text: string, test: Part): boolean | undefined {
  if (test.bit !== undefined || test.mask !== undefined) {
    const value = numberIn(text, { ...test, scale: undefined });
    if (value === undefined || !Number.isInteger(value)) return undefined;
    // Beyond 32 bits: no bitwise operators.
    const masked = BigInt(value) & (test.bit === undefined ? BigInt(test.mask ?? 0) : 1n << BigInt(test.bit));
    return test.equals === undefined ? masked !== 0n : masked === BigInt(test.equals);
  }
  if (test.is === undefined) return undefined;
  const word = partOf(text, test);
  if (word === undefined) return undefined;
  if (typeof test.is === 'boolean') {
    const said = parseScpiBoolean(word);
    return said === undefined ? undefined : said === test.is;
  }
  return [test.is].flat().some((one) => isSameWord(one, word));
}

/** What a row of a lamp shows for an answer; undefined: it does not hold, look at the next. */
export function shownBy(row: LampCase, text: string): string | undefined {
  const { words, flags, show } = row;
  if (row.ask === undefined) return show;
  if (flags) {
    const value = numberIn(text, row);
    if (value === undefined || !Number.isInteger(value)) return undefined;
    const set = Object.entries(flags).filter(([bit]) => (BigInt(value) >> BigInt(bit)) & 1n);
    return set.length > 0 ? set.map(([, name]) => name).join(' ') : show;
  }
  if (words) {
    const word = partOf(text, row) ?? '';
    return Object.entries(words).find(([answer]) => isSameWord(answer, word))?.[1];
  }
  const passed = holds(text, row);
  if (passed === false || (passed === undefined && isTest(row))) return undefined;
  return show ?? partOf(text, row)?.toUpperCase();
}

/** Whether an answer has the form the row expects; what it says is another matter. */
export function fits(row: LampCase, text: string): boolean {
  if (row.flags || row.bit !== undefined || row.mask !== undefined) return numberIn(text, row) !== undefined;
  const word = partOf(text, row);
  if (word === undefined) return false;
  return typeof row.is === 'boolean' ? parseScpiBoolean(word) !== undefined : /^[\x20-\x7e]{0,200}$/.test(word);
}

/** A number as the instrument takes it: by the pattern (`00.00`), or as short as it reads back the same. */
export function formatNumber(value: number, format: string | undefined, scale = 1): string {
  const raw = Number((value / scale).toPrecision(12));
  if (format === undefined) return formatScpiNumber(raw);
  const [whole = '0', decimals = ''] = format.split('.');
  const text = Math.abs(raw).toFixed(decimals.length);
  const width = whole.length + (decimals === '' ? 0 : decimals.length + 1);
  return (raw < 0 && Number(text) !== 0 ? '-' : '') + text.padStart(width, '0');
}

function isTest({ is, bit, mask }: Part): boolean {
  return is !== undefined || bit !== undefined || mask !== undefined;
}
