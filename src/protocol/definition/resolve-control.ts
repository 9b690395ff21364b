import type { Reading, ReadingSource } from './answer-schema.ts';
import type { ControlDefinition } from './control-schema.ts';
import { rangeLabel } from './range-label.ts';
import type { ResolvedChoice, ResolvedControl, ResolvedLimit } from './resolved.ts';
import { fill, GROUP_COUNT, listOf, malformed, type Names, numberOf } from './template.ts';

export interface ControlPlace {
  group: string;
  key: string;
  names: Names;
  /** Path in the file, for faults. */
  place: string;
  /** Keys of all controls of the group. */
  siblings?: readonly string[];
  /** Of the function in force, for ranges. */
  unit?: string;
}

/** A control with its group's names put in. Undefined: the list it hangs on (`choices`, `ranges`) is empty, or this function or model has none. */
export function resolveControl(control: ControlDefinition, at: ControlPlace): ResolvedControl | undefined {
  const { names, place, group, key } = at;
  const choices = choicesOf(control, at);
  if (!choices) return undefined;
  const unit = control.unit ?? (control.kind === 'range' ? at.unit : undefined) ?? '';
  const write = control.write ?? [];
  const isPair = typeof write === 'object' && !Array.isArray(write);
  return {
    id: idIn(group, key),
    group,
    key,
    label: control.label,
    kind: control.kind,
    unit,
    ...optional('min', limitOf(control.min, at)),
    ...optional('max', limitOf(control.max, at)),
    ...optional(
      'resolution',
      control.resolution === undefined ? undefined : numberOf(control.resolution, names, `${place}.resolution`),
    ),
    ...optional('read', control.read === undefined ? undefined : readingOf(control.read, names, `${place}.read`)),
    write: filled(isPair ? write.on : write, names, `${place}.write`),
    ...(isPair ? { writeOff: filled(write.off, names, `${place}.write.off`) } : {}),
    on: control.on ?? 'ON',
    off: control.off ?? 'OFF',
    ...optional('format', control.format),
    scale: control.scale ?? 1,
    choices,
    ...optional(
      'auto',
      control.auto && {
        read: readingOf(control.auto.read, names, `${place}.auto.read`),
        write: filled(control.auto.write, names, `${place}.auto.write`),
      },
    ),
    ...optional('by', at.siblings?.includes(control.by ?? '') ? idIn(group, control.by ?? '') : control.by),
    ...optional('as', filledAll(control.as, names, `${place}.as`)),
    touches: (control.touches ?? []).map((touched) => idIn(group, touched)),
    isOutput: control.isOutput ?? false,
    help: fill(control.help, names, `${place}.help`),
  };
}

/** `voltage.set` of `ch1` is `ch1.voltage.set`; of the whole instrument just that. */
export function idIn(group: string, key: string): string {
  return group === '' ? key : `${group}.${key}`;
}

/** A question with its names put in; a text alone means the whole answer. */
export function readingOf(source: ReadingSource, names: Names, place: string): Reading {
  if (typeof source === 'string') return { ask: fill(source, names, place) };
  return { ...answerOf(source, names, place), ask: fill(source.ask, names, place) };
}

/** The keys of an answer with parameters put in. */
export function answerOf<T extends AnswerSource>(source: T, names: Names, place: string): T & NumbersOf<T> {
  const numbers = Object.fromEntries(
    NUMBER_KEYS.flatMap((key) => {
      const value = source[key];
      return value === undefined ? [] : [[key, numberOf(value, names, `${place}.${key}`)]];
    }),
  );
  const { match, is } = source;
  return {
    ...source,
    ...numbers,
    ...(match === undefined ? {} : { match: fillPattern(match, names) }),
    ...(typeof is === 'string' ? { is: fill(is, names, place) } : {}),
  } as T & NumbersOf<T>;
}

const NUMBER_KEYS = ['field', 'scale', 'bit', 'mask', 'equals'] as const;
type AnswerSource = Partial<Pick<Exclude<ReadingSource, string>, (typeof NUMBER_KEYS)[number] | 'match' | 'is'>>;
type NumbersOf<T> = { [K in (typeof NUMBER_KEYS)[number] & keyof T]?: number };

