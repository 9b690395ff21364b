import type { Asker } from '../../contract/envelope.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { Equipment } from '../bench/equipment.ts';
import { type CommandParameters, OUTPUTS_OFF, settingsOf, switchesOn, unknownCommand } from './device-command.ts';
import { sessionOf } from './lock-shape.ts';
import type { LabLinkPlace } from './place.ts';
import { readAgain } from './read-again.ts';
import { needControl, needReadings } from './read-right.ts';
import { measurementsOf, readingChannels, readingOf, setpointsOf } from './reading.ts';
import { waveformHead } from './waveform-shape.ts';

export interface DeviceCommand {
  id: string;
  action: string;
  parameters: CommandParameters;
  session: string | undefined;
}

/** Longest wait for an instrument; ms. */
const DEADLINE_MS = 30_000;

/**
 * Carries out a command of LabLink at an instrument, in the client's name; gives its data. Throws hub.unauthenticated (no session), hub.forbidden (no lock, no right) for the
 * request, and everything else for the command: that is a 200 with success:false.
 */
export async function carryOut(
  place: LabLinkPlace,
  principal: Principal,
  equipment: Equipment,
  command: DeviceCommand,
): Promise<unknown> {
  const { action } = command;
  if (/^get_/.test(action)) {
    needReadings(place.parts, principal);
    return read(place, principal, equipment, command);
  }
  needControl(principal);
  if (action === OUTPUTS_OFF) return outputsOff(place, principal, equipment);
  const settings = settingsOf(equipment, action, command.parameters);
  const as = await underLock(place, principal, equipment, command.session);
  if (switchesOn(equipment, settings)) place.stop.check();
  let turn = 0;
  for (const { control, value } of settings) {
    const input = { instrument: equipment.instrument.id, control, value };
    // The same command comes again when its answer was lost: it is carried out once.
    const idem = `${command.id} ${turn++}`.slice(0, 200);
    await place.parts.bench.client.call('instrument.set', input, { as, idem, deadlineMs: DEADLINE_MS });
  }
  return null;
}

/** Safety asks no lock: every output of the equipment, each read back. */
async function outputsOff(
  { parts: { bench } }: LabLinkPlace,
  principal: Principal,
  { id, instrument }: Equipment,
): Promise<{ results: unknown[] }> {
  const as = askerOf(principal, 'lablink', 'stop');
  const { results } = await bench.client.call('outputs.off', { instruments: [instrument.id] }, { as });
  await readAgain(bench, principal, results);
  return {
    results: results.map(({ group, confirmed, reason }) => ({
      equipment_id: id,
      channel: group,
      confirmed,
      reason: reason ?? null,
    })),
  };
}

/** What changes something is done under the lock of the session that asks. */
export async function underLock(
  { locks }: LabLinkPlace,
  principal: Principal,
  equipment: Equipment,
  session: string | undefined,
): Promise<Asker> {
  if (session === undefined)
    throw new LabError(
      'hub.unauthenticated',
      'session_id required for control commands when locks are enabled. Nothing was sent.',
    );
  const asker = locks.asker(principal, session);
  const held = (await locks.list(equipment.instrument.id)).find(
    (lock) => lock.mode === 'exclusive' && lock.state === 'held',
  );
  if (asker && held && held.session === session) {
    await locks.touch(principal, equipment.instrument.id, session);
    return asker;
  }
  const by = held ? `is locked by session ${sessionOf(held)}` : 'is locked by nobody';
  throw new LabError(
    'hub.forbidden',
    `Equipment ${equipment.id} ${by}. Acquire exclusive lock before control commands. Nothing was sent.`,
  );
}

/** Newest values of an equipment. */
export async function readingNow(place: LabLinkPlace, equipment: Equipment, channel: number) {
  const values = await place.parts.bench.latest.read(readingChannels(equipment));
  return readingOf(equipment, values, channel);
}

export async function measurementsNow(place: LabLinkPlace, equipment: Equipment, channel: number) {
  const values = await place.parts.bench.latest.read(equipment.channels.map(({ id }) => id));
  return measurementsOf(equipment, values, channel);
}

async function read(
  place: LabLinkPlace,
  principal: Principal,
  equipment: Equipment,
  { action, parameters }: DeviceCommand,
): Promise<unknown> {
  const channel = typeof parameters.channel === 'number' ? parameters.channel : 1;
  switch (action) {
    case 'get_readings':
      return readingNow(place, equipment, channel);
    case 'get_measurements':
      return measurementsNow(place, equipment, channel);
    case 'get_setpoints':
      if (equipment.instrument.role === 'supply') return setpointsOf(equipment, channel);
      break;
    case 'get_waveform': {
      const capture = await place.captures.capture(principal, equipment, channel);
      return waveformHead(equipment, capture);
    }
    case 'get_control': {
      const { values } = equipment.instrument;
      const name = String(parameters.control);
      if (Object.hasOwn(values, name)) return { control: name, ...values[name] };
      break;
    }
    default:
  }
  throw unknownCommand(equipment, action);
}
