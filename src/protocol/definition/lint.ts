import { LabError } from '../../core/errors.ts';
import { parseUnit } from '../../core/units.ts';
import { parseIdentity } from '../idn.ts';
import { isQuery } from '../scpi-line.ts';
import type { FamilyDefinition } from './definition-schema.ts';
import { resolveWith } from './resolve.ts';
import type { ResolvedControl, ResolvedFamily, ResolvedGroup } from './resolved.ts';
import { ROLE_CONTROLS } from './role-controls.ts';

/** What may not be sent when an instrument is attached: it would change what it does. */
const UNSAFE = /\*RST|\*RCL|\*TST|\*SAV|\*TRG|\bPRES|\bOUTP|\bINP\w* +(ON|1)|\bSOUR|\b(VOLT|CURR)\w* +[\d.]/i;
const ID = /^[a-z][a-z0-9]*([.-][a-z0-9]+)*$/;

/** What is wrong with a definition that its schema cannot tell; empty: nothing. Each text names the place. */
export function lintDefinition(definition: FamilyDefinition): string[] {
  const rows = definition.models.length > 0 ? definition.models : [{ model: '.*' }];
  const faults = new Set<string>([
    ...lintIdentity(definition),
    ...lintOpened(definition),
    ...lintParameters(definition),
  ]);
  for (const { model, ...parameters } of rows) {
    try {
      for (const fault of lintFamily(resolveWith(definition, parameters))) faults.add(fault);
    } catch (error) {
      faults.add(`models ${model}: ${LabError.from(error).message}`);
    }
  }
  return [...faults];
}

function* lintIdentity({ simulation, match, models }: FamilyDefinition): Iterable<string> {
  const { maker, model } = parseIdentity(simulation.identity);
  const fits = match.some(
    (row) => new RegExp(row.maker ?? '', 'i').test(maker) && new RegExp(row.model, 'i').test(model),
  );
  if (!fits) yield `simulation.identity: '${simulation.identity}' does not fit 'match'.`;
  if (models.length > 0 && !models.some((row) => new RegExp(row.model, 'i').test(model)))
    yield `simulation.identity: no row of 'models' fits '${model}'.`;
}

function* lintOpened({ opened, requires, dialog }: FamilyDefinition): Iterable<string> {
  for (const { ask } of requires) if (dialog === undefined && !isQuery(ask)) yield `requires: '${ask}' is no question.`;
  for (const text of opened) {
    if (UNSAFE.test(text)) yield `opened: '${text}' may change what the instrument does; attaching changes nothing.`;
    if (dialog === undefined && isQuery(text)) yield `opened: '${text}' is a question; only commands are sent there.`;
  }
}

/** A parameter nobody uses is a misspelt one. */
function* lintParameters({ models, functions, ...rest }: FamilyDefinition): Iterable<string> {
  const text = JSON.stringify([rest, functions]);
  for (const { model, ...parameters } of models) {
    for (const name of Object.keys(parameters)) {
      if (!text.includes(`{${name}}`) && !text.includes(`"${name}"`)) yield `models ${model}: nothing uses '${name}'.`;
    }
  }
  const inside = JSON.stringify(functions?.controls ?? {}) + JSON.stringify([functions?.write, functions?.reading]);
  const known = new Set(['choice', 'word', 'answers', 'channel', 'unit', 'resolution', 'ranges']);
  for (const row of functions?.list ?? []) {
    for (const name of Object.keys(row)) {
      if (!known.has(name) && !inside.includes(`{${name}}`) && !inside.includes(`"${name}"`))
        yield `functions ${row.choice}: nothing uses '${name}'.`;
    }
  }
}

function* lintFamily(family: ResolvedFamily): Iterable<string> {
  const { groups, functions, definition, role } = family;
  const isScpi = definition.dialog === undefined;
  for (const group of groups) {
    yield* lintGroup(group, family);
    for (const { ask } of asksOf(group)) if (isScpi && !isQuery(ask)) yield `'${ask}' is asked, but is no question.`;
  }
  for (const one of functions) {
    if (!isKnownUnit(one.unit)) yield `functions ${one.choice}: the unit '${one.unit}' is not known.`;
    if (isScpi && !isQuery(one.reading.ask)) yield `'${one.reading.ask}' is asked, but is no question.`;
    for (const control of one.controls) yield* lintControl(control, role, isScpi);
  }
  const controls = groups.flatMap((group) => group.controls);
  const feeds = role === 'supply' ? 'output' : role === 'load' ? 'input' : undefined;
  if (feeds !== undefined && !controls.some(({ key, isOutput }) => key === feeds && isOutput))
    yield `A ${role} must have a switch '${feeds}' with isOutput: Outputs off depends on it.`;
  const channels = [
    ...groups.flatMap((group) => group.channels.map(({ channel }) => channel)),
    ...functions.map(({ channel }) => channel),
  ];
  for (const channel of channels) {
    if (!ID.test(channel)) yield `channel '${channel}': lower case letters, digits and dots.`;
    if (channels.indexOf(channel) !== channels.lastIndexOf(channel)) yield `channel '${channel}' is there twice.`;
  }
}

