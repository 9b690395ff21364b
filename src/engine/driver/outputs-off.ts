import { LabError } from '../../core/errors.ts';
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

/** Patience for each step: a person is waiting with a hand on the mains switch. */
const STEP_MS = 1000;

/**
 * Turns outputs off before anything else that waits: all commands first, then each is read back, and tried once more if it is still on.
 * Never throws: an output whose read-back failed is not confirmed, with the reason.
 */
export async function switchOutputsOff(session: Session, outputs: readonly OutputSwitch[]): Promise<OutputOff[]> {
  try {
    return await session.transaction((wire) => switchOff(wire, outputs), { priority: 'safety', timeoutMs: STEP_MS });
  } catch (error) {
    const reason = LabError.from(error).message;
    return outputs.map(({ group }) => ({ group, confirmed: false, reason }));
  }
}

async function switchOff(wire: Wire, outputs: readonly OutputSwitch[]): Promise<OutputOff[]> {
  // One that fails does not keep the others on.
  for (const output of outputs) await write(wire, output);
  const results: OutputOff[] = [];
  for (const output of outputs) {
    const first = await readBack(wire, output);
    if (first.confirmed) results.push(first);
    else {
      await write(wire, output);
      results.push(await readBack(wire, output));
    }
  }
  return results;
}

async function write(wire: Wire, { commands }: OutputSwitch): Promise<void> {
  for (const command of commands) await wire.write(command).catch(() => {});
}

async function readBack(wire: Wire, { group, query, select = [], isOn }: OutputSwitch): Promise<OutputOff> {
  if (query === undefined) {
    return { group, confirmed: false, reason: 'The instrument cannot be asked whether it is off. Look at it.' };
  }
  try {
    for (const command of select) await wire.write(command);
    const { text } = await wire.query(query, undefined, (reply) => isOn(reply) !== undefined);
    return isOn(text) === false
      ? { group, confirmed: true }
      : { group, confirmed: false, reason: 'The instrument says that it is still on. Switch it off by hand.' };
  } catch (error) {
    return { group, confirmed: false, reason: LabError.from(error).message };
  }
}
