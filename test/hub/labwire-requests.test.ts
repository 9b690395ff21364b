import { deflateRawSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, keyOf } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
let token: string;
let key: string;
const probes: LabwireProbe[] = [];

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply', 'scope'] });
  token = await lab.token('developer');
  await lab.screen.until('streams', ({ streams }) => streams.some(({ instrument }) => instrument.includes('DP832')));
  key = keyOf(lab, 'ps').key;
});

afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.end();
});

afterAll(() => lab[Symbol.asyncDispose]());

async function enter(hello: Record<string, unknown> = {}, as: string | null = token): Promise<LabwireProbe> {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), as === null ? {} : { token: as });
  probes.push(probe);
  await probe.hello(hello);
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  return probe;
}

const wish = (more: Record<string, unknown> = {}): Record<string, unknown> => {
  const [equipment_id, stream_type] = key.split('/');
  return { equipment_id, stream_type, ...more };
};

test('a stream is started, changed, and stopped; each request is answered once', async () => {
  const probe = await enter();
  const started = await probe.ask({ type: 'start_stream', id: 1, ...wish({ interval_ms: 500, priority: 'high' }) });
  expect(started).toMatchObject({ type: 'stream_started', key, priority: 'HIGH', interval_ms: 500 });
  await probe.until('rows', () => probe.frames.length > 2);
  const again = await probe.ask({ type: 'start_stream', id: 2, ...wish({ interval_ms: 0 }) });
  expect(again).toMatchObject({ handle: started.handle, epoch: started.epoch, priority: 'NORMAL' });
  expect(await probe.ask({ type: 'set_priority', id: 3, key, priority: 'critical' })).toMatchObject({
    type: 'priority_set',
    priority: 'CRITICAL',
  });
  const before = probe.frames.length;
  await probe.until('more', () => probe.frames.length > before + 5);
  checkSequence(probe.order, key, started.handle as number);
  expect(await probe.ask({ type: 'stop_stream', id: 4, ...wish() })).toMatchObject({ type: 'stream_stopped', key });
  const after = probe.frames.length;
  await probe.ask({ type: 'ping', id: 5 });
  expect(probe.frames.length).toBe(after);
  expect(await probe.ask({ type: 'stop_stream', id: 6, key })).toMatchObject({ type: 'error', code: 'not_found' });
  for (const id of [1, 2, 3, 4, 5, 6]) expect(probe.heard.filter(({ re }) => re === id)).toHaveLength(1);
});

test('what is not there is refused and stays wanted; waveforms are no streams; values are for those with a login', async () => {
  const probe = await enter();
  expect(await probe.ask({ type: 'start_stream', id: 1, ...wish({ stream_type: 'nothing' }) })).toMatchObject({
    type: 'error',
    code: 'not_found',
  });
  const scope = lab.bench.equipment.find(({ type }) => type === 'oscilloscope');
  expect(
    await probe.ask({ type: 'start_stream', id: 2, equipment_id: scope?.id, stream_type: 'waveform' }),
  ).toMatchObject({ type: 'error', code: 'not_found' });
  const { streams } = (await probe.ask({ type: 'get_subscriptions', id: 3 })) as unknown as { streams: string[] };
  expect(streams).toContain(`${key.split('/')[0]}/nothing`);
  const nobody = await enter({}, null);
  expect(await nobody.ask({ type: 'start_stream', id: 1, ...wish() })).toMatchObject({
    type: 'error',
    code: 'forbidden',
  });
});

test('set_compression none: no frame is packed or deflated any more, and no text', async () => {
  const probe = await enter({ accept: { binary: true, codecs: ['raw', 'i16d-rice', 'deflate'], ack: true } });
  expect(await probe.ask({ type: 'set_compression', id: 1, compression: 'none' })).toMatchObject({
    type: 'compression_set',
    compression: 'none',
  });
  await probe.ask({ type: 'start_stream', id: 2, ...wish() });
  await probe.until('rows', () => probe.frames.length > 5);
  expect(new Set(probe.frames.map(({ codec }) => codec))).toEqual(new Set(['raw']));
});

test('channels metrics and readings: figures each 5 s, newest values as they are shown each second', async () => {
  const { info } = keyOf(lab, 'ps');
  const channel = `${info.instrument}/ch1.voltage`;
  await lab.screen.client.call('channel.set', { channel, scale: { gain: 1000, offset: 5 }, shownUnit: 'mV' });
  const probe = await enter();
  await probe.ask({ type: 'subscribe', id: 1, channels: ['metrics', 'readings'] });
  const reading = await probe.until('readings', () =>
    probe.heard.find(({ event_type, data }) => {
      const { equipment_id } = (data ?? {}) as { equipment_id?: string };
      return event_type === 'readings' && equipment_id === key.split('/')[0];
    }),
  );
  const { readings } = reading.data as { readings: Record<string, { value: number; unit: string }> };
  expect(readings['ch1.voltage']).toMatchObject({ unit: 'mV', value: expect.any(Number) });
  const sample = await lab.screen.untilValue(channel, () => true);
  expect(Math.abs((readings['ch1.voltage']?.value ?? 0) - (1000 * sample + 5))).toBeLessThan(100);
  const metrics = await probe.until('metrics', () =>
    probe.heard.find(({ event_type }) => event_type === 'metrics.snapshot'),
  );
  expect(metrics.data).toMatchObject({ total_connections: 1, total_streams: 0, memory_mb: expect.any(Number) });
  expect(probe.heard.some(({ channel: name, id }) => name === 'metrics' && id !== undefined)).toBe(false);
});