function* lintGroup(group: ResolvedGroup, { role, definition, groups }: ResolvedFamily): Iterable<string> {
  const ids = new Set(group.controls.map(({ id }) => id));
  for (const control of group.controls) {
    yield* lintControl(control, role, definition.dialog === undefined);
    for (const touched of control.touches)
      if (!ids.has(touched)) yield `${control.id}: touches '${touched}', which is none.`;
  }
  for (const control of group.controls) yield* lintBy(control, [...(groups[0]?.controls ?? []), ...group.controls]);
  if (group.measuredWhile !== undefined && !ids.has(group.measuredWhile))
    yield `${group.group}: measuredWhile '${group.measuredWhile}' is no control.`;
  for (const { channel, unit, named, found, read } of group.channels) {
    if (named && read.field !== undefined) yield `${channel}: has named fields, so it has no 'field'.`;
    yield* lintFound(channel, [read.ask, ...(found?.is.map(({ ask }) => ask) ?? [])], found !== undefined);
    for (const one of typeof unit === 'string' ? [unit] : Object.values(unit.words))
      if (!isKnownUnit(one)) yield `${channel}: the unit '${one}' is not known.`;
  }
}

/** `{found}` and how it is found belong together. */
function* lintFound(channel: string, asks: readonly string[], isFound: boolean): Iterable<string> {
  if (!isFound && asks.some((ask) => ask.includes('{found}'))) yield `${channel}: {found} needs 'found'.`;
  if (isFound && !asks.every((ask) => ask.includes('{found}')))
    yield `${channel}: 'found' is there, but {found} is not in all that is asked.`;
}

function* lintControl(control: ResolvedControl, role: ResolvedFamily['role'], isScpi: boolean): Iterable<string> {
  const { id, key, kind, unit, min, max, read, write, writeOff, choices, isOutput } = control;
  if (!ID.test(id)) yield `${id}: an id is lower case words and dots.`;
  const standard = ROLE_CONTROLS[role]?.[key];
  if (standard && !standard.kinds.includes(kind))
    yield `${id}: is a ${standard.kinds.join(' or ')} on every ${role}, not a ${kind}.`;
  if (standard?.unit !== undefined && kind === 'number' && unit !== standard.unit)
    yield `${id}: its unit is ${standard.unit}.`;
  if (!isKnownUnit(unit)) yield `${id}: the unit '${unit}' is not known.`;
  // An output that cannot be asked is switched off all the same; nothing ever confirms it.
  if (kind !== 'action' && !read && !isOutput) yield `${id}: needs 'read': every setting is read back.`;
  if (isScpi && read && !isQuery(read.ask)) yield `${id}: '${read.ask}' is no question.`;
  const isSetpoint = kind === 'number' && (role === 'supply' || role === 'load' || standard?.isLimited === true);
  if (isSetpoint && (min === undefined || max === undefined)) yield `${id}: a setpoint needs min and max.`;
  if ((kind === 'choice' || kind === 'range') && choices.length === 0) yield `${id}: has no choices.`;
  const texts = [...write, ...(writeOff ?? []), ...choices.flatMap((choice) => choice.write)];
  if (texts.length === 0) yield `${id}: needs 'write'.`;
  if (kind === 'number' && !texts.some((text) => text.includes('{value}')))
    yield `${id}: nothing that is written holds {value}.`;
  if (isScpi) for (const text of texts) if (isQuery(text)) yield `${id}: '${text}' is a question, not a command.`;
  if (isOutput && kind !== 'switch') yield `${id}: only a switch can be an output.`;
}

/** `{by}` and what is put for it belong together. */
function* lintBy({ id, by, as, read, write }: ResolvedControl, near: readonly ResolvedControl[]): Iterable<string> {
  const texts = [read?.ask ?? '', ...write];
  const isUsed = texts.some((text) => text.includes('{by}'));
  if (by === undefined && isUsed) yield `${id}: {by} needs 'by': the choice whose word is put there.`;
  if (by === undefined) return;
  if (!texts.every((text) => text.includes('{by}'))) yield `${id}: 'by' is named, but {by} is not in all that is sent.`;
  const choice = near.find((one) => one.id === by);
  if (choice?.kind !== 'choice' || choice.by !== undefined)
    yield `${id}: by '${by}', which is no choice of the instrument.`;
  for (const name of Object.keys(as ?? {}))
    if (!choice?.choices.some((one) => one.choice === name)) yield `${id}: as '${name}', which '${by}' cannot be.`;
}

function asksOf({ channels, lamps }: ResolvedGroup): { ask: string }[] {
  return [
    ...channels.flatMap(({ read, named, found }) =>
      [read.ask, ...(named?.asks ?? []), ...(found ? [found.list, ...found.is.map((one) => one.ask)] : [])].map(
        (ask) => ({ ask }),
      ),
    ),
    ...lamps.flatMap(({ rows }) => rows.flatMap(({ ask }) => (ask === undefined ? [] : [{ ask }]))),
  ];
}

function isKnownUnit(unit: string): boolean {
  return unit === '' || parseUnit(unit, '') === unit;
}
