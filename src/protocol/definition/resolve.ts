import type { ChannelDefinition, FamilyDefinition, GroupDefinition, ParameterValue } from './definition-schema.ts';
import type { FunctionRow, FunctionsDefinition } from './function-schema.ts';
import { answerOf, filled, idIn, readingOf, resolveControl } from './resolve-control.ts';
import type { ResolvedChannel, ResolvedFamily, ResolvedFunction, ResolvedGroup, ResolvedUnit } from './resolved.ts';
import { fill, GROUP_COUNT, malformed, type Names, numberOf } from './template.ts';

type Part = Pick<GroupDefinition, 'controls' | 'channels' | 'lamps'>;

const MAX_GROUPS = 64;

/**
 * A family as this model of it is: groups counted out, `{n}` and the parameters of the model put in. Driver and simulator both work on it.
 * Throws `driver.malformed` for what the file leaves open.
 */
export function resolveFamily(definition: FamilyDefinition, model: string): ResolvedFamily {
  return resolveWith(definition, parametersOf(definition, model));
}

/** The same with given parameters: for the lint, which looks at every row of the model table. */
export function resolveWith(definition: FamilyDefinition, parameters: Names): ResolvedFamily {
  const names = { ...parameters, [GROUP_COUNT]: firstCount(definition, parameters) };
  const groups = [resolvePart(definition, '', names, 0, 'file')];
  for (const [name, group] of Object.entries(definition.groups)) {
    const place = `groups.${name}`;
    const own = /\d+$/.exec(name)?.[0];
    if (own !== undefined) {
      groups.push(resolveGroup(group, name, { ...names, n: Number(own) }, Number(own), place));
      continue;
    }
    const count = numberOf(group.count, names, `${place}.count`);
    if (!Number.isInteger(count) || count < 0 || count > MAX_GROUPS)
      throw malformed(`${place}.count`, `${count} is no count.`);
    for (let n = 1; n <= count; n++)
      groups.push(resolveGroup(group, name.replace('{n}', String(n)), { ...names, n }, n, place));
  }
  const functions = definition.functions ? resolveFunctions(definition.functions, names) : [];
  return { definition, role: definition.role, groups, functions };
}

/** How many groups of the first kind there are: choices of the whole instrument may be one for each (`CH{n}`). */
function firstCount({ groups }: FamilyDefinition, names: Names): number {
  const [first] = Object.entries(groups);
  return first ? numberOf(first[1].count, names, `groups.${first[0]}.count`) : 0;
}

/** Parameters of the first row of the model table that fits; none without a table. Throws `driver.malformed` if no row fits. */
function parametersOf(definition: FamilyDefinition, model: string): Record<string, ParameterValue> {
  if (definition.models.length === 0) return {};
  const row = definition.models.find((one) => new RegExp(one.model, 'i').test(model));
  if (!row) throw malformed('models', `no row fits the model '${model}'; let the last one match every model.`);
  const { model: _, ...parameters } = row;
  return parameters;
}

function resolveGroup(
  definition: GroupDefinition,
  group: string,
  names: Names,
  n: number,
  place: string,
): ResolvedGroup {
  const { select, measuredWhile, waveform } = definition;
  return {
    ...resolvePart(definition, group, names, n, place),
    select: select === undefined ? [] : filled(select, names, `${place}.select`),
    ...(measuredWhile === undefined ? {} : { measuredWhile: idIn(group, measuredWhile) }),
    ...(waveform
      ? {
          waveform: {
            channel: idIn(group, waveform.name),
            source: fill(waveform.source, names, `${place}.waveform.source`),
            unit: unitOf(waveform.unit, names, `${place}.waveform.unit`),
          },
        }
      : {}),
  };
}

function resolvePart(part: Part, group: string, names: Names, n: number, place: string): ResolvedGroup {
  const siblings = Object.keys(part.controls);
  return {
    group,
    n,
    select: [],
    controls: Object.entries(part.controls).flatMap(
      ([key, control]) =>
        resolveControl(control, { group, key, names, place: `${place}.controls.${key}`, siblings }) ?? [],
    ),
    channels: Object.entries(part.channels).map(([key, channel]) => {
      const { ask, unit, resolution, select, named, found, ...answer } = channel;
      const at = `${place}.channels.${key}`;
      return {
        channel: idIn(group, key),
        group,
        key,
        unit: unitOf(unit, names, `${at}.unit`),
        ...(resolution === undefined ? {} : { resolution }),
        read: readingOf({ ...answer, ask }, names, at),
        select: select === undefined ? [] : filled(select, names, `${at}.select`),
        ...(named ? { named: { asks: filled(named.ask, names, `${at}.named`), is: [named.is].flat() } } : {}),
        ...(found ? { found: foundOf(found, names, `${at}.found`) } : {}),
      };
    }),
    lamps: Object.entries(part.lamps).map(([key, rows]) => {
      const at = `${place}.lamps.${key}`;
      return {
        id: idIn(group, key),
        group,
        key,
        rows: rows.map((row) => ({
          ...answerOf(row, names, at),
          ...(row.ask === undefined ? {} : { ask: fill(row.ask, names, at) }),
          ...(row.show === undefined ? {} : { show: fill(row.show, names, at) }),
        })),
      };
    }),
  };
}

function foundOf(
  { list, is, typical }: NonNullable<ChannelDefinition['found']>,
  names: Names,
  place: string,
): NonNullable<ResolvedChannel['found']> {
  const questions = Object.entries(is).map(([ask, words]) => ({
    ask: fill(ask, names, place),
    words: filled(words, names, place),
  }));
  return { list: fill(list, names, place), is: questions, typical };
}

function resolveFunctions(definition: FunctionsDefinition, names: Names): ResolvedFunction[] {
  return definition.list.map((row) => {
    const { choice, word, answers = [], channel, unit, resolution } = row;
    const inside: Record<string, ParameterValue> = { ...names, ...parametersIn(row, names), word };
    const place = `functions.${choice}`;
    const ranges = listed(inside.ranges).filter((one) => typeof one === 'number');
    return {
      choice,
      word,
      answers: [word, ...answers],
      channel,
      unit,
      ...(resolution === undefined ? {} : { resolution }),
      ranges,
      write: filled(definition.write, inside, `${place}.write`),
      reading: readingOf(definition.reading, inside, `${place}.reading`),
      controls: Object.entries(definition.controls).flatMap(
        ([key, control]) =>
          resolveControl(control, { group: '', key, names: inside, place: `${place}.controls.${key}`, unit }) ?? [],
      ),
    };
  });
}

/** Parameters of a function's row; a text that names a parameter of the model means that one. */
function parametersIn(row: FunctionRow, names: Names): Record<string, ParameterValue> {
  const { choice: _1, word: _2, answers: _3, channel: _4, unit: _5, resolution: _6, ...more } = row;
  return Object.fromEntries(
    Object.entries(more).map(([key, value]) => [
      key,
      typeof value === 'string' && Object.hasOwn(names, value) ? (names[value] ?? value) : (value as ParameterValue),
    ]),
  );
}

function listed(value: ParameterValue | undefined): (number | string)[] {
  return value === undefined ? [] : [value].flat();
}

function unitOf(source: ChannelDefinition['unit'], names: Names, place: string): ResolvedUnit {
  if (typeof source === 'string') return fill(source, names, place);
  return { ...source, ask: fill(source.ask, names, place) };
}
