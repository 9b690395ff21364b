/** What a template may name: state of the unit and captures of the request; captures go first. */
export type Names = Record<string, string | number>;

/**
 * Fills `{name|format}`; names nest (`{volt.{ch}}`). Formats: `%.3f`, `%+.8E`, `%d`, `%04X`, `%c` (one byte), `OFF,ON` (word of that
 * index). `{bits 0=cv 6=on|%c}`: the number with these bits set where the named state is not 0. Throws for a name there is none of.
 */
export function fillTemplate(template: string, names: Names): string {
  let text = template;
  for (let depth = 0; depth < 4; depth++) {
    const filled = text.replace(/\{([a-z][^{}]*)\}/gi, (_, inside: string) => fillOne(inside, names));
    if (filled === text) return text;
    text = filled;
  }
  return text;
}

function fillOne(inside: string, names: Names): string {
  const [name = '', format] = inside.split('|');
  const value = name.startsWith('bits ') ? bits(name.slice(5), names) : lookUp(name, names);
  return format === undefined ? String(value) : formatValue(value, format);
}

function lookUp(name: string, names: Names): string | number {
  const value = names[name];
  if (value === undefined) throw new Error(`transcript: no state or capture '${name}'`);
  return value;
}

function bits(list: string, names: Names): number {
  let number = 0;
  for (const item of list.trim().split(/\s+/)) {
    const [bit = '', name = ''] = item.split('=');
    if (Number(lookUp(name, names)) !== 0) number += 2 ** Number(bit);
  }
  return number;
}

function formatValue(value: string | number, format: string): string {
  const printf = /^%(\+?)(0?)(\d*)(?:\.(\d+))?([feEdXxc])$/.exec(format);
  if (!printf) {
    const word = format.split(',')[Number(value)];
    if (word === undefined) throw new Error(`transcript: no word ${value} in '${format}'`);
    return word;
  }
  const [, plus = '', zero = '', width = '', places, kind = ''] = printf;
  const number = Number(value);
  if (Number.isNaN(number)) throw new Error(`transcript: '${value}' is no number`);
  if (kind === 'c') return String.fromCharCode(number);
  let text: string;
  if (kind === 'f') text = number.toFixed(Number(places ?? 6));
  else if (kind === 'd') text = String(Math.round(number));
  else if (kind === 'E') text = exponential(number, Number(places ?? 6));
  else if (kind === 'e') text = exponential(number, Number(places ?? 6)).toLowerCase();
  else text = kind === 'X' ? number.toString(16).toUpperCase() : number.toString(16);
  if (plus !== '' && number >= 0) text = `+${text}`;
  return text.padStart(Number(width || 0), zero === '' ? ' ' : '0');
}

/** As C prints it: at least two digits of exponent. */
function exponential(number: number, places: number): string {
  return number
    .toExponential(places)
    .replace(/e([+-])(\d+)$/, (_, sign: string, digits: string) => `E${sign}${digits.padStart(2, '0')}`);
}
