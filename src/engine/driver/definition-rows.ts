import type { Control, ControlValue } from '../../core/instrument.ts';
import { formatNumber, holds, isSameWord, numberIn, partOf } from '../../protocol/definition/answer.ts';
import type { ResolvedControl, ResolvedLimit } from '../../protocol/definition/resolved.ts';
import { parseScpiBoolean } from '../../protocol/scpi-number.ts';
import type { ControlRow } from './control-table.ts';
import { isWord } from './scpi-dialog.ts';

/** Gives a limit its number: the instrument was asked for those that are questions. */
export type LimitOf = (limit: ResolvedLimit, select: readonly string[]) => number | undefined;

/** A control of a definition as a row of the control table. */
export function controlRow(control: ResolvedControl, select: readonly string[], limitOf: LimitOf): ControlRow {
  return {
    control: shapeOf(control, select, limitOf),
    select,
    touches: control.touches,
    by: control.by,
    as: control.as,
    word: (value) => control.choices.find(({ choice }) => choice === value)?.word,
    ...readsOf(control),
    fits: (text) => canBe(control, text),
    parse: (text, more) => parseValue(control, text, more),
    write: (value) => commandsFor(control, value),
    first: (value) => control.choices.find(({ choice }) => choice === value)?.first,
  };
}

/** What is sent to give a control a value. */
export function commandsFor(control: ResolvedControl, value: ControlValue): string[] {
  const { kind, write, writeOff, on, off, auto, choices } = control;
  if (kind === 'number') {
    const text = formatNumber(Number(value), control.format, control.scale);
    return write.map((one) => one.replaceAll('{value}', text));
  }
  if (kind === 'switch') {
    if (value === false && writeOff) return [...writeOff];
    return write.map((one) => one.replaceAll('{value}', value === true ? on : off));
  }
  if (kind === 'range' && auto && value === 'auto') return [...auto.write];
  const chosen = choices.find(({ choice }) => choice === value);
  return chosen ? chosen.write.map((one) => one.replaceAll('{value}', chosen.word)) : [...write];
}

/** The setting an answer gives; undefined if it is none. `more` is the range, where `text` says whether ranging is automatic. */
export function parseValue(control: ResolvedControl, text: string, more = ''): ControlValue | undefined {
  const { kind, read, auto } = control;
  if (kind === 'number') {
    const value = numberIn(text, { ...read, scale: read?.scale ?? (control.scale === 1 ? undefined : control.scale) });
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  }
  if (kind === 'switch') return parseSwitch(control, text);
  if (kind === 'range' && auto) {
    if (isYes(text, auto.read)) return 'auto';
    return chosenBy(control, more);
  }
  return chosenBy(control, text);
}

/**
 * Form of an answer. A word that no choice has is an answer all the same: firmware knows words that manuals do not; the control then has no value,
 * and the others keep theirs.
 */
function canBe(control: ResolvedControl, text: string): boolean {
  const { kind, read, auto } = control;
  if (kind === 'range' && auto) return text.trim() !== '';
  if (kind === 'number') return numberIn(text, read ?? {}) !== undefined;
  return parseValue(control, text) !== undefined || (kind !== 'switch' && isWord(partOf(text, read ?? {}) ?? ''));
}

function parseSwitch({ read, on, off }: ResolvedControl, text: string): boolean | undefined {
  const tested = read ? holds(text, read) : undefined;
  if (tested !== undefined) return tested;
  const word = partOf(text, read ?? {});
  if (word === undefined) return undefined;
  if (isSameWord(word, on)) return true;
  if (isSameWord(word, off)) return false;
  return parseScpiBoolean(word);
}

function isYes(text: string, read: NonNullable<ResolvedControl['read']>): boolean {
  return holds(text, read) ?? parseScpiBoolean(partOf(text, read) ?? '') ?? false;
}

function chosenBy({ choices, read }: ResolvedControl, text: string): string | undefined {
  const word = chosenWord(text, read);
  if (word === undefined) return undefined;
  return choices.find((one) => [one.word, ...one.answers].some((answer) => isSameWord(answer, word)))?.choice;
}

/** A choice told by a bit (running or not) is answered `1` or `0`. */
function chosenWord(text: string, read: ResolvedControl['read']): string | undefined {
  if (read?.bit === undefined && read?.mask === undefined) return partOf(text, read ?? {});
  const isSet = holds(text, read);
  return isSet === undefined ? undefined : isSet ? '1' : '0';
}

function readsOf({ kind, read, auto }: ResolvedControl): Pick<ControlRow, 'read' | 'readMore'> {
  if (kind === 'range' && auto) return { read: auto.read.ask, readMore: read?.ask };
  return { read: read?.ask };
}

function shapeOf(control: ResolvedControl, select: readonly string[], limitOf: LimitOf): Control {
  const { id, group, label, kind, unit, resolution, isOutput, choices, auto } = control;
  const min = control.min === undefined ? undefined : limitOf(control.min, select);
  const max = control.max === undefined ? undefined : limitOf(control.max, select);
  return {
    id,
    group,
    label,
    kind: kind === 'range' ? 'choice' : kind,
    ...(kind === 'number' ? { unit } : {}),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(resolution === undefined ? {} : { resolution }),
    ...(kind === 'choice' || kind === 'range'
      ? { choices: [...(auto ? ['auto'] : []), ...choices.map(({ choice }) => choice)] }
      : {}),
    ...(isOutput ? { isOutput } : {}),
  };
}
