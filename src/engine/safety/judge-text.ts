import type { ControlValue } from '../../core/instrument.ts';
import { judge, type OutputChange, type OutputState } from './judge.ts';
import type { OutputLimits } from './limits.ts';
import { isUncoupled, type OutputControl, type OutputShape } from './output-shape.ts';
import { parseUnits, readingsOf, type ScpiUnit, sameHeader } from './scpi-unit.ts';
import { largestStep, pauseBeforeMs, slewOf } from './slew.ts';
import { plainCommand, settingOf, type WriteForm } from './write-form.ts';

/** A change a text makes to an output. */
export interface TextChange {
  group: string;
  change: OutputChange;
}

export type TextVerdict = { refused: string } | { changes: TextChange[]; pauseMs: number };

export interface TextPlace {
  outputs: OutputShape;
  forms: readonly WriteForm[];
  /** As read back just before. */
  states: ReadonlyMap<string, OutputState>;
  limitsOf(group: string): OutputLimits | undefined;
}

/** 488.2 commands that move nothing. */
const QUIET_COMMON = new Set(['CLS', 'ESE', 'SRE', 'OPC', 'WAI', 'SAV']);
/** Queries that do something. */
const BUSY_QUERIES = new Set(['TST', 'CAL']);
/** Headers that move no output, whatever the instrument. Not here: SYST:KEY (front panel keys), SYST:PRES, TRIG, INIT. */
const QUIET =
  /^(STAT(US)?|DISP(LAY)?|FORM(AT)?|HCOP(Y)?)(:|$)|^SYST(EM)?:(REM(OTE)?|LOC(AL)?|RWL(OCK)?|KLOC(K)?|BEEP(ER)?)(:|$)|^INST(RUMENT)?(:(SEL(ECT)?|NSEL(ECT)?))?$/;

/** Whether a text asks only, in every reading, and changes nothing by asking. */
export function asksOnly(text: string): boolean {
  const units = parseUnits(text);
  return typeof units !== 'string' && units.every(isQuietQuery);
}

/**
 * Judges what a person (or script) types for an instrument with limits. Each unit is one of these, or the text is refused, because nobody can tell what it
 * does: a question; a command that moves nothing, on every instrument; one of the forms in which the driver writes a control of this instrument, in short or
 * long spelling. What changes an output is judged like a setting from the card. A unit that does not say which output it means is judged for all.
 */
export function judgeText(text: string, place: TextPlace): TextVerdict {
  const units = parseUnits(text);
  if (typeof units === 'string') return { refused: `${units}; it cannot be judged` };
  const changes: TextChange[] = [];
  const states = new Map(place.states);
  let pauseMs = 0;
  let select = '';
  let unsure = 0;
  for (const readings of readingsOf(units)) {
    const [unit] = readings;
    if (!unit) continue;
    const found = readings.map((reading) => formsFor(reading, place.forms, select));
    const isKnown = readings.every((reading, index) => isHarmless(reading) || (found[index]?.length ?? 0) > 0);
    if (!isKnown) return { refused: refusalOf(unit, readings.length > 1) };
    // A selection nobody can compare is one of any output.
    if (isSelection(unit, place.forms)) select = plainCommand(unit.text);
    else if (!unit.isQuery && /^INST/.test(unit.nodes[0] ?? '')) select = '';
    const meant = found.flat().flatMap((match) => changesOf(match, place.outputs));
    if (meant.includes(undefined)) return { refused: `what “${unit.text}” sets cannot be read` };
    const known = meant.flatMap((one) => one ?? []);
    if (new Set(known.map(({ group }) => group)).size > 1) unsure++;
    if (unsure > 0 && changes.length > 0) {
      return { refused: 'it changes several things and does not say of which output; send them one by one' };
    }
    for (const { group, change } of known) {
      const limits = place.limitsOf(group);
      if (!limits) continue;
      const state = states.get(group) ?? { values: {} };
      const slew = judgeSlew(state, change, limits, place.outputs, group);
      const why = judge(place.outputs.role, state, change, limits) ?? (typeof slew === 'string' ? slew : undefined);
      if (why !== undefined) return { refused: why };
      if (typeof slew === 'number' && slew > 0 && pauseMs > 0) {
        return { refused: 'it changes a setpoint twice, and there is a limit of its slew; send them one by one' };
      }
      pauseMs = Math.max(pauseMs, typeof slew === 'number' ? slew : 0);
      states.set(group, after(state, change));
    }
    changes.push(...known);
  }
  return { changes, pauseMs };
}

interface Match {
  form: WriteForm;
  value: ControlValue | undefined;
}

/** Forms a unit can be. With a selection in the same message only those of that selection. */
function formsFor(unit: ScpiUnit, forms: readonly WriteForm[], select: string): Match[] {
  if (unit.isQuery) return [];
  const matches = forms.flatMap((form): Match[] => {
    const value = matchForm(unit, form);
    return value === 'no' ? [] : [{ form, value: value.value }];
  });
  const selected = matches.filter(({ form }) => form.select.includes(select));
  return select !== '' && selected.length > 0 ? selected : matches;
}

