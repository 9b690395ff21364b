import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { type Answer, ask, LabLinkProbe, type Said } from './lablink-probe.ts';

const scope = new Scope('lablink acquisitions, waveforms, profiles, diagnostics');
let hub: HubLab;
let token: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  hub = scope.use(await openHubLab({ attach: ['supply', 'daq', 'scope'], profiles: ['lablink'] }));
  token = await hub.token('developer');
  for (const { id, type } of hub.bench.equipment) ids[type] = id;
});

afterAll(() => scope[Symbol.asyncDispose]());

const get = (path: string, by = token): Promise<Answer> => ask(hub, 'GET', path, { token: by });
const post = (path: string, body?: unknown, by = token): Promise<Answer> => ask(hub, 'POST', path, { token: by, body });

async function create(body: object): Promise<string> {
  const { json, status } = await post('/api/acquisition/session/create', body);
  expect(status).toBe(200);
  return json.acquisition_id as string;
}

async function untilState(id: string, state: string): Promise<Said> {
  const path = `/api/acquisition/session/${id}/status`;
  await expect.poll(async () => (await get(path)).json.state).toBe(state);
  return (await get(path)).json as Said;
}

test('a single shot ends by itself with the rows asked for, which are those the bench measured', async () => {
  const id = await create({
    equipment_id: ids.data_acquisition,
    name: 'burst',
    mode: 'single_shot',
    num_samples: 200,
    sample_rate: 1_000_000,
    channels: ['supply.voltage', 'CH2'],
    buffer_size: 500,
  });
  expect((await get(`/api/acquisition/session/${id}/data`)).json).toMatchObject({ count: 0 });
  expect((await post(`/api/acquisition/session/${id}/start`)).json).toMatchObject({ success: true });
  const done = await untilState(id, 'stopped');
  expect(done.stats).toMatchObject({ total_samples: 200, end_time: expect.any(String), buffer_overruns: 0 });
  const { json } = await get(`/api/acquisition/session/${id}/data`);
  expect(json).toMatchObject({ channels: ['supply.voltage', 'CH2'], count: 200 });
  const { timestamps, values } = json.data as { timestamps: string[]; values: Record<string, number[]> };
  // Ten thousand rows a second, none left out: a tenth of a millisecond from one to the next.
  const stepsUs = timestamps.slice(1).map((time, at) => microseconds(time) - microseconds(timestamps[at] ?? ''));
  expect(stepsUs.every((step) => Math.abs(step - 100) <= 2)).toBe(true);
  const { instrument } = hub.bench.find(ids.data_acquisition ?? '');
  const rows = await history(`${instrument.id}/supply.voltage`, timestamps);
  expect(values['supply.voltage']).toEqual(rows);
  const csv = await fetch(`${hub.url()}/api/acquisition/session/${id}/export?format=csv`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const lines = (await csv.text()).trim().split('\r\n');
  expect(lines[0]).toBe('timestamp,"supply.voltage","CH2"');
  expect(lines).toHaveLength(201);
  expect(Number(lines[1]?.split(',')[1])).toBe(values['supply.voltage']?.[0]);
  expect((await ask(hub, 'DELETE', `/api/acquisition/session/${id}`, { token })).status).toBe(200);
  expect((await get(`/api/acquisition/session/${id}/status`)).status).toBe(404);
});

test('one that goes on keeps the newest rows, pauses, and is streamed as windows that overlap', async () => {
  const id = await create({
    equipment_id: ids.data_acquisition,
    sample_rate: 1000,
    channels: ['CH1'],
    buffer_size: 100,
  });
  await post(`/api/acquisition/session/${id}/start`);
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token });
  await probe.ask(
    { type: 'start_acquisition_stream', acquisition_id: id, interval_ms: 50, num_samples: 20 },
    'acquisition_stream_started',
  );
  const full = await probe.next('acquisition_stream', ({ stats }) => Number((stats as Said).buffer_overruns) > 0);
  expect(full).toMatchObject({
    acquisition_id: id,
    state: 'acquiring',
    data: { count: 20 },
    timestamp: expect.any(String),
  });
  const rate = Number((full.stats as Said).actual_sample_rate);
  expect(rate).toBeGreaterThan(900);
  expect(rate).toBeLessThan(1100);
  expect((await get(`/api/acquisition/session/${id}/data?num_samples=5`)).json).toMatchObject({ count: 5 });
  expect((await post(`/api/acquisition/session/${id}/start`)).status).toBe(409);
  await post(`/api/acquisition/session/${id}/pause`);
  const paused = await untilState(id, 'paused');
  const before = (paused.stats as Said).total_samples;
  expect((await untilState(id, 'paused')).stats).toMatchObject({ total_samples: before });
  await post(`/api/acquisition/session/${id}/resume`);
  await probe.next('acquisition_stream', ({ stats }) => Number((stats as Said).total_samples) > Number(before));
  await post(`/api/acquisition/session/${id}/stop`);
  expect(await probe.next('acquisition_stream', ({ state }) => state === 'stopped')).toMatchObject({
    acquisition_id: id,
  });
  const figures = async (path: string): Promise<Record<string, unknown>> =>
    (await get(`/api/acquisition/session/${id}/stats/${path}`)).json;
  expect(await figures('rolling?channel=CH1')).toMatchObject({ success: true, stats: { num_samples: 100 } });
  expect(await figures('fft?channel=CH1')).toMatchObject({ fft: { frequencies: expect.any(Array) } });
  expect(((await figures('fft?channel=CH1')).fft as { frequencies: number[] }).frequencies).toHaveLength(32);
  expect(await figures('quality?channel=CH1')).toMatchObject({ quality: { valid_percentage: 100, missing_count: 0 } });
  expect(await figures('peaks?channel=CH1&distance=5')).toMatchObject({ peaks: { count: expect.any(Number) } });
  expect((await get(`/api/acquisition/session/${id}/stats/rolling?channel=CH9`)).status).toBe(404);
  expect((await get(`/api/acquisition/session/${id}/stats/rolling`)).status).toBe(422);
  await ask(hub, 'DELETE', `/api/acquisition/session/${id}`, { token });
  expect(await probe.next('acquisition_stream_stopped')).toMatchObject({ reason: expect.stringContaining('deleted') });
});

