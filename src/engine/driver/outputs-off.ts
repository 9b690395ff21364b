import { LabError } from '../../core/errors.ts';
import { parseScpiBoolean } from '../../protocol/scpi-number.ts';
import type { Session, Wire } from '../session/session.ts';
import type { OutputOff } from './driver.ts';

export interface OutputSwitch {
  group: string;
  command: string;
  /** Answered with a boolean. */
  query: string;
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
  for (const { command } of outputs) await wire.write(command).catch(() => {});
  const results: OutputOff[] = [];
  for (const output of outputs) {
    const first = await readBack(wire, output);
    if (first.confirmed) results.push(first);
    else {
      await wire.write(output.command).catch(() => {});
      results.push(await readBack(wire, output));
    }
  }
  return results;
}

async function readBack(wire: Wire, { group, query }: OutputSwitch): Promise<OutputOff> {
  try {
    const { text } = await wire.query(query, undefined, (reply) => parseScpiBoolean(reply) !== undefined);
    return parseScpiBoolean(text) === false
      ? { group, confirmed: true }
      : { group, confirmed: false, reason: 'The instrument says that it is still on. Switch it off by hand.' };
  } catch (error) {
    return { group, confirmed: false, reason: LabError.from(error).message };
  }
}
