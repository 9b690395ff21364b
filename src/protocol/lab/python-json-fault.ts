const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /null|true|false|NaN|-?Infinity/y;
const ESCAPED = /^["\\/bfnrt]$/;

/** What Python's `json.loads` says is wrong, and where; counted in UTF-16 units. */
class Fault {
  readonly what: string;
  readonly at: number;

  constructor(what: string, at: number) {
    this.what = what;
    this.at = at;
  }
}

/**
 * What Python's `json.loads` says of a text it does not take: `Expecting value: line 1 column 1 (char 0)`. Undefined: it takes it. Servers in Python tell such words to
 * their clients; those of a JavaScript engine differ from one version to the next.
 */
export function pythonJsonFault(text: string): string | undefined {
  try {
    new Walker(text).document();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const before = text.slice(0, thrown.at);
    const line = before.split('\n').length;
    // Python counts characters, not UTF-16 units.
    const column = [...before.slice(before.lastIndexOf('\n') + 1)].length + 1;
    return `${thrown.what}: line ${line} column ${column} (char ${[...before].length})`;
  }
}

/** Walks a text as Python's scanner does. */
class Walker {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#match(SPACE);
    this.#value();
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw new Fault('Extra data', this.#at);
  }

  #value(): void {
    const first = this.#text[this.#at];
    if (first === '{') this.#object();
    else if (first === '[') this.#list();
    else if (first === '"') this.#string();
    else if (!this.#match(WORD) && !this.#match(NUMBER)) throw new Fault('Expecting value', this.#at);
  }

  #object(): void {
    this.#at++;
    this.#match(SPACE);
    if (this.#takes('}')) return;
    for (;;) {
      if (this.#text[this.#at] !== '"') throw new Fault('Expecting property name enclosed in double quotes', this.#at);
      this.#string();
      this.#match(SPACE);
      if (!this.#takes(':')) throw new Fault("Expecting ':' delimiter", this.#at);
      this.#match(SPACE);
      this.#value();
      if (this.#ends('}')) return;
    }
  }

  #list(): void {
    this.#at++;
    this.#match(SPACE);
    if (this.#takes(']')) return;
    for (;;) {
      this.#value();
      if (this.#ends(']')) return;
    }
  }

  /** After an item: whether it was the last one. */
  #ends(sign: string): boolean {
    this.#match(SPACE);
    if (this.#takes(sign)) return true;
    if (!this.#takes(',')) throw new Fault("Expecting ',' delimiter", this.#at);
    this.#match(SPACE);
    return false;
  }

  #string(): void {
    const start = this.#at++;
    for (;;) {
      const sign = this.#text[this.#at];
      if (sign === undefined) throw new Fault('Unterminated string starting at', start);
      if (sign < ' ') throw new Fault('Invalid control character at', this.#at);
      this.#at++;
      if (sign === '"') return;
      if (sign === '\\') this.#escape(start);
    }
  }

  #escape(start: number): void {
    const sign = this.#text[this.#at];
    if (sign === undefined) throw new Fault('Unterminated string starting at', start);
    const isCode = sign === 'u';
    if (!isCode && !ESCAPED.test(sign)) throw new Fault('Invalid \\escape', this.#at - 1);
    if (isCode && !/^[\da-fA-F]{4}$/.test(this.#text.slice(this.#at + 1, this.#at + 5)))
      throw new Fault('Invalid \\uXXXX escape', this.#at);
    this.#at += isCode ? 5 : 1;
  }

  #takes(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const length = pattern.exec(this.#text)?.[0].length ?? 0;
    this.#at += length;
    return length > 0;
  }
}
