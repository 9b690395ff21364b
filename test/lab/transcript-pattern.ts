/**
 * A request as a manual prints it, made into something that recognises every legal spelling.
 *
 *     [:SOURce<ch:1..3=1>]:VOLTage[:LEVel] <v:number 0..{max.{ch}}>
 *
 * Capitals are the short form. `[…]` may be left out. `<name:kind>` captures:
 * `digits3` (so many), `1..3` (an integer; with `=default` it may be left out), `number` (with or without limits), `bool` (ON OFF 1 0 → 1 0),
 * `A|Bee=word` (keywords, the capture is `word` or the short form; `<:A|B>` only tells words apart), `text` (up to a comma). `"` is either quote.
 */
export interface Pattern {
  readonly text: string;
  match(request: string): Captured | undefined;
}

export interface Captured {
  values: Record<string, string>;
  /** Numbers with limits that are templates over state and captures. */
  limits: { name: string; least: string; most: string }[];
}

interface Capture {
  name: string;
  read(text: string | undefined): string | undefined;
  limits?: { least: string; most: string };
}

export function compilePattern(text: string, style: 'scpi' | 'exact'): Pattern {
  const isScpi = style === 'scpi';
  const whole = isScpi && !/^(\*|\[?:)/.test(text) ? `:${text}` : text;
  const captures: Capture[] = [];
  const expression = new RegExp(`^${sourceOf(whole, isScpi, captures)}$`, isScpi ? 'i' : '');
  return {
    text,
    match(request) {
      const line = isScpi ? request.trim() : request;
      const found = expression.exec(isScpi && !/^[*:]/.test(line) ? `:${line}` : line);
      if (!found) return undefined;
      const captured: Captured = { values: {}, limits: [] };
      for (const [index, capture] of captures.entries()) {
        const said = found[index + 1];
        const value = capture.read(said);
        if (value === undefined && said !== undefined) return undefined;
        captured.values[capture.name] = value ?? '';
        if (capture.limits && said !== undefined) captured.limits.push({ name: capture.name, ...capture.limits });
      }
      return captured;
    },
  };
}

function sourceOf(text: string, isScpi: boolean, captures: Capture[]): string {
  let source = '';
  const scanner = /<([a-z]\w*)?:([^>]*)>|([A-Za-z_]+)|(\s*,\s*)|( +)|(\[)|(\])|(")|([\s\S])/g;
  for (const [, name, kind, word, comma, space, open, close, quote, other] of text.matchAll(scanner)) {
    if (kind !== undefined) source += captureSource(name ?? '', kind, isScpi, captures);
    else if (word !== undefined) source += isScpi ? wordSource(word) : word;
    else if (comma !== undefined) source += isScpi ? '\\s*,\\s*' : ',';
    else if (space !== undefined) source += isScpi ? '\\s+' : space;
    else if (open !== undefined) source += '(?:';
    else if (close !== undefined) source += ')?';
    else if (quote !== undefined) source += `["']`;
    else source += literal(other ?? '');
  }
  return source;
}

/** A spelling of the request that its pattern must recognise: short forms, nothing that may be left out, least values. */
export function sampleRequest(text: string, style: 'scpi' | 'exact'): string {
  let shortest = text;
  while (/\[[^[\]]*\]/.test(shortest)) shortest = shortest.replace(/\[[^[\]]*\]/g, '');
  return shortest
    .replace(/<(?:[a-z]\w*)?:([^>]*)>/g, (_, kind: string) => sampleValue(kind))
    .replace(/[A-Z_]+[a-z]*/g, (word) => (style === 'scpi' ? (/^[A-Z_]+/.exec(word)?.[0] ?? word) : word));
}

function sampleValue(kind: string): string {
  const range = /^(\d+)\.\.\d+/.exec(kind);
  if (range) return range[1] ?? '';
  const digits = /^digits(\d)$/.exec(kind);
  if (digits) return '1'.repeat(Number(digits[1]));
  if (kind === 'bool') return 'ON';
  if (kind === 'text') return 'X';
  const number = /^number(?: (-?[\d.e-]+)\.\.)?/.exec(kind);
  if (number) return number[1] ?? '1';
  return (kind.split('|')[0] ?? '').replace(/=.*/, '').replace(/\[[^\]]*\]/g, '');
}

/** `VOLTage` → `VOLT(?:age)?`; one without small letters has one form. */
function wordSource(word: string): string {
  const [, short = word, rest = ''] = /^([A-Z_]+)([a-z]*)$/.exec(word) ?? [];
  return rest === '' ? literal(word) : `${short}(?:${rest})?`;
}

function captureSource(name: string, kind: string, isScpi: boolean, captures: Capture[]): string {
  const range = /^(\d+)\.\.(\d+)(?:=(.*))?$/.exec(kind);
  if (range) {
    const [, least = '', most = '', standard] = range;
    const read = (text: string | undefined): string | undefined => {
      if (text === undefined || text === '') return standard;
      return Number(text) >= Number(least) && Number(text) <= Number(most) ? String(Number(text)) : undefined;
    };
    captures.push({ name, read });
    return standard === undefined ? '(\\d+)' : '(\\d*)';
  }
  const digits = /^digits(\d)$/.exec(kind);
  if (digits) {
    captures.push({ name, read: (text) => (text === undefined ? undefined : String(Number(text))) });
    return `(\\d{${digits[1]}})`;
  }
  if (kind === 'bool') {
    captures.push({ name, read: (text) => (text === undefined ? undefined : /^(ON|1)$/i.test(text) ? '1' : '0') });
    return '(ON|OFF|1|0)';
  }
  if (kind === 'text') {
    captures.push({ name, read: (text) => text });
    return '([^,;]+?)';
  }
  const number = /^number(?: ([^ ]+)\.\.([^ ]+))?(?: ([A-Za-z/%]+))?$/.exec(kind);
  if (number) {
    const [, least, most, unit] = number;
    const capture: Capture = { name, read: (text) => (text === undefined ? undefined : String(Number(text))) };
    if (least !== undefined && most !== undefined) capture.limits = { least, most };
    captures.push(capture);
    return `([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?)${unit ? `(?:\\s*${unit})?` : ''}`;
  }
  const words = kind.split('|').map((one) => {
    const [spelling = '', canonical] = one.split('=');
    const short = spelling.replace(/\[[^\]]*\]/g, '').replace(/[a-z]/g, '');
    const source = sourceOf(spelling, isScpi, []);
    return { source, test: new RegExp(`^${source}$`, isScpi ? 'i' : ''), canonical: canonical ?? short };
  });
  captures.push({ name, read: (text) => words.find(({ test }) => test.test(text ?? ''))?.canonical });
  return `(${words.map(({ source }) => source).join('|')})`;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
