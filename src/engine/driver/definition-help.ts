import type { CommandHelp } from '../../contract/instrument-schema.ts';
import type { ResolvedControl, ResolvedFamily } from '../../protocol/definition/resolved.ts';

const COMMON: readonly CommandHelp[] = [
  { header: '*IDN?', parameters: '', help: 'Who it is: maker, model, serial number, firmware.' },
  { header: '*OPC?', parameters: '', help: 'Answers 1 when everything before is done.' },
  { header: '*CLS', parameters: '', help: 'Clears the error queue and the event registers.' },
];

/** Commands of a family for the console: those of its controls and channels, and those it lists; sorted by header. */
export function helpOf(family: ResolvedFamily): CommandHelp[] {
  const { definition, groups, functions } = family;
  const found = new Map<string, CommandHelp>();
  const add = (header: string, parameters: string, help: string): void => {
    if (header !== '' && !found.has(header)) found.set(header, { header, parameters, help });
  };
  for (const [header, { parameters, help }] of Object.entries(definition.commands)) add(header, parameters, help);
  const controls = [...groups, ...functions].flatMap((part) => part.controls);
  for (const control of controls) {
    const words = controls.find(({ id }) => id === control.by)?.choices.map(({ word }) => word) ?? [''];
    for (const by of words) {
      if (control.read) add(control.read.ask.replaceAll('{by}', by), '', `${control.help} Asks what is set.`);
      for (const text of [
        ...control.write,
        ...(control.writeOff ?? []),
        ...control.choices.flatMap(({ write }) => write),
      ]) {
        const { header, parameters } = split(text.replaceAll('{by}', by));
        add(header, parameters.replaceAll('{value}', valuesOf(control)), control.help);
      }
    }
  }
  for (const { read, channel, found } of groups.flatMap((group) => group.channels)) {
    if (found) add(found.list, '', 'Tells which measurements are on the screen.');
    else add(read.ask, '', `Measures ${channel}.`);
  }
  for (const { reading } of functions) add(reading.ask, '', 'Takes a reading of the function in force.');
  if (definition.functions) {
    add(definition.functions.ask, '', 'Asks for the function in force.');
    for (const { write, choice } of functions) for (const text of write) add(text, '', `Measures ${choice}.`);
  }
  if (definition.errors !== 'none')
    for (const ask of [definition.errors.ask].flat()) add(ask, '', 'Takes the oldest error out of its queue.');
  for (const row of definition.dialog ? [] : COMMON) add(row.header, row.parameters, row.help);
  return [...found.values()].sort((a, b) => (a.header < b.header ? -1 : 1));
}

/** `:OUTP CH1,{value}`: what does not change belongs to the header, so that completion writes it. */
function split(text: string): { header: string; parameters: string } {
  const at = text.indexOf('{value}');
  return at < 0
    ? { header: text, parameters: '' }
    : { header: text.slice(0, at).trimEnd(), parameters: text.slice(at) };
}

function valuesOf({ kind, unit, on, off, choices }: ResolvedControl): string {
  if (kind === 'switch') return `${on}|${off}`;
  if (kind === 'number') return unit === '' ? 'number' : `number in ${unit}`;
  return choices.map(({ word }) => word).join('|');
}
