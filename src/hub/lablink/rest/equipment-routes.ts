import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import { askerOf } from '../../access/asker.ts';
import type { Principal } from '../../access/principal.ts';
import { type Equipment, equipmentId } from '../../bench/equipment.ts';
import { equipmentEntry } from '../../labwire/equipment-entry.ts';
import { isoTime } from '../../server-time.ts';
import { carryOut, measurementsNow, readingNow } from '../command-desk.ts';
import { findEquipment } from '../find-equipment.ts';
import { discoveredDevice } from '../found-device.ts';
import type { LabLinkPlace } from '../place.ts';
import { needReadings } from '../read-right.ts';
import { statusOf, statusShape } from '../status-shape.ts';
import { waveformHead } from '../waveform-shape.ts';
import { type AddRoutes, anyObject, equipmentPath, pathText } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['equipment'];
/** LabLink's words, and two of ours. */
const TYPES = [
  'oscilloscope',
  'power_supply',
  'electronic_load',
  'multimeter',
  'function_generator',
  'data_acquisition',
  'unknown',
] as const;
/** How long `discover` looks; ms. */
const DISCOVER_MS = 5000;

const channelQuery = z.object({ channel: z.coerce.number().int().min(1).max(64).default(1) });
const commandBody = z.object({
  command_id: z.string().min(1).max(150),
  equipment_id: z.string().max(300).optional(),
  action: z.string().min(1).max(100),
  parameters: anyObject.default({}),
  session_id: z.string().min(1).max(300).nullish(),
  timestamp: z.string().max(50).nullish(),
});
const commandAnswer = z.object({
  command_id: z.string(),
  success: z.boolean(),
  data: z.unknown(),
  error: z.string().nullable(),
  timestamp: z.string(),
});

/** What is attached, what it measures, and how it is set. */
export const addEquipmentRoutes: AddRoutes = (app, place) => {
  const { bench, clock } = place.parts;
  app.get('/api/equipment/list', { schema: { tags, response: { 200: z.array(anyObject) } } }, () =>
    bench.equipment
      .filter(({ via }) => !via.includes(place.parts.id))
      .map((equipment) => listEntry(equipment, place.parts.id)),
  );
  app.post(
    '/api/equipment/discover',
    { config: CONTROL, schema: { tags, response: { 200: z.object({ devices: z.array(anyObject) }) } } },
    async ({ principal }) => {
      const as = askerOf(principal, 'lablink', 'discovery');
      const { found } = await bench.client.call('instrument.find', { withinMs: DISCOVER_MS }, { as });
      return { devices: found.map((one) => ({ ...discoveredDevice(one, bench) })) };
    },
  );
  app.post(
    '/api/equipment/connect',
    {
      config: CONTROL,
      schema: {
        tags,
        body: z.object({
          resource_string: z.string().min(1).max(500),
          equipment_type: z.enum(TYPES).optional(),
          model: z.string().max(200).optional(),
        }),
        response: { 200: z.object({ equipment_id: z.string(), status: z.literal('connected') }) },
      },
    },
    async ({ principal, body }) => {
      const as = askerOf(principal, 'lablink', 'connect');
      const { instrument } = await bench.client.call('instrument.open', { resource: body.resource_string }, { as });
      const found = bench.state.instruments.find(({ id }) => id === instrument);
      if (!found) throw new LabError('instrument.detached', 'The instrument was detached as soon as it was attached.');
      return { equipment_id: equipmentId(found), status: 'connected' as const };
    },
  );
  app.post(
    '/api/equipment/disconnect/:equipment_id',
    {
      config: CONTROL,
      schema: {
        tags,
        params: equipmentPath,
        querystring: z.object({ session_id: z.string().max(300).optional() }),
        response: { 200: z.object({ equipment_id: z.string(), status: z.literal('disconnected') }) },
      },
    },
    async ({ principal, params, query }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      await disconnect(place, principal, equipment, query.session_id);
      return { equipment_id: equipment.id, status: 'disconnected' as const };
    },
  );
  app.get(
    '/api/equipment/:equipment_id/status',
    { schema: { tags, params: equipmentPath, response: { 200: statusShape } } },
    async ({ params }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      const input = { instrument: equipment.instrument.id };
      return statusOf(equipment, await bench.client.call('instrument.diagnostics', input));
    },
  );
  app.get(
    '/api/equipment/:equipment_id/readings',
    { schema: { tags, params: equipmentPath, querystring: channelQuery, response: { 200: anyObject } } },
    async ({ principal, params, query }) => {
      needReadings(place.parts, principal);
      return readingNow(place, findEquipment(bench, params.equipment_id), query.channel);
    },
  );
  app.post(
    '/api/equipment/:equipment_id/command',
    { schema: { tags, params: equipmentPath, body: commandBody, response: { 200: commandAnswer } } },
    async ({ principal, params, body }) => {
      const equipment = findEquipment(bench, params.equipment_id);
      const { command_id, action, parameters } = body;
      const answer = { command_id, timestamp: isoTime(clock.nowNs()) };
      const command = { id: command_id, action, parameters, session: body.session_id ?? undefined };
      try {
        const data = (await carryOut(place, principal, equipment, command)) ?? null;
        return { ...answer, success: true, data, error: null };
      } catch (thrown) {
        const error = LabError.from(thrown);
        // Of the request, not of the command.
        if (error.code.startsWith('hub.') && error.code !== 'hub.unsupported') throw error;
        return { ...answer, success: false, data: null, error: error.message };
      }
    },
  );
  app.get(
    '/api/data/:equipment_id/snapshot',
    {
      schema: {
        tags,
        params: z.object({ equipment_id: pathText }),
        querystring: channelQuery.extend({
          data_type: z.enum(['readings', 'measurements', 'waveform']).default('readings'),
        }),
        response: { 200: anyObject },
      },
    },
    async ({ principal, params, query }) => {
      needReadings(place.parts, principal);
      const equipment = findEquipment(bench, params.equipment_id);
      if (query.data_type === 'readings') return readingNow(place, equipment, query.channel);
      if (query.data_type === 'measurements') return measurementsNow(place, equipment, query.channel);
      return { ...waveformHead(equipment, await place.captures.capture(principal, equipment, query.channel)) };
    },
  );
};

/** LabLink knows four ways to an instrument. */
function listEntry(equipment: Equipment, hub: string): Record<string, unknown> {
  const { way } = equipment.instrument;
  const connection_type = way === 'serial' || way === 'usb' || way === 'gpib' ? way : 'ethernet';
  return { ...equipmentEntry(equipment, hub), connection_type };
}

/** Its outputs first, all of them. */
async function disconnect(
  { parts: { bench }, locks }: LabLinkPlace,
  principal: Principal,
  { instrument }: Equipment,
  session: string | undefined,
): Promise<void> {
  const own = session === undefined ? undefined : locks.asker(principal, session);
  const as = own ?? askerOf(principal, 'lablink', 'connect');
  for (const { id, isOutput } of instrument.controls) {
    if (isOutput !== true || instrument.values[id]?.readBack === false) continue;
    await bench.client.call('instrument.set', { instrument: instrument.id, control: id, value: false }, { as });
  }
  await bench.client.call('instrument.close', { instrument: instrument.id }, { as });
}
