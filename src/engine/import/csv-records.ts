import { createReadStream } from 'node:fs';
import { importFailed } from './import-error.ts';

/** A line of a table, or several if a quoted field goes over lines: `line` is the first of them, counted from 1. */
export interface CsvRecord {
  line: number;
  fields: string[];
  /** It began with `#`, which is left out. */
  isComment: boolean;
}

/** A record is no longer; characters. */
export const MOST_CHARACTERS = 1 << 20;
const MOST_FIELDS = 5000;
const PIECE_BYTES = 1 << 18;

/** Parts text into records as it comes (RFC 4180, any separator, any line end). Empty lines are skipped. */
export class CsvSplitter {
  readonly #path: string;
  readonly #separator: string;
  #rest = '';
  #line = 1;

  constructor(path: string, separator: string) {
    this.#path = path;
    this.#separator = separator;
  }

  /** The records that are whole; with `isLast` what is left is one too. @throws LabError import.failed */
  split(piece: string, isLast: boolean): CsvRecord[] {
    const text = this.#rest + piece;
    const records: CsvRecord[] = [];
    let at = 0;
    while (at < text.length) {
      const end = this.#endOf(text, at, isLast);
      if (end === undefined) break;
      const record = text.slice(at, end);
      const next = text.startsWith('\r\n', end) ? end + 2 : end + 1;
      if (record !== '') records.push(this.#parse(record));
      this.#line += lineCount(record) + 1;
      at = next;
    }
    this.#rest = text.slice(at);
    if (this.#rest.length > MOST_CHARACTERS) throw this.#tooLong(this.#line);
    return records;
  }

  /** Where the record that begins at `at` ends; undefined if that is still to come. */
  #endOf(text: string, at: number, isLast: boolean): number | undefined {
    let isQuoted = false;
    for (let index = at; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code === 34) isQuoted = !isQuoted;
      // A carriage return at the very end may have its line feed in the next piece.
      else if (!isQuoted && (code === 10 || (code === 13 && (isLast || index + 1 < text.length)))) return index;
    }
    if (!isLast) return undefined;
    if (isQuoted) {
      throw importFailed(
        this.#path,
        `line ${this.#line} opens a quote that is never closed`,
        'Close the quote, or take it out, and import the file again.',
        { line: this.#line },
      );
    }
    return text.length;
  }

  #parse(record: string): CsvRecord {
    const isComment = record.startsWith('#');
    const fields = this.#fieldsOf(isComment ? record.replace(/^#+\s*/, '') : record);
    return { line: this.#line, fields, isComment };
  }

  #fieldsOf(record: string): string[] {
    const fields = record.includes('"') ? this.#quotedFields(record) : record.split(this.#separator);
    if (fields.length <= MOST_FIELDS) return fields;
    throw importFailed(
      this.#path,
      `line ${this.#line} has ${fields.length} fields`,
      `A table may have ${MOST_FIELDS} columns. Part it and import the pieces.`,
      { line: this.#line },
    );
  }

  #quotedFields(record: string): string[] {
    const fields: string[] = [];
    let field = '';
    let isQuoted = false;
    for (let at = 0; at < record.length; at++) {
      const character = record[at] as string;
      if (isQuoted) {
        if (character !== '"') field += character;
        else if (record[at + 1] === '"') {
          field += '"';
          at++;
        } else isQuoted = false;
      } else if (character === '"') isQuoted = true;
      else if (character === this.#separator) {
        fields.push(field);
        field = '';
      } else field += character;
    }
    fields.push(field);
    return fields;
  }

  #tooLong(line: number): Error {
    return importFailed(
      this.#path,
      `line ${line} is longer than ${MOST_CHARACTERS} characters, or a quote in it is never closed`,
      'Look at that line: is it a table at all?',
      { line },
    );
  }
}

function lineCount(record: string): number {
  let count = 0;
  for (let at = record.indexOf('\n'); at >= 0; at = record.indexOf('\n', at + 1)) count++;
  return count;
}

/** The text of a file in pieces, with the bytes read so far: UTF-8 or, with its mark at the start, UTF-16. */
export async function* readText(path: string): AsyncGenerator<{ text: string; bytes: number; isLast: boolean }> {
  let decoder: TextDecoder | undefined;
  let bytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    const chunk = piece as Uint8Array;
    decoder ??= new TextDecoder(encodingOf(chunk));
    bytes += chunk.byteLength;
    yield { text: decoder.decode(chunk, { stream: true }), bytes, isLast: false };
  }
  yield { text: decoder?.decode() ?? '', bytes, isLast: true };
}

/** By the mark at the start, which the decoder then leaves out. */
export function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
}
