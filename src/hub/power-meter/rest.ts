import { z } from 'zod';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { HubParts } from '../hub-parts.ts';
import { needReadings } from '../lablink/read-right.ts';
import type { HubApp } from '../server/door.ts';
import { DEFAULT_MODULE, MODULES, type ModuleRack, type PowerModule, snapshotOf } from './modules.ts';
import { encodeTrace } from './npy.ts';
import { readTrace } from './trace.ts';

const module = z.coerce.number().int().min(1).max(MODULES).default(DEFAULT_MODULE);
const channel = z.coerce.number().int().min(1).max(4).default(1);
const traceQuery = z.object({ module, channel, trace_type: z.coerce.number().int().default(1) });
const done = z.object({ success: z.boolean(), message: z.string() });
const connection = z.object({
  connected: z.boolean(),
  instrument_id: z.string().nullable(),
  address: z.string().nullable(),
});
const power = z.number().nullable();
const snapshot = z.object({
  timestamp: z.number(),
  module: z.number(),
  wavelength_nm: power,
  unit: z.string(),
  ch1_power: power,
  ch2_power: power,
  ch3_power: power,
  ch4_power: power,
});
const BITS = [
  'zeroing',
  'calibrating',
  'scanning',
  'analyzing',
  'aborting',
  'armed',
  'referencing',
  'quick_referencing',
] as const;

