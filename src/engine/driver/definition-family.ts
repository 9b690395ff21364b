import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { isSameWord } from '../../protocol/definition/answer.ts';
import type { FamilyDefinition, LineDefinition } from '../../protocol/definition/definition-schema.ts';
import { resolveFamily } from '../../protocol/definition/resolve.ts';
import type { ResolvedFamily } from '../../protocol/definition/resolved.ts';
import { parseScpiString } from '../../protocol/scpi-number.ts';
import { DefinitionDriver } from './definition-driver.ts';
import { askFacts } from './definition-facts.ts';
import { controlRow } from './definition-rows.ts';
import { dialogueOf } from './dialogue/dialogue-table.ts';
import type { Driver, DriverContext, DriverFamily, FamilyLine } from './driver.ts';
import { errorReader } from './error-form.ts';
import { canBeFunction, FunctionMeter, functionSaid } from './function-meter.ts';
import { remoteCommands } from './remote.ts';
import { isWord, ScpiDialog } from './scpi-dialog.ts';
import { createWaveformReader } from './waveform/waveform-table.ts';

/** A definition file as an entry of the driver table. */
export function definitionFamily(definition: FamilyDefinition): DriverFamily {
  const { title, id, role, match } = definition;
  const rows = match.map(({ maker, model, firmware }) => ({
    maker: new RegExp(maker ?? '', 'i'),
    model: new RegExp(model, 'i'),
    firmware: new RegExp(firmware ?? '', 'i'),
  }));
  const dialogue = definition.dialog === undefined ? undefined : dialogueOf(definition.dialog);
  return {
    name: title,
    id,
    role,
    line: familyLine(definition.line),
    matches: (identity) =>
      rows.some(
        ({ maker, model, firmware }) =>
          maker.test(identity.maker) && model.test(identity.model) && firmware.test(identity.firmware),
      ),
    ...(dialogue ? { identify: dialogue.identify, frame: dialogue.frame } : {}),
    open: (context) => openDefinition(definition, context),
  };
}

/**
 * Opens the driver: sends `opened`, asks for the limits, units and the function that the file leaves to the instrument. Changes no output.
 * Throws the errors of the session, `driver.malformed` for a file that leaves something open for this model.
 */
export async function openDefinition(definition: FamilyDefinition, context: DriverContext): Promise<Driver> {
  const { session, clock, identity } = context;
  const { line } = definition;
  const family = resolveFamily(definition, identity.model);
  const dialog = new ScpiDialog(session, (error) => context.report(error), {
    readErrors: errorReader(definition.errors),
    isCompound: line.compound ? undefined : false,
    ...(line.settleMs > 0 ? { settle: () => delay(clock, line.settleMs) } : {}),
  });
  for (const command of remoteCommands(definition, session.resource)) await session.write(command);
  await checkRequired(definition, dialog, identity);
  if (definition.opened.length > 0) await dialog.change(definition.opened);
  const facts = await askFacts(dialog, family, (error) => context.report(error));
  return new DefinitionDriver(context, {
    family,
    dialog,
    rows: family.groups.flatMap(({ controls, select }) => controls.map((one) => controlRow(one, select, facts.limit))),
    columns: family.groups.flatMap(({ channels, select }) =>
      channels.map(
        ({ channel, unit, resolution }): ColumnInfo => ({
          channel,
          unit: facts.unit(unit, select),
          ...(resolution === undefined ? {} : { resolution }),
        }),
      ),
    ),
    meter: await openMeter(family, dialog, identity),
    waveforms: createWaveformReader(definition.waveform, {
      context,
      readErrors: errorReader(definition.errors),
      sources: family.groups.flatMap(({ waveform, select }) =>
        waveform
          ? [
              {
                column: { channel: waveform.channel, unit: facts.unit(waveform.unit, select) },
                source: waveform.source,
              },
            ]
          : [],
      ),
    }),
  });
}

/** Throws `instrument.rejected` for one that is set so that this driver cannot speak to it; nothing was sent to it but questions. */
async function checkRequired(
  { requires, title }: FamilyDefinition,
  dialog: ScpiDialog,
  { model }: Identity,
): Promise<void> {
  for (const { ask, is, help } of requires) {
    const { texts } = await dialog.ask([ask], {}, isWord);
    const said = parseScpiString(texts[0] ?? '');
    if (is.some((word) => isSameWord(word, said))) continue;
    throw new LabError(
      'instrument.rejected',
      `${model || title} answers '${said}' to '${ask}', and Labwire speaks to it only as ${is.join(' or ')}. It is not attached and nothing was changed. ${help}`,
      { ask, said },
    );
  }
}

async function openMeter(
  { definition, functions }: ResolvedFamily,
  dialog: ScpiDialog,
  { model }: Identity,
): Promise<FunctionMeter | undefined> {
  const [first, ...rest] = functions;
  if (!definition.functions || !first) return undefined;
  const { texts } = await dialog.ask([definition.functions.ask], {}, (text) => canBeFunction(functions, text));
  const initial = functionSaid(functions, texts[0] ?? '');
  // The function of the moment comes first: its channel is what the person looks at.
  const others = initial ? functions.filter((one) => one !== initial) : rest;
  return new FunctionMeter(definition.functions, [initial ?? first, ...others], dialog, model);
}

function familyLine(line: LineDefinition): FamilyLine {
  const { baudRate, dataBits, parity, stopBits, flow, dtr, rts, bytePaceMs, clear } = line;
  const { writeTermination, readTermination, paceMs } = line;
  return {
    line: { baudRate, dataBits, parity, stopBits, flow, dtr, rts, bytePaceMs, clear },
    writeTermination,
    readTermination,
    paceMs,
  };
}