test('what cannot be acquired is said, and viewers acquire nothing', async () => {
  const body = { equipment_id: ids.power_supply };
  for (const [more, status] of [
    [{ channels: ['CH9'] }, 400],
    [{ mode: 'triggered' }, 501],
    [{ auto_export: true }, 501],
    [{ buffer_size: 1 }, 422],
    [{ equipment_id: 'nope' }, 404],
    [{ buffer_size: 1_000_000, channels: Array.from({ length: 32 }, () => 'CH1') }, 503],
  ] as const)
    expect((await post('/api/acquisition/session/create', { ...body, ...more })).status).toBe(status);
  const viewer = await hub.token('viewer');
  expect((await post('/api/acquisition/session/create', body, viewer)).status).toBe(403);
  expect((await get('/api/acquisition/sessions', viewer)).status).toBe(403);
  expect((await get('/api/acquisition/sessions', await hub.token('bot'))).status).toBe(200);
});

test('a capture has its samples, and what is measured from them fits what the scope itself measures', async () => {
  const { instrument } = hub.bench.find(ids.oscilloscope ?? '');
  // Eight bits over eight divisions: at the scale it begins with, the ripple is less than a step.
  const set = (control: string, value: string | number) =>
    hub.screen.client.call('instrument.set', { instrument: instrument.id, control, value });
  await set('ch1.coupling', 'AC');
  await set('ch1.scale', 0.01);
  const captured = await post('/api/waveform/capture', { equipment_id: ids.oscilloscope, config: { channel: 1 } });
  const { voltage_data, time_data, num_samples, sample_rate } = captured.json as unknown as {
    voltage_data: number[];
    time_data: number[];
    num_samples: number;
    sample_rate: number;
  };
  expect(voltage_data).toHaveLength(num_samples);
  expect((time_data[1] ?? 0) - (time_data[0] ?? 0)).toBeCloseTo(1 / sample_rate, 12);
  const reduced = await post('/api/waveform/capture', {
    equipment_id: ids.oscilloscope,
    config: { channel: 1, reduce_points: 100, apply_smoothing: true },
  });
  expect(reduced.json.voltage_data).toHaveLength(100);
  const measured = await post('/api/waveform/measurements', {
    equipment_id: ids.oscilloscope,
    channel: 1,
    use_cached: false,
  });
  const own = await get(`/api/data/${ids.oscilloscope}/snapshot?data_type=measurements`);
  const { vpp } = measured.json as Record<string, number>;
  const { vpp: shown } = own.json as Record<string, number>;
  expect(vpp).toBeGreaterThan(Number(shown) * 0.8);
  expect(vpp).toBeLessThan(Number(shown) * 1.2);
  expect(measured.json).toMatchObject({ thd: null, phase: null, std_dev: expect.any(Number) });
  expect((await post('/api/waveform/capture', { equipment_id: ids.oscilloscope, config: { channel: 9 } })).status).toBe(
    400,
  );
  expect((await post('/api/waveform/capture', { equipment_id: ids.power_supply, config: { channel: 1 } })).status).toBe(
    501,
  );
  expect((await get(`/api/waveform/measurements/${ids.oscilloscope}/1`)).status).toBe(200);
});

