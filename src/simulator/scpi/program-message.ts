import { ScpiError } from './error-queue.ts';

/** One command of a program message, IEEE 488.2 7.3: `:SOUR1:VOLT 5,MAX` → header nodes, parameters as written. */
export interface ProgramUnit {
  /** Upper case without colons and `?`; a common command is one node with its `*`. */
  nodes: string[];
  isQuery: boolean;
  /** Starts with ':': from the root. */
  isAbsolute: boolean;
  isCommon: boolean;
  parameters: string[];
}

/** Splits at a separator outside quotes (a doubled quote inside a string is two strings back to back: no special case). */
export function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quote = '';
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (quote) {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (quote) throw new ScpiError(-151);
  parts.push(text.slice(start));
  return parts;
}

const HEADER = /^(\*[A-Za-z]+|:?[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*)(\??)(?:\s+(.*))?$/s;

/** One unit, already split off at ';'. Throws -102 for what is no header, -103 for a missing separator before the parameters. */
export function parseProgramUnit(text: string): ProgramUnit {
  const match = HEADER.exec(text.trim());
  if (!match) throw new ScpiError(/^[*:A-Za-z]/.test(text.trim()) ? -110 : -102);
  const [, header = '', mark, rest] = match;
  const isCommon = header.startsWith('*');
  const isAbsolute = header.startsWith(':');
  const bare = isAbsolute ? header.slice(1) : header;
  const parameters = rest?.trim() ? splitOutsideQuotes(rest, ',').map((part) => part.trim()) : [];
  return { nodes: bare.toUpperCase().split(':'), isQuery: mark === '?', isAbsolute, isCommon, parameters };
}