function matchForm(unit: ScpiUnit, form: WriteForm): 'no' | { value: ControlValue | undefined } {
  if (form.around) return matchAround(unit, form, form.around);
  if (sameHeader(unit.nodes, form.unit.nodes) === 'no') return 'no';
  const [theirs, own] = [unit.parameters, form.unit.parameters];
  if (form.place < 0) {
    // No parameter is the value: the whole unit means it, or one without what says the output.
    const isSame = theirs.every((parameter) => own.some((one) => sameParameter(parameter, one)));
    return isSame && theirs.length <= own.length ? { value: form.value } : 'no';
  }
  const missing = own.length - theirs.length;
  if (missing < 0 || missing > 1) return missing < 0 ? { value: undefined } : 'no';
  if (missing === 0) {
    const isSame = own.every(
      (parameter, index) => index === form.place || sameParameter(theirs[index] ?? '', parameter),
    );
    return isSame ? { value: settingOf(form, theirs[form.place] ?? '') } : 'no';
  }
  // The one that says the output is left out: whichever is selected.
  const left = own.map((_, index) => index).filter((index) => index !== form.place);
  if (left.length !== 1) return 'no';
  return { value: settingOf(form, theirs[0] ?? '') };
}

function matchAround(
  unit: ScpiUnit,
  form: WriteForm,
  [before, after]: readonly [string, string],
): 'no' | { value: ControlValue | undefined } {
  const text = unit.text.toUpperCase();
  if (!text.startsWith(before) || !text.endsWith(after)) return 'no';
  return { value: settingOf(form, text.slice(before.length, text.length - after.length).trim()) };
}

/** `(@1,2)` holds `(@1)`. */
function sameParameter(theirs: string, own: string): boolean {
  if (theirs === own) return true;
  const [list, one] = [channelsOf(theirs), channelsOf(own)];
  return list !== undefined && one?.every((channel) => list.includes(channel)) === true;
}

function channelsOf(parameter: string): number[] | undefined {
  const inside = /^\(@([\d,:\s]*)\)$/.exec(parameter)?.[1];
  if (inside === undefined) return undefined;
  return inside.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split(':').map(Number);
    return Array.from({ length: Math.max(0, Math.min(100, to - from + 1)) }, (_, index) => from + index);
  });
}

/** Undefined in it: what it does cannot be told. Empty: it moves no output. */
function changesOf({ form, value }: Match, outputs: OutputShape): (TextChange | undefined)[] {
  const output = outputs.controls.find(({ control }) => control.id === form.control.id);
  if (!output) return [];
  const change = changeOf(output, value);
  return change === undefined ? [undefined] : output.groups.map((group) => ({ group, change }));
}

/** What giving an output control a value does; undefined: nobody can tell. */
export function changeOf({ part }: OutputControl, value: ControlValue | undefined): OutputChange | undefined {
  switch (part.kind) {
    case 'setpoint':
      return typeof value === 'number' ? { kind: 'set', quantity: part.quantity, value } : undefined;
    case 'switch':
      return typeof value === 'boolean' ? { kind: 'switch', on: value } : undefined;
    case 'mode':
      return typeof value === 'string' ? { kind: 'mode', mode: value } : undefined;
    case 'function':
      return { kind: 'function' };
    case 'restore':
      return { kind: 'switch', on: true };
    case 'unknown':
      // Apart again, each output has setpoints of its own.
      return isUncoupled(value) ? { kind: 'function' } : undefined;
  }
}

/** The state after a change that was let through. */
export function after(state: OutputState, change: OutputChange): OutputState {
  if (change.kind === 'set') return { ...state, values: { ...state.values, [change.quantity]: change.value } };
  if (change.kind === 'function') return { ...state, values: {} };
  return change.kind === 'mode' ? { ...state, mode: change.mode } : { ...state, isOn: change.on };
}

/** ms to wait before it, or why it may not be made in one step. */
function judgeSlew(
  state: OutputState,
  change: OutputChange,
  limits: OutputLimits,
  { controls }: OutputShape,
  group: string,
): number | string {
  if (change.kind !== 'set' || state.isOn === false) return 0;
  const perSecond = slewOf(limits, change.quantity);
  if (perSecond === undefined) return 0;
  const from = state.values[change.quantity];
  const { quantity } = change;
  const resolution = controls.find(
    ({ part, groups }) => part.kind === 'setpoint' && part.quantity === quantity && groups.includes(group),
  )?.control.resolution;
  const step = largestStep(perSecond, resolution);
  if (from === undefined) return 'the present setpoint could not be read back, and there is a limit of its slew';
  const size = Math.abs(change.value - from);
  if (size <= step * (1 + 1e-9)) return pauseBeforeMs(size, perSecond);
  return `${from} to ${change.value} ${quantity} in one step is faster than ${perSecond} ${quantity}/s; set it on the card, which ramps`;
}

function isQuietQuery(unit: ScpiUnit): boolean {
  return unit.isQuery && !BUSY_QUERIES.has(unit.nodes[0] ?? '') && !/^CAL/.test(unit.nodes[0] ?? '');
}

function isHarmless(unit: ScpiUnit): boolean {
  if (unit.isQuery) return isQuietQuery(unit);
  return unit.isCommon ? QUIET_COMMON.has(unit.nodes[0] ?? '') : QUIET.test(unit.nodes.join(':'));
}

function isSelection(unit: ScpiUnit, forms: readonly WriteForm[]): boolean {
  return forms.some(({ select }) => select.includes(plainCommand(unit.text)));
}

function refusalOf({ text, isCommon, nodes }: ScpiUnit, isBehind: boolean): string {
  if (isCommon && ['RST', 'RCL'].includes(nodes[0] ?? '')) return `“${text}” would change all settings at once`;
  const hint = isBehind ? ' behind what stands before it (begin it with a colon)' : '';
  return `nobody can tell what “${text}”${hint} does to its outputs`;
}