export function filled(texts: string | readonly string[], names: Names, place: string): string[] {
  return [texts].flat().map((text) => fill(text, names, place));
}

function filledAll(
  texts: Readonly<Record<string, string>> | undefined,
  names: Names,
  place: string,
): Record<string, string> | undefined {
  return texts && Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, fill(text, names, place)]));
}

/** Only names that are known: a regular expression has braces of its own. */
function fillPattern(pattern: string, names: Names): string {
  return pattern.replace(/\{([a-z][A-Za-z0-9]*)\}/g, (whole, name: string) =>
    Object.hasOwn(names, name) ? fill(whole, names, pattern) : whole,
  );
}

function limitOf(source: ControlDefinition['min'], { names, place }: ControlPlace): ResolvedLimit | undefined {
  if (source === undefined) return undefined;
  if (typeof source !== 'object') return numberOf(source, names, place);
  return {
    ...answerOf(source, names, place),
    ask: fill(source.ask, names, `${place}.ask`),
    typical: numberOf(source.typical, names, `${place}.typical`),
  };
}

function choicesOf(control: ControlDefinition, at: ControlPlace): ResolvedChoice[] | undefined {
  const { names, place } = at;
  if (control.kind === 'range') return rangesOf(control, at);
  if (control.choices === undefined) return [];
  const plain = filled(plainWrite(control), names, `${place}.write`);
  if (typeof control.choices === 'string') {
    const items = listOf(names, control.choices) ?? [];
    if (items.length === 0) return undefined;
    return items.map((item) => ({ choice: String(item), word: String(item), write: plain, answers: [] }));
  }
  return Object.entries(control.choices).flatMap(([choice, source]) => {
    // `CH{n}` of the whole instrument: one for each channel.
    const count = names.n === undefined && choice.includes('{n}') ? Number(names[GROUP_COUNT]) : undefined;
    if (count === undefined) return choiceOf(choice, source, plain, at);
    return Array.from({ length: count }, (_, index) => {
      const inside = { ...at, names: { ...names, n: index + 1 } };
      return choiceOf(choice, source, filled(plainWrite(control), inside.names, `${place}.write`), inside);
    });
  });
}

function choiceOf(
  choice: string,
  source: Exclude<ControlDefinition['choices'], string | undefined>[string],
  plain: readonly string[],
  { names, place }: ControlPlace,
): ResolvedChoice {
  const rich = typeof source === 'string' ? { word: source } : source;
  const { word = choice, write, answers = [], first } = rich;
  const inside = `${place}.choices.${choice}`;
  return {
    choice: fill(choice, names, inside),
    word: fill(word, names, inside),
    write: write === undefined ? plain : filled(write, names, inside),
    answers: answers.map((one) => fill(one, names, inside)),
    ...(first
      ? { first: { ...first, ask: fill(first.ask, names, inside), write: filled(first.write, names, inside) } }
      : {}),
  };
}

/** `auto`, if it can, and the ranges of the function: shown as `100 mV`, sent as numbers or as the words `choices` names. */
function rangesOf(control: ControlDefinition, { names, place, unit = '' }: ControlPlace): ResolvedChoice[] | undefined {
  const ranges = listOf(names, 'ranges');
  if (!ranges || ranges.length === 0) return undefined;
  const words = typeof control.choices === 'string' ? listOf(names, control.choices) : ranges;
  if (words?.length !== ranges.length) throw malformed(place, 'there must be one word for each range.');
  const write = filled(plainWrite(control), names, `${place}.write`);
  return ranges.map((range, index) => ({
    choice: typeof range === 'number' ? rangeLabel(range, unit) : range,
    word: String(words[index]),
    write,
    answers: [],
  }));
}

function plainWrite({ write = [] }: ControlDefinition): string | string[] {
  return typeof write === 'object' && !Array.isArray(write) ? [] : write;
}

function optional<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}
