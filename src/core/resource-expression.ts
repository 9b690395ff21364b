import { LabError } from './errors.ts';

const MAX_LENGTH = 200;

/** A piece of an expression. A piece matches one character, or nothing but a place. */
type Piece =
  | { kind: 'any' }
  | { kind: 'character'; text: string }
  | { kind: 'range'; not: boolean; ranges: [string, string][] }
  | { kind: 'group'; choices: Term[][] };

interface Term {
  piece: Piece;
  repeat: '' | '*' | '+';
}

/**
 * A VISA search expression (VPP-4.3 4.3.1, viFindRsrc) as a test of resource strings. Letters compare in any case; the whole string must fit.
 *
 *     ?      one character                         [a-z], [^…]   one character of those, or not of those
 *     \c     the character c itself                x*, x+        the piece before, any number of times, or once at least
 *     a|b    either, as wide as it can be          (…)           a group
 *
 * A condition on attributes (`{…}`) is not understood. Matches without going back over what it has seen: bounded by length of text times length of expression. Throws `call.invalid`.
 */
export function matchesExpression(expression: string): (resource: string) => boolean {
  if (expression.length > MAX_LENGTH) throw malformed(expression, `it is longer than ${MAX_LENGTH} characters`);
  const reader = new Reader(expression);
  const choices = reader.choices();
  if (!reader.isAtEnd) throw malformed(expression, 'a ) closes nothing');
  return (resource) => {
    const text = resource.toUpperCase();
    return endsOf({ kind: 'group', choices }, text, new Set([0])).has(text.length);
  };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  choices(): Term[][] {
    const all: Term[][] = [[]];
    for (; !this.isAtEnd && this.#peek !== ')'; ) {
      if (this.#peek === '|') {
        this.#at++;
        all.push([]);
        continue;
      }
      const piece = this.#piece();
      const repeat = this.#peek === '*' || this.#peek === '+' ? this.#take() : '';
      all.at(-1)?.push({ piece, repeat: repeat as Term['repeat'] });
    }
    return all;
  }

  get #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #take(): string {
    return this.#text[this.#at++] ?? '';
  }

  #piece(): Piece {
    const character = this.#take();
    switch (character) {
      case '?':
        return { kind: 'any' };
      case '*':
      case '+':
        throw malformed(this.#text, `a ${character} repeats nothing`);
      case '(': {
        const choices = this.choices();
        if (this.#take() !== ')') throw malformed(this.#text, 'a ( is not closed');
        return { kind: 'group', choices };
      }
      case '{':
        throw malformed(this.#text, 'conditions on attributes are not understood');
      case '[':
        return this.#range();
      case '\\':
        return { kind: 'character', text: this.#escaped() };
      default:
        return { kind: 'character', text: character.toUpperCase() };
    }
  }

  #escaped(): string {
    if (this.isAtEnd) throw malformed(this.#text, 'nothing follows the \\');
    return this.#take().toUpperCase();
  }

  #range(): Piece {
    const not = this.#peek === '^';
    if (not) this.#at++;
    const ranges: [string, string][] = [];
    while (this.#peek !== ']') {
      if (this.isAtEnd) throw malformed(this.#text, 'a [ is not closed');
      const from = this.#take();
      const first = from === '\\' ? this.#escaped() : from.toUpperCase();
      const isSpan = this.#peek === '-' && this.#text[this.#at + 1] !== ']' && this.#at + 1 < this.#text.length;
      if (isSpan) this.#at++;
      ranges.push([first, isSpan ? this.#take().toUpperCase() : first]);
    }
    this.#at++;
    return { kind: 'range', not, ranges };
  }
}

/** Where the text may go on after the piece, from each of the places. */
function endsOf(piece: Piece, text: string, places: ReadonlySet<number>): Set<number> {
  if (piece.kind === 'group') {
    const ends = new Set<number>();
    for (const terms of piece.choices) {
      let here = new Set(places);
      for (const term of terms) here = repeated(term, text, here);
      for (const end of here) ends.add(end);
    }
    return ends;
  }
  const ends = new Set<number>();
  for (const place of places) {
    const character = text[place];
    if (character !== undefined && fits(piece, character)) ends.add(place + 1);
  }
  return ends;
}

function repeated({ piece, repeat }: Term, text: string, places: Set<number>): Set<number> {
  if (repeat === '') return endsOf(piece, text, places);
  const all = new Set(repeat === '*' ? places : []);
  let fresh = places;
  while (fresh.size > 0) {
    const next = endsOf(piece, text, fresh);
    fresh = new Set([...next].filter((place) => !all.has(place)));
    for (const place of fresh) all.add(place);
  }
  return all;
}

function fits(piece: Exclude<Piece, { kind: 'group' }>, character: string): boolean {
  if (piece.kind === 'any') return true;
  if (piece.kind === 'character') return piece.text === character;
  return piece.ranges.some(([from, to]) => character >= from && character <= to) !== piece.not;
}

function malformed(expression: string, why: string): LabError {
  return new LabError(
    'call.invalid',
    `"${expression.slice(0, 80)}" is no search expression: ${why}. Nothing was searched. Examples: ?*INSTR, TCPIP?*, (ASRL|USB)?*INSTR, GPIB[0-9]*::?*.`,
  );
}
