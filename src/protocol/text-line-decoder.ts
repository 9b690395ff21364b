import { NumberScanner } from './number-scanner.ts';

/** What a decoder hands on. Called from within `push`; must not throw. */
export interface TextLineSink {
  /** Rows of numbers, one column per field, borrowed for the call. */
  rows(columns: Float64Array[], rows: number): void;
  /** A line that starts with `#`, without the `#`: reply or note of the device. Rows before it were handed on. */
  marked?(text: string): void;
  /** Names from a header line, or from the labels of the first line (`volts:1.2`). Before the first rows. */
  names?(names: string[]): void;
}

export interface TextLineOptions {
  sink: TextLineSink;
  /** Fields a line must have; absent: as many as the first good line. */
  columns?: number;
  /** The first line may have begun before we listened: it is dropped. Default true. */
  dropsFirst?: boolean;
  /** Default 4096. */
  maxLineBytes?: number;
  /** Default 256. */
  maxColumns?: number;
  /** Rows gathered before they are handed on; default 8192. What is left is handed on at the end of each push. */
  maxRows?: number;
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const COLON = 0x3a;
const HASH = 0x23;
const WORDS: Record<string, number> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};

/**
 * Lines of numbers to columns: separated by space, tab, comma or semicolon, ended by LF or CR LF, each optionally `label:value`
 * (Arduino plotter). An empty field between two commas is missing (NaN); `nan`, `inf`, `-inf` are taken; numbers are bit-equal to `Number()`.
 *
 *     const decoder = new TextLineDecoder({ sink: { rows(columns, rows) { … } } });
 *     decoder.push(chunk);      // chunks may end anywhere
 *
 * A line with another number of fields, other labels or anything that is no number is dropped and counted in `malformed`. Rows gathered are
 * handed on at the end of each push.
 */
export class TextLineDecoder {
  malformed = 0;
  readonly #sink: TextLineSink;
  readonly #maxLineBytes: number;
  readonly #maxColumns: number;
  readonly #maxRows: number;
  readonly #scanner = new NumberScanner();
  readonly #text = new TextDecoder('utf-8');
  #columns: Float64Array[] = [];
  #labels: (string | undefined)[] = [];
  #hasLabels = false;
  /** Fields per line; 0 until known. */
  #fields: number;
  #hasRows = false;
  #rows = 0;
  readonly #carry: Uint8Array;
  #carried = 0;
  /** Everything up to the next LF is thrown away. */
  #skipping: boolean;

  constructor(options: TextLineOptions) {
    this.#sink = options.sink;
    this.#maxLineBytes = options.maxLineBytes ?? 4096;
    this.#maxColumns = options.maxColumns ?? 256;
    this.#maxRows = options.maxRows ?? 8192;
    this.#fields = options.columns ?? 0;
    this.#skipping = options.dropsFirst ?? true;
    this.#carry = new Uint8Array(this.#maxLineBytes + 1);
    this.#makeColumns(this.#fields);
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    if (this.#skipping || this.#carried > 0) {
      const end = chunk.indexOf(LF);
      if (end < 0) {
        this.#keep(chunk, 0, chunk.length);
        return;
      }
      start = end + 1;
      if (this.#skipping) this.#skipping = false;
      else if (this.#keep(chunk, 0, start)) this.#lines(this.#carry, 0, this.#carried);
      this.#skipping = false;
      this.#carried = 0;
    }
    const stop = chunk.lastIndexOf(LF) + 1;
    if (stop > start) {
      this.#lines(chunk, start, stop);
      start = stop;
    }
    if (start < chunk.length) this.#keep(chunk, start, chunk.length);
    this.#flush();
  }

  #keep(chunk: Uint8Array, start: number, end: number): boolean {
    if (this.#skipping) return false;
    if (this.#carried + end - start > this.#carry.length) {
      this.malformed++;
      this.#carried = 0;
      this.#skipping = true;
      return false;
    }
    this.#carry.set(chunk.subarray(start, end), this.#carried);
    this.#carried += end - start;
    return true;
  }

  /** `bytes[start, end)` holds whole lines; the last byte is LF, so nothing below runs past it. */
  #lines(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#rows === this.#maxRows) this.#flush();
      const next = this.#fields > 0 ? this.#row(bytes, at) : -1;
      if (next >= 0) {
        this.#rows++;
        at = next;
      } else {
        const stop = bytes.indexOf(LF, at);
        this.#otherLine(bytes, at, stop);
        at = stop + 1;
      }
    }
  }

