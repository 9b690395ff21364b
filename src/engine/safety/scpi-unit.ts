/** One unit of a program message (488.2 7.3), taken apart. */
export interface ScpiUnit {
  /** As written, trimmed, white space single. */
  text: string;
  /** Header mnemonics in upper case, without a leading colon or `*`. */
  nodes: string[];
  isQuery: boolean;
  isCommon: boolean;
  /** Begins with a colon: its path counts from the root. */
  isRooted: boolean;
  /** Parameters in upper case, split at commas outside quotes and brackets. */
  parameters: string[];
}

/** Why a text cannot be taken apart safely, or its units. Control characters are white space (488.2 7.4.1.2), except line ends. */
export function parseUnits(text: string): ScpiUnit[] | string {
  const message = text.replace(/[\r\n]+$/, '');
  if (/[\r\n]/.test(message)) return 'it holds a line end, so it is several messages';
  // What is beyond ASCII may become a character of its own on the wire: eighth bits are cut off on some lines.
  if (/[^\t\x20-\x7e]/.test(message)) return 'it holds characters that no command has';
  if (!splitOutside(message, ',')) return 'a quotation mark or bracket in it is not closed';
  // Not every instrument knows strings, and to none a bracket is a hold: what stands behind each semicolon may be carried out.
  if (hasQuoted(message, ';')) return 'a semicolon stands between quotation marks in it';
  const parts = message.split(';');
  const units = parts.map((part) => parseUnit(part)).filter((unit) => unit.text !== '');
  const isOdd = units.some(({ nodes, text: unit }) => nodes.some((node) => node.includes('?')) || unit.includes('#'));
  return isOdd ? 'a header in it cannot be read' : units;
}

/** One unit without `;`. */
export function parseUnit(part: string): ScpiUnit {
  const text = part.trim().replace(/\s+/g, ' ');
  const [, head = '', rest = ''] = /^(\S*)\s*(.*)$/.exec(text) ?? [];
  const isQuery = head.endsWith('?');
  const header = (isQuery ? head.slice(0, -1) : head).toUpperCase();
  const isCommon = header.startsWith('*');
  const nodes = header.replace(/^[*:]/, '').split(':');
  const parameters = (rest === '' ? [] : (splitOutside(rest, ',') ?? [rest])).map((one) => one.trim().toUpperCase());
  return { text, nodes, isQuery, isCommon, isRooted: header.startsWith(':'), parameters };
}

/**
 * What each unit may mean. SCPI-99 volume 1, 6.2.4: a header without a leading colon goes on where the one before it stood. Not every instrument does so: for some it begins
 * at the root, for some it goes on from the header before as that was written. Hence up to three readings of it. Common commands leave the path alone.
 */
export function readingsOf(units: readonly ScpiUnit[]): ScpiUnit[][] {
  let path: string[] = [];
  let written: string[] = [];
  return units.map((unit) => {
    if (unit.isCommon) return [unit];
    const { nodes, isRooted } = unit;
    const goesOn = isRooted ? nodes : [...path, ...nodes];
    const fromWritten = isRooted ? nodes : [...written, ...nodes];
    path = goesOn.slice(0, -1);
    written = nodes.slice(0, -1);
    const others = [goesOn, fromWritten].filter(
      (one, index, all) => one.length > nodes.length && all.findIndex((other) => isSamePath(other, one)) === index,
    );
    return [unit, ...others.map((one) => ({ ...unit, nodes: one }))];
  });
}

function isSamePath(one: readonly string[], other: readonly string[]): boolean {
  return one.join(':') === other.join(':');
}

/** Splits outside quotes and round brackets; undefined: one of them is not closed, or closed before it is opened. */
function splitOutside(text: string, separator: string): string[] | undefined {
  const parts: string[] = [];
  let quote = '';
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '(') depth++;
    else if (character === ')' && --depth < 0) return undefined;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  if (quote !== '' || depth !== 0) return undefined;
  parts.push(text.slice(start));
  return parts;
}

function hasQuoted(text: string, character: string): boolean {
  return [...text.matchAll(/"[^"]*"|'[^']*'/g)].some(([quoted]) => quoted.includes(character));
}

/** Nodes that SCPI lets be left out, and that makers let be left out. */
const OPTIONAL = /^(SOUR|SOURCE|LEV|LEVEL|IMM|IMMEDIATE|AMPL|AMPLITUDE|STAT|STATE)(\d*)$/;

/**
 * Whether a header written by a person can be the one of a form; short and long spellings are not told apart (`VOLT` begins `VOLTAGE`). `unsure`: nothing
 * in it says which output is meant where the form does.
 */
export function sameHeader(theirs: readonly string[], form: readonly string[]): 'yes' | 'unsure' | 'no' {
  const [their, own] = [theirs.filter((node) => !OPTIONAL.test(node)), form.filter((node) => !OPTIONAL.test(node))];
  // A header of optional nodes alone stays as it is.
  const [left, right] = own.length === 0 || their.length === 0 ? [theirs, form] : [their, own];
  if (left.length !== right.length) return 'no';
  let isSure = true;
  for (const [index, node] of left.entries()) {
    const same = sameNode(node, right[index] ?? '');
    if (same === 'no') return 'no';
    if (same === 'unsure') isSure = false;
  }
  const numbers = [sourceNumber(theirs), sourceNumber(form)];
  if (numbers[0] !== numbers[1]) {
    if (numbers[0] !== '' && numbers[1] !== '') return 'no';
    isSure = false;
  }
  return isSure ? 'yes' : 'unsure';
}

function sourceNumber(nodes: readonly string[]): string {
  return nodes.map((node) => /^SOUR(?:CE)?(\d+)$/.exec(node)?.[1] ?? '').find((number) => number !== '') ?? '';
}

function sameNode(theirs: string, form: string): 'yes' | 'unsure' | 'no' {
  const [, letters = theirs, number = ''] = /^(.*?)(\d*)$/.exec(theirs) ?? [];
  const [, own = form, ownNumber = ''] = /^(.*?)(\d*)$/.exec(form) ?? [];
  if (!isSameMnemonic(letters, own)) return 'no';
  if (number === ownNumber) return 'yes';
  return number !== '' && ownNumber !== '' ? 'no' : 'unsure';
}

/** Short and long form of one word. */
export function isSameMnemonic(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  return short === long || (short.length >= 3 && long.startsWith(short));
}