/** The REST of the power meter for the instruments of this bench. */
export function powerMeterRoutes(app: HubApp, parts: HubParts, rack: ModuleRack): void {
  const { bench, clock } = parts;
  const find = (number: number): PowerModule => {
    const found = rack.find(number);
    if (found) return found;
    throw notConnected(number);
  };
  /** What `connection` is about: the module a client means that names none. */
  const usual = (): PowerModule | undefined => rack.find(DEFAULT_MODULE);
  /** What was detached over this REST: where a client means to connect that names nothing. */
  let lastAddress: string | null = null;
  const status = (): z.infer<typeof connection> => {
    const instrument = usual()?.equipment.instrument;
    if (!instrument) return { connected: false, instrument_id: null, address: lastAddress };
    return { connected: instrument.state === 'live', instrument_id: nameOf(instrument), address: instrument.resource };
  };

  app.get(
    '/connection/status',
    { schema: { summary: 'Module 4, and whether it answers', response: { 200: connection } } },
    async () => status(),
  );
  app.post(
    '/connection/connect',
    {
      config: { right: 'control' },
      schema: {
        summary: 'Attaches an instrument by its resource string; without one, what was disconnected here',
        body: z
          .object({ address: z.string().max(500).optional(), timeout_ms: z.number().min(1000).max(300_000).optional() })
          .nullish(),
        response: { 200: connection },
      },
    },
    async ({ body, principal }) => {
      const address = body?.address ?? lastAddress;
      if (body?.address === undefined && usual()) return status();
      if (address === null)
        throw new LabError(
          'call.invalid',
          'No address is given and no instrument is in module 4. Give its resource string.',
        );
      const { instrument } = await bench.client.call(
        'instrument.open',
        { resource: address },
        { timeoutMs: body?.timeout_ms ?? 30_000, as: askerOf(principal, 'power-meter', 'rest') },
      );
      const opened = bench.state.instruments.find(({ id }) => id === instrument);
      return { connected: true, instrument_id: opened ? nameOf(opened) : null, address };
    },
  );
  app.post(
    '/connection/disconnect',
    { config: { right: 'control' }, schema: { summary: 'Detaches module 4', response: { 200: done } } },
    async ({ principal }) => {
      const instrument = usual()?.equipment.instrument;
      if (!instrument) return { success: true, message: 'Nothing was connected.' };
      await bench.client.call(
        'instrument.close',
        { instrument: instrument.id },
        { as: askerOf(principal, 'power-meter', 'rest') },
      );
      lastAddress = instrument.resource;
      return { success: true, message: `Disconnected from ${instrument.label}` };
    },
  );
  app.post(
    '/connection/check_errors',
    { schema: { summary: 'The last error of module 4', response: { 200: done } } },
    async () => {
      const error = usual()?.equipment.instrument.lastError;
      return { success: true, message: error ? error.message : 'No errors found' };
    },
  );
  app.get('/connection/condition', { schema: { summary: 'What is going on' } }, async () => {
    const isScanning = bench.state.sweeps.some(({ state }) => state === 'running');
    return {
      register_value: isScanning ? 4 : 0,
      is_idle: !isScanning,
      bits: Object.fromEntries(BITS.map((bit) => [bit, bit === 'scanning' && isScanning])),
    };
  });
  app.get(
    '/detector/snapshot',
    {
      schema: { summary: 'Newest values of a module', querystring: z.object({ module }), response: { 200: snapshot } },
    },
    async ({ query, principal }) => {
      needReadings(parts, principal);
      const found = find(query.module);
      const values = await bench.latest.read(found.channels.map(({ id }) => id));
      const times = [...values.values()].map(({ timeNs }) => timeNs);
      if (times.length === 0) throw notConnected(query.module);
      const newest = times.reduce((one, other) => (one > other ? one : other));
      return snapshotOf(found, newest, ({ id }) => values.get(id)?.value) as z.infer<typeof snapshot>;
    },
  );
  app.get(
    '/detector/config',
    { schema: { summary: 'Units of a detector', querystring: z.object({ module, channel }) } },
    async ({ query }) => ({
      module: query.module,
      channel: query.channel,
      power_unit: find(query.module).unit,
      spectral_unit: null,
      resolution_pm: null,
      wavelength_nm: null,
    }),
  );
  app.get(
    '/detector/trace/metadata',
    { schema: { summary: 'Points of a trace', querystring: traceQuery } },
    async ({ query, principal }) => {
      needReadings(parts, principal);
      const found = find(query.module);
      const { x } = await readTrace(bench, found, query.channel - 1, clock.nowNs());
      return { ...query, num_points: x.length, unit: found.unit };
    },
  );
  app.get(
    '/detector/trace/data',
    { schema: { summary: 'The last 10 minutes of a channel', querystring: traceQuery } },
    async ({ query, principal }) => {
      needReadings(parts, principal);
      const found = find(query.module);
      const { x, values } = await readTrace(bench, found, query.channel - 1, clock.nowNs());
      return {
        ...query,
        num_points: x.length,
        unit: found.unit,
        wavelengths: Array.from(x),
        values: Array.from(values, (value) => (Number.isFinite(value) ? value : null)),
      };
    },
  );
  app.get(
    '/detector/trace/binary',
    { schema: { summary: 'The same as a NumPy file', querystring: traceQuery } },
    async ({ query, principal }, reply) => {
      needReadings(parts, principal);
      const { x, values } = await readTrace(bench, find(query.module), query.channel - 1, clock.nowNs());
      return reply
        .header('content-type', 'application/octet-stream')
        .header(
          'content-disposition',
          `attachment; filename=trace_m${query.module}_c${query.channel}_t${query.trace_type}.npy`,
        )
        .send(Buffer.from(encodeTrace(x, values).buffer));
    },
  );
  for (const url of [
    '/tls/*',
    '/rlaser/*',
    '/measurement/*',
    '/detector/wavelength',
    '/detector/stabilization',
    '/detector/reference',
    '/detector/reference/result',
  ])
    app.all(url, { schema: { hide: true } }, async (_request, reply) => reply.code(501).send(NOTHING_OF_THAT_KIND));
  app.post('/detector/config', { schema: { hide: true } }, async (_request, reply) =>
    reply.code(501).send(NOTHING_OF_THAT_KIND),
  );
}

const NOTHING_OF_THAT_KIND = {
  detail:
    'No instrument of this bench has a laser, a sweep, a reference or settings of that kind. Nothing was changed.',
};

/** As instruments name themselves: `EXFO,CTP10,12345678,1.2.3`. */
function nameOf({ identity: { maker, model, serial, firmware } }: InstrumentState): string {
  return [maker, model, serial, firmware].join(',');
}

function notConnected(number: number): LabError {
  return new LabError(
    'hub.unavailable',
    `Not connected: no instrument is in module ${number}, or it has not measured yet.`,
  );
}