test('a token in reserve, and a login that is renewed on the connection as it stands', async () => {
  const probe = await enter({ desired: [wish()] });
  const spare = await probe.ask({ type: 'get_reconnection_token', id: 1 });
  expect(spare).toMatchObject({
    type: 'reconnection_token',
    token: expect.stringMatching(/^[\w-]{43}$/),
    expires_in: 300,
  });
  expect(await probe.ask({ type: 'auth_refresh', id: 2, token: await lab.token('developer') })).toMatchObject({
    type: 'auth_refreshed',
    role: 'developer',
    expires_in: expect.any(Number),
  });
  expect(await probe.ask({ type: 'auth_refresh', id: 3, token: await lab.token('viewer') })).toMatchObject({
    type: 'error',
    code: 'forbidden',
  });
  expect(await probe.ask({ type: 'auth_refresh', id: 4, token: 'nonsense' })).toMatchObject({
    type: 'error',
    code: 'unauthorized',
  });
  await probe.until('rows all the same', () => probe.frames.length > 2);
  probe.socket.terminate();
  const back = await enter({ desired: [wish()], resume: { token: spare.token, streams: [] } });
  expect(await back.of('connected')).toMatchObject({ reconnected: true });
});

test('two connections race with one token: one has the session, the other begins anew', async () => {
  const first = await enter({ desired: [wish()] });
  await first.until('rows', () => first.frames.length > 2);
  const { resume } = (await first.of('connected')) as unknown as { resume: { token: string } };
  const racers = await Promise.all(
    [0, 1].map(() => enter({ desired: [wish()], resume: { token: resume.token, streams: [] } })),
  );
  const answers = await Promise.all(racers.map((probe) => probe.of('connected')));
  expect(answers.map(({ reconnected }) => reconnected).sort()).toEqual([false, true]);
  expect(answers.find(({ reconnected }) => !reconnected)).toMatchObject({ reason: 'used' });
  await first.until('it is put out', () => first.closed !== undefined);
  expect(first.closed?.code).toBe(4409);
});

test('cut in the middle of a replay: the next one goes on from the last row that came', async () => {
  const first = await enter({ desired: [wish()] });
  await first.until('rows', () => first.frames.length > 15);
  const begin = first.frames[0]?.seq ?? 0;
  const { epoch } = await first.of('stream_started');
  const { resume } = (await first.of('connected')) as unknown as { resume: { token: string } };
  first.socket.terminate();
  const second = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await second.hello({
    desired: [wish()],
    resume: { token: resume.token, streams: [{ key, epoch, seq: begin }] },
  });
  await second.until('a first frame', () => second.frames.length > 0);
  second.socket.terminate();
  const last = (second.frames.at(-1)?.seq ?? 0) + (second.frames.at(-1)?.rows ?? 1) - 1;
  const third = await enter({
    desired: [wish()],
    resume: { token: (connected.resume as { token: string }).token, streams: [{ key, epoch, seq: last }] },
  });
  const { handle } = await third.of('stream_started');
  await third.until('rows', () => third.frames.length > 3);
  expect(checkSequence(third.order, key, handle as number, last + 1).skipped).toEqual({});
});

test('a bomb: what inflates beyond the limit ends with 1009', async () => {
  const probe = await enter();
  const bomb = deflateRawSync(Buffer.alloc(4 * 1024 * 1024, 0x20)).subarray(0, -4);
  const header = Buffer.from([0xc1, 0xfe, bomb.length >> 8, bomb.length & 0xff, 0, 0, 0, 0]);
  const raw = (probe.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket;
  raw.write(Buffer.concat([header, bomb]));
  await probe.until('the end', () => probe.closed !== undefined);
  expect(probe.closed?.code).toBe(1009);
});

test('255 a flood of pings is answered as far as it may, then refused, then ended', async () => {
  const probe = await enter();
  for (let number = 0; number < 400; number++) probe.say({ type: 'ping', id: number });
  await probe.until('the end', () => probe.closed !== undefined);
  expect(probe.closed?.code).toBe(4429);
  const pongs = probe.heard.filter(({ type }) => type === 'pong').length;
  expect(pongs).toBeGreaterThanOrEqual(140);
  expect(pongs).toBeLessThan(200);
});
