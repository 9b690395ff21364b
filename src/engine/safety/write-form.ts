import type { Control, ControlValue } from '../../core/instrument.ts';
import { isSameMnemonic, parseUnit, type ScpiUnit } from './scpi-unit.ts';

/** How a driver writes a control: the messages for a value; undefined where it cannot say. */
export type Writes = (control: string, value: ControlValue) => readonly string[] | undefined;

/** One way the dialect writes a control. */
export interface WriteForm {
  control: Control;
  /** Commands that select the output before it, as `plainCommand` writes them. */
  select: readonly string[];
  /** As the dialect writes it, with some value. */
  unit: ScpiUnit;
  /** Which parameter is the value; -1: the whole unit means `value`. */
  place: number;
  value?: ControlValue | undefined;
  /** Text of a number around the digits, where it is no parameter (`VSET1:05.00`), in upper case. */
  around?: readonly [before: string, after: string] | undefined;
  /** Of a number that is written as digits alone (`VOLT051`, tenths): how many there are. With more or less of them nobody knows what is read. */
  digits?: number | undefined;
  /** Number on the wire = value × scale. */
  scale: number;
  /** Words of the choices. */
  words: readonly { word: string; value: ControlValue }[];
}

/** Pairs of values whose texts are compared to find where the number stands; the second for dialects that write whole numbers. */
const SAMPLES = [
  [1.25, 2.5],
  [10, 20],
] as const;

/** Every form of every control, found by writing two values and looking at what differs. */
export function writeForms(controls: readonly Control[], writes: Writes): WriteForm[] {
  const settings = controls.filter(({ kind }) => kind !== 'action');
  const forms = settings.flatMap((control) => {
    if (control.kind === 'number') return numberForms(control, writes);
    return wordForms(control, control.kind === 'choice' ? (control.choices ?? []) : [true, false], writes);
  });
  // An action has one value only: what selects its output is known by the settings beside it.
  const selections = new Set(forms.flatMap(({ select }) => select));
  const actions = controls.filter(({ kind }) => kind === 'action');
  return [...forms, ...actions.flatMap((control) => actionForms(control, writes, selections))];
}

function actionForms(control: Control, writes: Writes, selections: ReadonlySet<string>): WriteForm[] {
  const commands = writes(control.id, true) ?? [];
  const isSelection = (command: string): boolean => selections.has(plainCommand(command));
  const select = commands.filter(isSelection).map(plainCommand);
  return commands
    .filter((command) => !isSelection(command))
    .map((command) => ({ control, select, unit: parseUnit(command), place: -1, value: true, scale: 1, words: [] }));
}

function numberForms(control: Control, writes: Writes): WriteForm[] {
  for (const [one, two] of SAMPLES) {
    const first = writes(control.id, one) ?? [];
    const second = writes(control.id, two) ?? [];
    if (first.length !== second.length) continue;
    const select = first.filter((text, index) => text === second[index]).map(plainCommand);
    const forms = first.flatMap((text, index): WriteForm[] => {
      const other = second[index] ?? '';
      if (text === other) return [];
      const found = findNumber(text, other, one, two);
      return found ? [{ control, select, words: [], ...found }] : [];
    });
    if (forms.length > 0) return forms;
  }
  return [];
}

function findNumber(
  text: string,
  other: string,
  one: number,
  two: number,
): Pick<WriteForm, 'unit' | 'place' | 'around' | 'digits' | 'scale'> | undefined {
  const unit = parseUnit(text);
  const theirs = parseUnit(other).parameters;
  const place = unit.parameters.findIndex((parameter, index) => parameter !== theirs[index]);
  if (place >= 0) {
    const scale = Number(unit.parameters[place]) / one;
    return Math.abs(Number(theirs[place]) / two - scale) < 1e-9 ? { unit, place, scale } : undefined;
  }
  const digits = [...text.matchAll(/\d+(\.\d+)?/g)];
  for (const match of digits) {
    const before = text.slice(0, match.index);
    const after = text.slice(match.index + match[0].length);
    if (!other.startsWith(before) || !other.endsWith(after)) continue;
    const scale = Number(match[0]) / one;
    const number = Number(other.slice(before.length, other.length - after.length));
    if (Math.abs(number / two - scale) < 1e-9) {
      const digits = match[1] === undefined ? match[0].length : undefined;
      return { unit, place: -1, scale, around: [upper(before), upper(after)], digits };
    }
  }
  return undefined;
}

