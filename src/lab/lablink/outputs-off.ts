import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { Equipment } from '../equipment.ts';
import type { OutputsOffResult } from '../lab-server.ts';
import { type DeviceCommand, OUTPUTS_OFF, sendCommand } from './device-command.ts';
import { commandOf, readBack } from './device-controls.ts';
import type { LockKeeper } from './lock-keeper.ts';
import type { LabLinkPlace } from './place.ts';

/** Longest time of one step of switching off; ms. */
const STEP_MS = 4000;

const offAnswer = z.object({
  results: z.array(z.object({ channel: z.string(), confirmed: z.boolean(), reason: z.string().nullish() })),
});
type Told = z.infer<typeof offAnswer>['results'][number];

const NOT_SAID = 'The read-back does not say that it is off.';

/**
 * Switches off every output of one equipment and reads each back. A server of ours does it for all at once, whoever has the lock. Any other is sent a command for
 * each (its own stop forgets all channels but the first), under the lock: that of somebody else is taken by force, and that is told. Never throws.
 */
export async function switchOff(
  place: LabLinkPlace,
  locks: LockKeeper,
  equipment: Equipment,
): Promise<OutputsOffResult[]> {
  const outputs = equipment.shape.controls.filter(({ isOutput, kind }) => isOutput === true && kind === 'switch');
  if (outputs.length === 0) return [];
  if (equipment.shape.commands.includes(OUTPUTS_OFF)) {
    const told = await allOff();
    if (told) return Promise.all(outputs.map(({ id, group }) => judge(id, group, told)));
  }
  await takeLock(place, locks, equipment.id);
  const results: OutputsOffResult[] = [];
  for (const { id, group } of outputs) results.push(await switchOne(id, group));
  return results;

  /** All at once, without the lock; what the server read back. Undefined: it did not do it. */
  async function allOff(): Promise<Told[] | undefined> {
    try {
      return offAnswer.parse(await sendCommand(place, locks, urgent(OUTPUTS_OFF, {}))).results;
    } catch {
      return undefined;
    }
  }

  /** What the server says of an output; where it calls its outputs otherwise they must all be off, and what it reads back now counts. */
  async function judge(id: string, group: string, told: readonly Told[]): Promise<OutputsOffResult> {
    const own = told.find(({ channel }) => channel === group);
    const open = own ? [own] : told.filter(({ channel }) => !outputs.some((output) => output.group === channel));
    const failed = open.find(({ confirmed }) => !confirmed);
    if (failed) return { equipment: equipment.id, group, confirmed: false, reason: failed.reason ?? NOT_SAID };
    return own ? { equipment: equipment.id, group, confirmed: true } : confirm(id, group, undefined);
  }

  async function switchOne(id: string, group: string): Promise<OutputsOffResult> {
    let said: string | undefined;
    try {
      await send(...commandOf(equipment.shape, id, false));
    } catch (thrown) {
      // What counts is the read-back: it may be off all the same.
      said = LabError.from(thrown).message;
    }
    return confirm(id, group, said);
  }

  /** Reads back. `said`: why it was not carried out, as far as known. */
  async function confirm(id: string, group: string, said: string | undefined): Promise<OutputsOffResult> {
    const result = { equipment: equipment.id, group };
    try {
      const state: ControlValue | undefined = (await readBack(equipment.shape, id, send))[id];
      if (state === false) return { ...result, confirmed: true };
      return { ...result, confirmed: false, reason: said ?? NOT_SAID };
    } catch (thrown) {
      return { ...result, confirmed: false, reason: said ?? LabError.from(thrown).message };
    }
  }

  function urgent(action: string, parameters: Readonly<Record<string, unknown>>): DeviceCommand {
    return {
      equipment: equipment.id,
      action,
      parameters,
      signal: undefined,
      timeoutMs: STEP_MS,
      isUrgent: true,
    };
  }

  async function send(action: string, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
    const command = urgent(action, parameters);
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
