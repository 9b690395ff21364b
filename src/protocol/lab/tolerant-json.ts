import { LabError } from '../../core/errors.ts';

export interface JsonLimits {
  /** Longest text, in characters. */
  maxLength: number;
  /** Deepest nesting of objects and lists. */
  maxDepth: number;
}

export const JSON_LIMITS: Readonly<JsonLimits> = { maxLength: 16 * 1024 * 1024, maxDepth: 64 };

/**
 * JSON, and what Python's `json.dumps` makes of floats that have no JSON: NaN, Infinity, -Infinity. Throws protocol.too-long beyond the limits, protocol.malformed for
 * what is no JSON. Fast for plain JSON; the second reading is only for the rest.
 */
export function parseTolerantJson(text: string, limits: JsonLimits = JSON_LIMITS): unknown {
  if (text.length > limits.maxLength) throw tooLong(`A message of ${text.length} characters is too long`);
  if (depthOf(text) > limits.maxDepth) throw tooLong(`A message nested more than ${limits.maxDepth} deep is too deep`);
  try {
    return JSON.parse(text);
  } catch {
    return new TolerantReader(text).document();
  }
}

/** UTF-8 bytes as JSON. Throws protocol.malformed for bytes that are no UTF-8, too. */
export function parseTolerantJsonBytes(bytes: Uint8Array, limits: JsonLimits = JSON_LIMITS): unknown {
  if (bytes.byteLength > limits.maxLength) throw tooLong(`A message of ${bytes.byteLength} bytes is too long`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new LabError('protocol.malformed', 'A message is no UTF-8 text. It was left out.', {}, { cause });
  }
  return parseTolerantJson(text, limits);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Deepest nesting, brackets in strings left out; of text that is no JSON some number. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = stringEnd(text, at);
        break;
      case 0x5b:
      case 0x7b:
        deepest = Math.max(deepest, ++depth);
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        break;
    }
  }
  return deepest;
}

/** Index of the quote that ends the string begun at `at`; the length of the text if none does. */
function stringEnd(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end > 0) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /-?Infinity|NaN|true|false|null/y;
const WORDS: Readonly<Record<string, unknown>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  true: true,
  false: false,
  null: null,
};

/** Reads what `JSON.parse` refused; the depth was limited before. */
class TolerantReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value();
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#wrong();
    return value;
  }

  #value(): unknown {
    this.#match(SPACE);
    const first = this.#text[this.#at];
    if (first === '{') return this.#object();
    if (first === '[') return this.#list();
    if (first === '"') return this.#string();
    const word = this.#match(WORD);
    if (word !== undefined) return WORDS[word];
    const number = this.#match(NUMBER);
    if (number === undefined) throw this.#wrong();
    return Number(number);
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at++;
    if (this.#take('}')) return object;
    for (;;) {
      this.#match(SPACE);
      if (this.#text[this.#at] !== '"') throw this.#wrong();
      const key = this.#string();
      if (!this.#take(':')) throw this.#wrong();
      const value = this.#value();
      // `__proto__` is a key like any other, as with JSON.parse.
      Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
      if (this.#take('}')) return object;
      if (!this.#take(',')) throw this.#wrong();
    }
  }

  #list(): unknown[] {
    const list: unknown[] = [];
    this.#at++;
    if (this.#take(']')) return list;
    for (;;) {
      list.push(this.#value());
      if (this.#take(']')) return list;
      if (!this.#take(',')) throw this.#wrong();
    }
  }

  #string(): string {
    const end = stringEnd(this.#text, this.#at);
    const quoted = this.#text.slice(this.#at, end + 1);
    try {
      const text: unknown = JSON.parse(quoted);
      this.#at = end + 1;
      return String(text);
    } catch {
      throw this.#wrong();
    }
  }

  /** The sign, after any space; false: something else stands there. */
  #take(sign: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #wrong(): LabError {
    const near = this.#text.slice(this.#at, this.#at + 20);
    const where = near === '' ? 'at its end' : `at character ${this.#at} ("${near}")`;
    return new LabError('protocol.malformed', `A message is no JSON ${where}. It was left out.`);
  }
}

function tooLong(what: string): LabError {
  return new LabError('protocol.too-long', `${what}. It was left out; if it should be taken, raise the limit.`);
}