function wordForms(control: Control, values: readonly ControlValue[], writes: Writes): WriteForm[] {
  const all = values.map((value) => ({ value, commands: writes(control.id, value) ?? [] }));
  const isShared = (command: string): boolean => all.every(({ commands }) => commands.includes(command));
  const own = all.flatMap(({ value, commands }) =>
    commands
      .filter((command) => !isShared(command))
      .map((command) => ({ value, unit: parseUnit(command), select: commands.filter(isShared).map(plainCommand) })),
  );
  const forms = own.map(({ value, unit, select }): WriteForm => {
    const alike = own.filter((other) => other.unit.nodes.join(':') === unit.nodes.join(':'));
    const place = unit.parameters.findIndex((parameter, index) =>
      alike.some((other) => other.unit.parameters[index] !== parameter),
    );
    const words = alike.map((other) => ({ word: other.unit.parameters[place] ?? '', value: other.value }));
    return { control, select, unit, place, value, scale: 1, words };
  });
  // Those that differ in their value only are one form.
  return forms.filter(
    ({ unit, place }, index) =>
      place < 0 || forms.findIndex((other) => other.unit.nodes.join(':') === unit.nodes.join(':')) === index,
  );
}

/**
 * The number that is really sent for a value: drivers write some decimals only, or tenths. Where what the driver writes cannot be read, the nearest step of the
 * instrument.
 */
export function writtenNumber(control: Control, value: number, writes: Writes): number {
  const texts = writes(control.id, value) ?? [];
  for (const form of numberForms(control, writes)) {
    for (const text of texts) {
      const number = writtenIn(text, form);
      if (number !== undefined) return number;
    }
  }
  const { resolution } = control;
  return resolution === undefined || resolution <= 0 ? value : Math.round(value / resolution) * resolution;
}

/** The number in a text the driver wrote in this form. */
function writtenIn(text: string, { unit, place, around, scale }: WriteForm): number | undefined {
  const own = upper(text);
  if (around) {
    const [before, after] = around;
    if (!own.startsWith(before) || !own.endsWith(after)) return undefined;
    return scaled(own.slice(before.length, own.length - after.length), scale);
  }
  const written = parseUnit(text);
  const isForm =
    written.nodes.join(':') === unit.nodes.join(':') && written.parameters.length === unit.parameters.length;
  return isForm ? scaled(written.parameters[place] ?? '', scale) : undefined;
}

function scaled(text: string, scale: number): number | undefined {
  const number = decimalOf(text.trim());
  return number === undefined ? undefined : number / scale;
}

/** The value a parameter gives a control; undefined: nobody can tell. */
export function settingOf(form: WriteForm, parameter: string): ControlValue | undefined {
  const { control, words, scale } = form;
  if (control.kind === 'number') {
    if (/^MIN(IMUM)?$/.test(parameter)) return control.min;
    if (/^MAX(IMUM)?$/.test(parameter)) return control.max;
    // A dialect that is no SCPI knows no units and no exponents: it would read the digits before them.
    if (form.around && !/^\d+(\.\d+)?$/.test(parameter)) return undefined;
    if (form.digits !== undefined && parameter.length !== form.digits) return undefined;
    const number = decimalOf(parameter);
    return number === undefined ? undefined : number / scale;
  }
  const exact =
    words.find(({ word }) => word === parameter) ?? words.find(({ word }) => isSameMnemonic(word, parameter));
  if (exact) return exact.value;
  if (control.kind !== 'switch') return undefined;
  return parameter === '1' || parameter === 'ON' ? true : parameter === '0' || parameter === 'OFF' ? false : undefined;
}

/** SCPI suffixes (upper case is as good as lower: MV is millivolt; only of ohms M is mega). */
const SUFFIXES: Record<string, number> = {
  '': 1,
  ...Object.fromEntries(
    ['V', 'A', 'W'].flatMap((unit) => [
      [unit, 1],
      [`M${unit}`, 1e-3],
      [`U${unit}`, 1e-6],
      [`K${unit}`, 1e3],
    ]),
  ),
  OHM: 1,
  KOHM: 1e3,
  MOHM: 1e6,
};

/** A decimal number with or without a unit; undefined for anything else, also what only some instruments read. */
function decimalOf(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*([A-Z]*)$/.exec(text);
  const factor = SUFFIXES[match?.[2] ?? '?'];
  return match && factor !== undefined ? Number(match[1]) * factor : undefined;
}

/** A command as selections are compared. */
export function plainCommand(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replace(/^:/, '').toUpperCase();
}

function upper(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toUpperCase();
}