test('a profile is kept and sets an instrument, under its lock alone and all or nothing', async () => {
  const profile = {
    name: 'logic',
    equipment_type: 'power_supply',
    model: 'DP832',
    settings: { voltage: 3.3, current: 0.25, 'ch2.voltage.set': 1.8 },
    tags: ['a'],
  };
  expect((await post('/api/profiles/create', profile)).status).toBe(201);
  expect((await post('/api/profiles/create', profile)).status).toBe(409);
  expect((await get('/api/profiles/list?equipment_type=power_supply')).json).toMatchObject({ count: 1 });
  const apply = `/api/profiles/logic/apply/${ids.power_supply}`;
  expect((await post(apply)).status).toBe(401);
  expect((await post(`${apply}?session_id=p`)).status).toBe(403);
  await post('/api/locks/acquire', { equipment_id: ids.power_supply, session_id: 'p' });
  expect((await post(`${apply}?session_id=p`)).json).toMatchObject({ success: true });
  const { instrument } = hub.bench.find(ids.power_supply ?? '');
  await hub.screen.until('all three at the bench', ({ instruments }) => {
    const values = instruments.find(({ id }) => id === instrument.id)?.values;
    const read = (control: string) => values?.[control]?.readBack;
    return read('ch1.voltage.set') === 3.3 && read('ch1.current.set') === 0.25 && read('ch2.voltage.set') === 1.8;
  });
  const wrong = { ...profile, settings: { voltage: 9, colour: 'red' } };
  await ask(hub, 'PUT', '/api/profiles/logic', { token, body: wrong });
  expect((await post(`${apply}?session_id=p`)).status).toBe(400);
  expect(hub.bench.find(ids.power_supply ?? '').instrument.values['ch1.voltage.set']?.readBack).toBe(3.3);
  await post('/api/locks/release', { equipment_id: ids.power_supply, session_id: 'p' });
  expect((await ask(hub, 'DELETE', '/api/profiles/logic', { token })).status).toBe(200);
  expect((await get('/api/profiles/logic')).status).toBe(404);
});

test('health comes from real exchanges; a fault of the instrument shows', async () => {
  const path = `/api/diagnostics/health/${ids.power_supply}`;
  const before = (await get(path)).json.health as Said;
  expect(before).toMatchObject({ health_score: expect.any(Number), connection_status: 'pass' });
  const counts = (health: Said) => Number((health.communication_diagnostics as Said).total_commands);
  await expect.poll(async () => counts((await get(path)).json.health as Said)).toBeGreaterThan(counts(before));
  await hub.screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'hang' } });
  const timeouts = (health: Said) => Number((health.communication_diagnostics as Said).timeout_count);
  await expect.poll(async () => timeouts((await get(path)).json.health as Said)).toBeGreaterThan(timeouts(before));
  await hub.screen.client.call('bench.setFault', { name: 'supply', fault: { kind: null } });
  await expect.poll(async () => ((await get(path)).json.health as Said).connection_status).toBe('pass');
  expect((await get('/api/diagnostics/system')).json).toMatchObject({ system: { total_equipment: 3 } });
});

test('a search tells its progress on sockets and gives what it found', async () => {
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws'), { token });
  const scan = await post('/api/discovery/scan', { methods: ['visa', 'mdns'] });
  expect(scan.json).toMatchObject({ success: true, devices_found: expect.any(Number) });
  await probe.next('discovery_progress', ({ event_type }) => event_type === 'scan_started');
  const all = (await get('/api/discovery/devices')).json as unknown as Said[];
  expect(
    all
      .filter(({ is_connected }) => is_connected)
      .map(({ device_id }) => device_id)
      .sort(),
  ).toEqual(hub.bench.equipment.map(({ id }) => id).sort());
});

function microseconds(time: string): number {
  const [, whole = '', micro = ''] = /^(.*)\.(\d{6})Z$/.exec(time) ?? [];
  return Date.parse(`${whole}Z`) * 1000 + Number(micro);
}

/** The same rows as a screen at the bench reads them. */
async function history(channel: string, timestamps: readonly string[]): Promise<number[]> {
  const fromNs = BigInt(microseconds(timestamps[0] ?? '')) * 1000n;
  const toNs = BigInt(microseconds(timestamps.at(-1) ?? '')) * 1000n;
  const { readRawHistory } = await import('../../src/hub/bench/raw-history.ts');
  const request = { channels: [channel], fromNs: fromNs - 40_000n, toNs: toNs + 60_000n, limit: 10_000 };
  const { pieces } = await readRawHistory(hub.screen.client, request);
  return pieces.flatMap(({ block }) => [...(block.batch.columns[0]?.subarray(0, block.batch.rows) ?? [])]);
}
