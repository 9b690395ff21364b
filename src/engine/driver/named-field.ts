import { isSameWord, numberIn } from '../../protocol/definition/answer.ts';
import type { ResolvedChannel } from '../../protocol/definition/resolved.ts';
import { parseScpiString } from '../../protocol/scpi-number.ts';

type Read = Pick<ResolvedChannel, 'read' | 'named'>;

/** Whether a text can be the answer a channel stands in. */
export function canHold({ read, named }: Read, text: string): boolean {
  if (!named) return numberIn(text, read) !== undefined;
  return text
    .split(read.separator ?? ',')
    .every((_, index) => numberIn(text, { ...read, field: index + 1 }) !== undefined);
}

/** Value of a channel in an answer; NaN: it is not in it. `namesTold`: what the questions for the fields were answered. */
export function valueIn({ read, named }: Read, text: string, namesTold: readonly string[]): number {
  if (!named) return numberIn(text, read) ?? Number.NaN;
  const names = namesTold.flatMap((one) => one.split(','));
  const place = names.findLastIndex((name) => named.is.some((word) => isSameWord(word, parseScpiString(name))));
  return place < 0 ? Number.NaN : (numberIn(text, { ...read, field: place + 1 }) ?? Number.NaN);
}