  /** A plain row of numbers into the open columns; where the next line starts, or -1 if it is anything else. */
  #row(bytes: Uint8Array, start: number): number {
    const scanner = this.#scanner;
    const columns = this.#columns;
    const row = this.#rows;
    const last = columns.length - 1;
    let at = start;
    for (let field = 0; field <= last; field++) {
      if (bytes[at] === SPACE || bytes[at] === TAB) at = afterBlanks(bytes, at);
      if (this.#hasLabels) {
        at = afterLabel(bytes, at, this.#labels[field] ?? '');
        if (at < 0) return -1;
      }
      const value = scanner.scan(bytes, at);
      if (scanner.at === at) return -1;
      at = scanner.at;
      (columns[field] as Float64Array)[row] = value;
      const byte = bytes[at] as number;
      if (byte === COMMA || byte === SEMICOLON) at++;
      else if (byte === SPACE || byte === TAB) {
        // One separator between fields; blanks beside it do not count.
        at = afterBlanks(bytes, at);
        if (bytes[at] === COMMA || bytes[at] === SEMICOLON) at++;
      } else if (field !== last || (byte !== LF && byte !== CR)) return -1;
    }
    if (bytes[at] === CR) at++;
    return bytes[at] === LF && at - start <= this.#maxLineBytes ? at + 1 : -1;
  }

  /** The rare lines: marked, empty, header, the first with its labels, with words or missing fields, or malformed. */
  #otherLine(bytes: Uint8Array, start: number, stop: number): void {
    const end = stop > start && bytes[stop - 1] === CR ? stop - 1 : stop;
    if (end === start) return;
    if (end - start > this.#maxLineBytes) {
      this.malformed++;
      return;
    }
    const text = this.#text.decode(bytes.subarray(start, end));
    if (bytes[start] === HASH) {
      this.#flush();
      this.#sink.marked?.(text.slice(1));
      return;
    }
    const parts = splitFields(text);
    const labels = parts.map((part) => labelOf(part));
    const values = parts.map((part, index) =>
      fieldValue(part.slice(labels[index] === undefined ? 0 : (labels[index]?.length ?? 0) + 1)),
    );
    if (!this.#hasRows && this.#rows === 0 && this.#takeNames(parts, labels, values, text)) return;
    const isSame = parts.length === this.#fields && labels.every((label, index) => label === this.#labels[index]);
    if (!isSame || values.includes(undefined)) {
      this.malformed++;
      return;
    }
    for (const [index, value] of values.entries()) (this.#columns[index] as Float64Array)[this.#rows] = value as number;
    this.#rows++;
    this.#hasRows = true;
  }

  /** Learns the shape from the first line. True: it was a header and holds no numbers. */
  #takeNames(parts: string[], labels: (string | undefined)[], values: (number | undefined)[], text: string): boolean {
    const isFree = this.#fields === 0 || this.#fields === parts.length || splitHeader(text).length === this.#fields;
    if (!isFree || parts.length > this.#maxColumns) return false;
    if (values.every((value) => value === undefined) && labels.every((label) => label === undefined)) {
      if (!parts.every((part) => part !== '')) return false;
      // A boot message looks like a header: it names, but does not decide how many fields there are.
      this.#sink.names?.(splitHeader(text).map((part) => part.replace(/^"(.*)"$/, '$1')));
      return true;
    }
    if (values.includes(undefined)) return false;
    this.#makeColumns(parts.length);
    this.#labels = labels;
    this.#hasLabels = labels.some((label) => label !== undefined);
    if (labels.every((label) => label !== undefined)) this.#sink.names?.(labels as string[]);
    return false;
  }

  #makeColumns(fields: number): void {
    this.#fields = fields;
    this.#columns = Array.from({ length: fields }, () => new Float64Array(this.#maxRows));
    this.#labels = new Array<string | undefined>(fields).fill(undefined);
    this.#hasLabels = false;
  }

  #flush(): void {
    if (this.#rows === 0) return;
    const rows = this.#rows;
    this.#rows = 0;
    this.#hasRows = true;
    this.#sink.rows(
      this.#columns.map((column) => column.subarray(0, rows)),
      rows,
    );
  }
}

function afterBlanks(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  return at;
}

/** Where the value after `label:` starts; -1 if the label is another. '' has none. */
function afterLabel(bytes: Uint8Array, start: number, label: string): number {
  if (label === '') return start;
  for (let i = 0; i < label.length; i++) {
    if (bytes[start + i] !== label.charCodeAt(i)) return -1;
  }
  return bytes[start + label.length] === COLON ? start + label.length + 1 : -1;
}

/** One comma or semicolon with its blanks, or a run of blanks; a separator at the end starts no field. */
function splitFields(text: string): string[] {
  const parts = text.trim().split(/\s*[,;]\s*|\s+/);
  if (parts.length > 1 && parts.at(-1) === '') parts.pop();
  return parts;
}

/** Names may hold blanks where commas or semicolons stand between them. */
function splitHeader(text: string): string[] {
  return /[,;]/.test(text)
    ? text
        .trim()
        .replace(/[,;]$/, '')
        .split(/\s*[,;]\s*/)
    : splitFields(text);
}

function labelOf(part: string): string | undefined {
  const colon = part.indexOf(':');
  return colon > 0 ? part.slice(0, colon) : undefined;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function fieldValue(text: string): number | undefined {
  if (text === '') return Number.NaN;
  if (NUMBER.test(text)) return Number(text);
  return WORDS[text.toLowerCase()];
}
