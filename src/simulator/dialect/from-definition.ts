import type { ErrorsDefinition, FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import {
  DefinitionExchanges,
  type SimulatedOrder,
  type SimulatedQuestion,
} from '../definition/definition-exchanges.ts';
import { DefinitionModel, type SimulatedBench } from '../definition/definition-model.ts';
import { type Command, command, query } from '../scpi/command.ts';
import { shortForm } from '../scpi/command-tree.ts';
import { SCPI_ERRORS, ScpiError, type ScpiErrorCode } from '../scpi/error-queue.ts';
import { ScpiInstrument } from '../scpi/instrument.ts';
import { optional, type Parameter } from '../scpi/parameter.ts';
import { screenshotCommands } from './screenshot.ts';
import { waveformCommands } from './waveform/waveform-table.ts';

/** Most parameters of a command of a definition. */
const MAX_PARAMETERS = 8;
const VALUE = '{value}';

/** A row of the definition, taken apart: its header and what stands behind it. */
interface Row {
  header: string;
  parameters: readonly string[];
  order?: SimulatedOrder;
  question?: SimulatedQuestion;
}

/**
 * An SCPI instrument that is nothing but its definition file: what the file asks is answered, what it sends is obeyed, all else is an undefined
 * header. Settings have the limits of the file, outputs and meters are on the circuit of the bench.
 */
export function createFromDefinition(definition: FamilyDefinition, bench: SimulatedBench): ScpiInstrument {
  const model = new DefinitionModel(definition, bench);
  const exchanges = new DefinitionExchanges(model);
  const rows: Row[] = [
    ...exchanges.orders.map((order) => ({ ...takeApart(order.text), order })),
    ...exchanges.questions.map((question) => ({ ...takeApart(question.text), question })),
  ];
  const commands: Command[] = [];
  for (const header of new Set(rows.map((row) => row.header.toUpperCase()))) {
    const same = rows.filter((row) => row.header.toUpperCase() === header);
    commands.push(rowCommand(same, model));
  }
  const instrument: ScpiInstrument = new ScpiInstrument({
    identity: parseIdentity(definition.simulation.identity),
    commands: [
      ...commands,
      ...waveformCommands(definition, model),
      ...screenshotCommands(definition, model),
      ...errorCommands(definition.errors, () => instrument),
    ],
    reset: () => model.reset(),
    noError: definition.simulation.noError.startsWith('+') ? '+0' : '0',
  });
  return instrument;
}

/** `:OUTP CH1,{value}` → `:OUTP`, [`CH1`, `{value}`]. */
function takeApart(text: string): { header: string; parameters: string[] } {
  const [header = '', ...rest] = text.trim().split(/\s+/);
  const tail = rest.join(' ');
  return { header, parameters: tail === '' ? [] : splitParameters(tail) };
}

/** Commas in quotes and brackets do not separate: `(@1,2)`. */
function splitParameters(text: string): string[] {
  return (text.match(/(?:"[^"]*"|'[^']*'|\([^)]*\)|[^,"'(])+/g) ?? []).map((part) => part.trim());
}

/** One header of the instrument with all its rows: what stands behind it tells them apart. */
function rowCommand(rows: readonly Row[], model: DefinitionModel): Command {
  const [first] = rows;
  const header = first?.header ?? '';
  const parameters = Array.from({ length: MAX_PARAMETERS }, () => optional(anything));
  const choose = (values: readonly (string | undefined)[]): { row: Row; value: string } => {
    const given = values.filter((value) => value !== undefined);
    const sizes = rows.filter((row) => row.parameters.length === given.length);
    if (sizes.length === 0) throw new ScpiError(rows.some((row) => row.parameters.length > given.length) ? -109 : -108);
    const fitting = sizes.filter((row) => row.parameters.every((pattern, index) => fits(pattern, given[index] ?? '')));
    const group = (row: Row) => row.order?.group ?? row.question?.group;
    const selected = fitting.filter((one) => {
      const place = group(one);
      return place === undefined || model.isSelected(place);
    });
    const row = selected.find(({ order }) => order?.isMeant?.() ?? true) ?? selected[0];
    if (!row) throw new ScpiError(-224);
    const at = row.parameters.findIndex((pattern) => pattern.includes(VALUE));
    return { row, value: unwrap(row.parameters[at] ?? '', given[at] ?? '') };
  };
  if (header.endsWith('?')) return query(header, parameters, (values) => choose(values).row.question?.answer() ?? '');
  return command(header, parameters, (values) => {
    const { row, value } = choose(values);
    row.order?.obey(value);
  });
}

const anything: Parameter<string> = { parse: (text) => text };

/** A word in any case, long or short (`CURRent`); `{value}` is anything, also inside (`"{value}"`, `{value}V`). */
function fits(pattern: string, text: string): boolean {
  if (pattern === VALUE) return true;
  const at = pattern.indexOf(VALUE);
  const given = text.toUpperCase();
  if (at < 0) return given === pattern.toUpperCase() || (/[a-z]/.test(pattern) && given === shortForm(pattern));
  const before = pattern.slice(0, at).toUpperCase();
  const after = pattern.slice(at + VALUE.length).toUpperCase();
  return given.startsWith(before) && given.endsWith(after) && given.length >= before.length + after.length;
}

function unwrap(pattern: string, text: string): string {
  const at = pattern.indexOf(VALUE);
  return at < 0 ? '' : text.slice(at, text.length - (pattern.length - at - VALUE.length));
}

/** How it complains, where that is not the error queue of SCPI. */
function errorCommands(errors: ErrorsDefinition, instrument: () => ScpiInstrument): Command[] {
  if (errors === 'none' || errors.form === 'queue') return [];
  const takeAll = (): string => {
    const { errors: queue } = instrument();
    const texts: string[] = [];
    for (let code: ScpiErrorCode | undefined = queue.take(); code !== undefined; code = queue.take()) {
      texts.push(`${Math.abs(code)},"${SCPI_ERRORS[code]}"`);
    }
    return texts.join(',') || '0,"No events to report - queue empty"';
  };
  const [first = '', ...more] = [errors.ask].flat();
  if (errors.form === 'events') return [query(first, [], takeAll)];
  return [
    query(first, [], () => {
      const code = instrument().errors.take();
      instrument().errors.clear();
      return code === undefined ? '0' : '1';
    }),
    ...more.map((ask) => query(ask, [], () => '0')),
  ];
}
