import { parsePrefix, parseUnit, unitSymbol } from './units.ts';

/** A typed quantity in the base unit, or why it is none (a sentence for the person). */
export type ParsedQuantity = { ok: true; value: number } | { ok: false; reason: string };

const SPACES = /[\u0020\u00a0\u2009\u202f]/g;
const GAP = '[\\u0020\\u00a0\\u2009\\u202f]';
/** Digits grouped in threes, as `formatQuantity` writes them: `1 234.567 8`. */
const GROUPED = new RegExp(`^(?:\\d{1,3}(?:${GAP}\\d{3})+|\\d+)(?:\\.(?:(?:\\d{3}${GAP})+\\d{1,3}|\\d+))?(?!\\d)`);
/** `3v3`, `4k7`, `2R2`: the letter is the decimal point; a unit may follow. */
const INFIX = /^([+-]?)(\d+)(\p{L})(\d+)(\p{L}*|Ω)$/u;
const PLAIN = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-][^\d\s.,]*)?$/u;

/**
 * Reads what an engineer types for a channel of this unit: `3v3`, `250m`, `1.2k`, `4.7u`, `1e-3`, `5 V`, `-0.5mV`, `4.987 62 V`.
 * `K` and `k` are kilo, `m` milli, `M` mega, `u` and `µ` micro; the unit may be left out, another unit is refused. Never a guess:
 * a decimal comma, a bare prefix, or anything left over is refused with a reason.
 */
export function parseQuantity(text: string, unit: string): ParsedQuantity {
  const typed = text.trim().replace(/^\u2212/, '-');
  if (typed === '') return refuse('Type a number.');
  if (typed.includes(',')) return refuse(`“${text.trim()}” has a comma. Write the decimal point as “.”.`);
  const joined = joinGroups(typed);
  const infix = INFIX.exec(joined);
  if (infix && !/[eE]/.test(infix[3] ?? '')) return parseInfix(infix, unit);
  const plain = PLAIN.exec(joined);
  if (!plain) return refuse(`“${text.trim()}” is not a number. Examples: 3.3, 3v3, 250m, 1.2k.`);
  const suffix = parseSuffix(plain[2] ?? '', unit);
  return suffix.ok ? accept(Number(plain[1]), suffix.value) : suffix;
}

/** The letter in the middle is a prefix, or the unit itself. */
function parseInfix(match: RegExpExecArray, unit: string): ParsedQuantity {
  const [, sign = '', whole = '', letter = '', fraction = '', rest = ''] = match;
  const number = Number(`${sign}${whole}.${fraction}`);
  const asPrefix = parsePrefix(letter);
  if (rest === '' && parseUnit(letter, unit) === unit && unit !== '') return accept(number, 0);
  if (asPrefix === undefined) {
    const other = parseSuffix(letter, unit);
    return other.ok ? refuse(`“${match[0]}” is not a number. Examples: 3.3, 3v3, 250m, 1.2k.`) : other;
  }
  if (rest !== '' && parseUnit(rest, unit) !== unit) return wrongUnit(rest, unit);
  return accept(number, asPrefix);
}

/** Power of ten of a suffix: prefix, unit, or both. The unit wins where both fit (`m` on a length, `T` on a flux density). */
function parseSuffix(suffix: string, unit: string): ParsedQuantity {
  if (suffix === '') return { ok: true, value: 0 };
  if (unit !== '' && parseUnit(suffix, unit) === unit) return { ok: true, value: 0 };
  if (/^meg/i.test(suffix)) return parseSuffix(`M${suffix.slice(3)}`, unit);
  const [first = ''] = suffix;
  const exponent = parsePrefix(first);
  const rest = suffix.slice(first.length);
  if (exponent !== undefined && (rest === '' || (unit !== '' && parseUnit(rest, unit) === unit))) {
    return { ok: true, value: exponent };
  }
  return wrongUnit(suffix, unit);
}

function wrongUnit(suffix: string, unit: string): ParsedQuantity {
  const shown = unitSymbol(unit);
  const [first = ''] = suffix;
  const found =
    parseUnit(suffix, '') ?? (parsePrefix(first) === undefined ? undefined : parseUnit(suffix.slice(1), ''));
  const takes = shown === '' ? 'a plain number' : shown;
  return refuse(
    found
      ? `“${suffix}” is in ${unitSymbol(found)}; this takes ${takes}.`
      : `“${suffix}” is neither a prefix nor a unit; this takes ${takes}.`,
  );
}

function accept(number: number, exponent: number): ParsedQuantity {
  // Through text, not by multiplying: 4.7 * 1e-6 is not 4.7e-6.
  const [mantissa, own = '0'] = String(number).split('e');
  const value = Number(`${mantissa}e${Number(own) + exponent}`);
  return Number.isFinite(value) ? { ok: true, value } : refuse('That number is too large.');
}

function refuse(reason: string): ParsedQuantity {
  return { ok: false, reason };
}

/** Takes the spaces out of a number grouped in threes; others stay and are refused. */
function joinGroups(typed: string): string {
  const sign = /^[+-]/.exec(typed)?.[0] ?? '';
  const body = typed.slice(sign.length);
  const match = GROUPED.exec(body);
  if (!match) return typed;
  return sign + match[0].replace(SPACES, '') + body.slice(match[0].length);
}
