import { LabError } from '../../core/errors.ts';
import { formatScpiError, type ScpiError } from '../../protocol/scpi-error.ts';
import type { Session, Wire } from '../session/session.ts';
import type { OutputOff } from './driver.ts';

export interface OutputSwitch {
  group: string;
  /** What is sent; a selection of the output comes first. */
  commands: readonly string[];
  /** Sent before the question, where the output must be selected. */
  select?: readonly string[];
  /** Absent: this dialect cannot be asked, so nothing is ever confirmed. */
  query?: string | undefined;
  /** What the answer says; undefined: it is none. */
  isOn(text: string): boolean | undefined;
}

export interface OutputsOffOptions {
  /** Sent first: without it the instrument may not obey (its panel was given back). */
  prepare?: readonly string[];
  /** Reads the errors of the family until none is left; tells whether a selection was taken. */
  readErrors?(wire: Wire): Promise<ScpiError[]>;
  /** Patience for each step; default 1000: a person is waiting with a hand on the mains switch. */
  stepMs?: number | undefined;
}

/**
 * Turns outputs off before anything else that waits: all commands first, then each is read back, and tried once more if it is still on.
 * Never throws: an output whose read-back failed is not confirmed, with the reason.
 */
export async function switchOutputsOff(
  session: Session,
  outputs: readonly OutputSwitch[],
  options: OutputsOffOptions = {},
): Promise<OutputOff[]> {
  try {
    return await session.transaction((wire) => switchOff(wire, outputs, options), {
      priority: 'safety',
      timeoutMs: options.stepMs ?? 1000,
    });
  } catch (error) {
    const reason = LabError.from(error).message;
    return outputs.map(({ group }) => ({ group, confirmed: false, reason }));
  }
}

async function switchOff(
  wire: Wire,
  outputs: readonly OutputSwitch[],
  options: OutputsOffOptions,
): Promise<OutputOff[]> {
  // One that fails does not keep the others on.
  await writeAll(wire, options.prepare ?? []);
  for (const { commands } of outputs) await writeAll(wire, commands);
  const results: OutputOff[] = [];
  for (const output of outputs) {
    const first = await readBack(wire, output, options);
    if (first.confirmed) results.push(first);
    else {
      await writeAll(wire, output.commands);
      results.push(await readBack(wire, output, options));
    }
  }
  return results;
}

async function writeAll(wire: Wire, commands: readonly string[]): Promise<void> {
  for (const command of commands) await wire.write(command).catch(() => {});
}

async function readBack(
  wire: Wire,
  { group, query, select = [], isOn }: OutputSwitch,
  { readErrors }: OutputsOffOptions,
): Promise<OutputOff> {
  const unsure = (reason: string): OutputOff => ({ group, confirmed: false, reason });
  if (query === undefined) return unsure('The instrument cannot be asked whether it is off. Look at it.');
  try {
    if (select.length > 0) {
      // What stands in the queue is of before; what comes then is of the selection: refused, the answer would be of another output.
      await readErrors?.(wire);
      for (const command of select) await wire.write(command);
      const [refusal] = (await readErrors?.(wire)) ?? [];
      if (refusal)
        return unsure(`The instrument does not select this output (${formatScpiError(refusal)}). Look at it.`);
    }
    const { text } = await wire.query(query, undefined, (reply) => isOn(reply) !== undefined);
    if (isOn(text) === false) return { group, confirmed: true };
    return unsure('The instrument says that it is still on. Switch it off by hand.');
  } catch (error) {
    return unsure(LabError.from(error).message);
  }
}
