const MISSING = new Set(['', 'nan', '-nan', 'n/a', 'na', 'null', 'none', 'nil', '-', '--', '---', '#n/a']);
const OVERLOAD = new Set(['ol', '+ol', 'inf', '+inf', 'infinity', '+infinity', 'overload', 'ovld', 'ovrf', '1.#inf']);
const UNDERLOAD = new Set(['-ol', '-inf', '-infinity', '-overload', '-ovld', '-1.#inf']);
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/** A field of a table as a number: NaN for missing, ±Infinity for overload; undefined if it is none. `hasComma`: a comma is the decimal sign. */
export function parseValue(field: string, hasComma: boolean): number | undefined {
  const text = hasComma ? field.trim().replace(',', '.') : field.trim();
  // U+2212 is how people and programs write a minus in print.
  const plain = text.charCodeAt(0) === 0x2212 ? `-${text.slice(1)}` : text;
  if (NUMBER.test(plain)) return Number(plain);
  const word = plain.toLowerCase();
  if (MISSING.has(word)) return Number.NaN;
  if (OVERLOAD.has(word)) return Number.POSITIVE_INFINITY;
  return UNDERLOAD.has(word) ? Number.NEGATIVE_INFINITY : undefined;
}

/** Whether a field is a number, and not only a word for one that is missing. */
export function isNumber(field: string, hasComma: boolean): boolean {
  const value = parseValue(field, hasComma);
  return value !== undefined && !Number.isNaN(value);
}
