import { parsePrefix, parseUnit } from '../../core/units.ts';

/** A column as its head says it. */
export interface ColumnName {
  name: string;
  /** As written; '' for none. */
  unit: string;
}

/** `voltage [V]` and `voltage (V)`: name and unit. */
export function splitName(head: string): ColumnName {
  const text = head.trim();
  const match = /^(.*?)\s*(?:\[([^[\]]{0,20})\]|\(([^()]{0,20})\))$/s.exec(text);
  if (!match) return { name: text, unit: '' };
  const [, name = '', inBrackets, inParentheses] = match;
  return { name: name === '' ? text : name, unit: (inBrackets ?? inParentheses ?? '').trim() };
}

/** A unit as we write it, and the power of ten of its prefix: `mV` is V, −3. Undefined if it is none known here. */
export function readUnit(typed: string): { unit: string; exponent: number } | undefined {
  if (typed === '') return { unit: '', exponent: 0 };
  const whole = parseUnit(typed, '');
  if (whole !== undefined) return { unit: whole, exponent: 0 };
  const [first = ''] = typed;
  const exponent = parsePrefix(first);
  const rest = parseUnit(typed.slice(first.length), '');
  return exponent !== undefined && rest !== undefined && rest !== '' ? { unit: rest, exponent } : undefined;
}

/** Whether a row is one of units: no field is a number, some are units, and none is more than a few characters. */
export function isUnitsRow(fields: readonly string[]): boolean {
  const texts = fields.map((field) => field.trim().replace(/^[[(]|[\])]$/g, ''));
  if (texts.some((text) => text.length > 12 || /\d/.test(text))) return false;
  return texts.some((text) => text !== '' && readUnit(text) !== undefined);
}
