import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { Equipment } from '../equipment.ts';
import type { OutputsOffResult } from '../lab-server.ts';
import { sendCommand } from './device-command.ts';
import { commandOf, readBack } from './device-controls.ts';
import type { LockKeeper } from './lock-keeper.ts';
import type { LabLinkPlace } from './place.ts';

/** Longest time of one step of switching off; ms. */
const STEP_MS = 4000;

/**
 * Switches off every output of one equipment, each by its own command (the server's own stop forgets all channels but the first), and reads each back. A lock of
 * somebody else is taken by force, and that is told. Never throws.
 */
export async function switchOff(
  place: LabLinkPlace,
  locks: LockKeeper,
  equipment: Equipment,
): Promise<OutputsOffResult[]> {
  const outputs = equipment.shape.controls.filter(({ isOutput, kind }) => isOutput === true && kind === 'switch');
  if (outputs.length === 0) return [];
  await takeLock(place, locks, equipment.id);
  const results: OutputsOffResult[] = [];
  for (const { id, group } of outputs) results.push(await switchOne(id, group));
  return results;

  async function switchOne(id: string, group: string): Promise<OutputsOffResult> {
    const result = { equipment: equipment.id, group };
    let said: string | undefined;
    try {
      await send(...commandOf(equipment.shape, id, false));
    } catch (thrown) {
      // What counts is the read-back: it may be off all the same.
      said = LabError.from(thrown).message;
    }
    try {
      const state: ControlValue | undefined = (await readBack(equipment.shape, id, send))[id];
      if (state === false) return { ...result, confirmed: true };
      return { ...result, confirmed: false, reason: said ?? 'The read-back does not say that it is off.' };
    } catch (thrown) {
      return { ...result, confirmed: false, reason: said ?? LabError.from(thrown).message };
    }
  }

  async function send(action: string, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
    const command = {
      equipment: equipment.id,
      action,
      parameters,
      signal: undefined,
      timeoutMs: STEP_MS,
      isUrgent: true,
    };
    try {
      return await sendCommand(place, locks, command);
    } catch (thrown) {
      // Somebody took the lock since we had it.
      if (LabError.from(thrown).code !== 'server.busy') throw thrown;
      await takeLock(place, locks, equipment.id);
      return sendCommand(place, locks, command);
    }
  }
}

async function takeLock(place: LabLinkPlace, locks: LockKeeper, equipment: string): Promise<void> {
  try {
    await locks.ensure(equipment, undefined, true);
  } catch (thrown) {
    const error = LabError.from(thrown);
    if (error.code !== 'server.busy') return;
    const owner = String(error.details.owner ?? 'somebody');
    try {
      await locks.hold(equipment, { isAsked: false, force: true, isUrgent: true });
      place.emit({
        kind: 'note',
        topic: 'lock',
        severity: 'warning',
        text: `${equipment}: the lock of ${owner} was taken by force to switch the outputs off.`,
        data: { equipment, owner },
      });
    } catch {
      // Each output is tried all the same and says why it did not work.
    }
  }
}
