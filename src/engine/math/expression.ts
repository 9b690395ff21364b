import { LabError } from '../../core/errors.ts';

/** What an expression is made of. `id` numbers the nodes with a memory of their own (derivative, integral). */
export type MathNode =
  | { kind: 'number'; value: number }
  | { kind: 'channel'; channel: string }
  | { kind: 'negate'; of: MathNode }
  | { kind: 'operate'; operator: Operator; left: MathNode; right: MathNode }
  | { kind: 'call'; name: FunctionName; of: MathNode[] }
  | { kind: 'derivative' | 'integral'; id: number; of: MathNode };

export type Operator = '+' | '-' | '*' | '/' | '^';

/** Functions of one number (angles in rad) and of several. */
const ONE = [
  'abs',
  'sqrt',
  'exp',
  'ln',
  'log10',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'floor',
  'round',
] as const;
const SEVERAL = ['min', 'max'] as const;
const TWO = ['pow', 'atan2'] as const;
export type FunctionName = (typeof ONE)[number] | (typeof SEVERAL)[number] | (typeof TWO)[number];

const CONSTANTS: Record<string, number> = { pi: Math.PI, e: Math.E };
/** Deeper nesting is no expression of a person. */
const MAX_DEPTH = 100;

export interface Expression {
  root: MathNode;
  /** Channels it needs, each once, in the order of their first mention. */
  channels: string[];
  /** How many nodes have a memory. */
  memories: number;
}

/**
 * Reads an expression. Grammar, the operators binding as in mathematics (`-2^2` is −4, `2^3^2` is 2^9):
 *
 *     sum     = product { ("+" | "-") product }
 *     product = signed { ("*" | "/") signed }
 *     signed  = ("+" | "-") signed | power
 *     power   = atom [ "^" signed ]
 *     atom    = number | constant | "{" channel id "}" | name "(" sum { "," sum } ")" | "d" "(" sum ")" "/" "dt" | "(" sum ")"
 *
 * @throws LabError math.malformed, with the place
 */
export function parseExpression(text: string): Expression {
  return new Parser(text).read();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #memories = 0;
  readonly #channels = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  read(): Expression {
    const root = this.#sum();
    this.#space();
    if (this.#at < this.#text.length)
      throw this.#wrong(`“${this.#text.slice(this.#at, this.#at + 10)}” does not belong here`);
    return { root, channels: [...this.#channels], memories: this.#memories };
  }

  #sum(): MathNode {
    if (++this.#depth > MAX_DEPTH) throw this.#wrong('it is nested too deeply');
    let left = this.#product();
    for (let operator = this.#take('+', '-'); operator; operator = this.#take('+', '-')) {
      left = { kind: 'operate', operator, left, right: this.#product() };
    }
    this.#depth--;
    return left;
  }

  #product(): MathNode {
    let left = this.#signed();
    for (let operator = this.#take('*', '/'); operator; operator = this.#take('*', '/')) {
      left = { kind: 'operate', operator, left, right: this.#signed() };
    }
    return left;
  }

  #signed(): MathNode {
    if (++this.#depth > MAX_DEPTH) throw this.#wrong('it is nested too deeply');
    const sign = this.#take('+', '-');
    const node = sign ? this.#signed() : this.#power();
    this.#depth--;
    return sign === '-' ? { kind: 'negate', of: node } : node;
  }

  #power(): MathNode {
    const base = this.#atom();
    return this.#take('^') ? { kind: 'operate', operator: '^', left: base, right: this.#signed() } : base;
  }

  #atom(): MathNode {
    this.#space();
    const rest = this.#text.slice(this.#at);
    const number = /^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/.exec(rest)?.[0];
    if (number) {
      this.#at += number.length;
      return { kind: 'number', value: Number(number) };
    }
    const channel = /^\{([^{}]{1,300})\}/.exec(rest);
    if (channel?.[1]) {
      this.#at += channel[0].length;
      this.#channels.add(channel[1].trim());
      return { kind: 'channel', channel: channel[1].trim() };
    }
    const name = /^[a-zA-Z][a-zA-Z0-9]*/.exec(rest)?.[0];
    if (name) {
      this.#at += name.length;
      return this.#named(name);
    }
    if (this.#take('(')) {
      const inner = this.#sum();
      this.#need(')');
      return inner;
    }
    throw this.#wrong(
      rest === '' ? 'something is missing at the end' : `“${rest.slice(0, 10)}” is no number, channel or function`,
    );
  }

  #named(name: string): MathNode {
    const constant = CONSTANTS[name];
    if (constant !== undefined && !this.#sees('(')) return { kind: 'number', value: constant };
    if (!this.#sees('(')) throw this.#wrong(`“${name}” is unknown; channels stand in braces: {instrument/${name}}`);
    const of = this.#list();
    const [first] = of;
    if (first && of.length === 1 && (name === 'd' || name === 'derivative')) {
      if (name === 'd') {
        this.#need('/');
        this.#need('dt');
      }
      return { kind: 'derivative', id: this.#memories++, of: first };
    }
    if (first && of.length === 1 && name === 'integral') return { kind: 'integral', id: this.#memories++, of: first };
    const isCall =
      (of.length === 1 && ONE.some((known) => known === name)) ||
      (of.length === 2 && TWO.some((known) => known === name)) ||
      (of.length >= 1 && SEVERAL.some((known) => known === name));
    if (!isCall)
      throw this.#wrong(`there is no function ${name} of ${of.length} ${of.length === 1 ? 'value' : 'values'}`);
    return { kind: 'call', name: name as FunctionName, of };
  }

  #list(): MathNode[] {
    this.#need('(');
    const nodes = [this.#sum()];
    while (this.#take(',')) nodes.push(this.#sum());
    this.#need(')');
    return nodes;
  }

  #sees(text: string): boolean {
    this.#space();
    return this.#text.startsWith(text, this.#at);
  }

  #take<T extends string>(...wanted: T[]): T | undefined {
    this.#space();
    const found = wanted.find((text) => this.#text.startsWith(text, this.#at));
    if (found) this.#at += found.length;
    return found;
  }

  #need(text: string): void {
    if (!this.#take(text)) throw this.#wrong(`“${text}” is missing`);
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #wrong(why: string): LabError {
    return new LabError(
      'math.malformed',
      `The expression cannot be read at character ${this.#at + 1}: ${why}. Nothing was changed; mend it, for example {supply/ch1.voltage} * {supply/ch1.current}.`,
      { at: this.#at },
    );
  }
}
