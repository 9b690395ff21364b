import { ScpiError } from './error-queue.ts';

interface Node<T> {
  /** Upper case as it was added. */
  long: string;
  /** Children by upper-case short form and long form. */
  children: Map<string, Node<T>>;
  /** Takes a numeric suffix (`CHANnel#`). */
  numbered: boolean;
  command?: T;
  query?: T;
}

export interface Found<T> {
  value: T;
  /** Numeric suffixes in order of the `#` in the header; 1 where none was written (SCPI-99 6.2.5.2). */
  suffixes: number[];
}

/**
 * The header tree of an instrument, built from headers as manuals print them:
 *
 *     tree.add(':SOURce#:VOLTage[:LEVel][:IMMediate]', …)     SOUR2:VOLT, source2:voltage:lev, …
 *     tree.add('*IDN?', …)                                    upper case = short form, [ ] = may be left out, # = suffix, ? = query
 *
 * A left-out node makes a path of its own, so the path rule of compound commands needs no special case for it.
 */
export class CommandTree<T> {
  readonly #root: Node<T> = { long: '', children: new Map(), numbered: false };
  /** Headers as added, for *HELp and completion. */
  readonly headers: string[] = [];

  add(header: string, value: T): void {
    this.headers.push(header);
    const isQuery = header.endsWith('?');
    for (const path of expandOptional(isQuery ? header.slice(0, -1) : header)) {
      let node = this.#root;
      for (const mnemonic of path) node = child(node, mnemonic);
      if (isQuery) node.query ??= value;
      else node.command ??= value;
    }
  }

  /** Throws -113 (no such header) or -114 (suffix 0 or above 99). */
  find(nodes: readonly string[], isQuery: boolean): Found<T> {
    let node = this.#root;
    const suffixes: number[] = [];
    for (const text of nodes) {
      let next = node.children.get(text);
      let digits = '';
      if (!next) {
        const match = /^(.*?)(\d+)$/.exec(text);
        next = node.children.get(match?.[1] ?? '');
        digits = match?.[2] ?? '';
        if (!next?.numbered) throw new ScpiError(-113);
      }
      if (next.numbered) {
        const suffix = digits === '' ? 1 : Number(digits);
        if (suffix < 1 || suffix > 99) throw new ScpiError(-114);
        suffixes.push(suffix);
      }
      node = next;
    }
    const value = isQuery ? node.query : node.command;
    if (value === undefined) throw new ScpiError(-113);
    return { value, suffixes };
  }
}

/** `A[:B]:C` → [[A, C], [A, B, C]]; the shorter first. Brackets may nest. */
export function expandOptional(header: string): string[][] {
  const open = header.indexOf('[');
  if (open < 0) return [header.split(':').filter((mnemonic) => mnemonic !== '')];
  let depth = 0;
  let close = open;
  for (; close < header.length; close++) {
    if (header[close] === '[') depth++;
    else if (header[close] === ']' && --depth === 0) break;
  }
  const before = header.slice(0, open);
  const inside = header.slice(open + 1, close);
  const after = header.slice(close + 1);
  return [...expandOptional(before + after), ...expandOptional(`${before}${inside}${after}`)];
}

function child<T>(node: Node<T>, mnemonic: string): Node<T> {
  const numbered = mnemonic.endsWith('#');
  const name = numbered ? mnemonic.slice(0, -1) : mnemonic;
  const long = name.toUpperCase();
  const short = shortForm(name);
  let next = node.children.get(long);
  if (!next) {
    const taken = node.children.get(short);
    // `SYST` was added by its short form alone; it is `SYSTem` as well.
    if (taken?.long === short && taken.numbered === numbered) {
      taken.long = long;
      node.children.set(long, taken);
      return taken;
    }
    if (taken) throw new Error(`The command table is ambiguous: ${mnemonic} has the short form of another header.`);
    next = { long, children: new Map(), numbered };
    node.children.set(long, next);
    node.children.set(short, next);
  }
  return next;
}

/** `VOLTage` → `VOLT`; digits and `*` belong to it. */
export function shortForm(mnemonic: string): string {
  return mnemonic.replace(/[a-z]+/g, '').toUpperCase();
}
