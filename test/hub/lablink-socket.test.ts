import { afterAll, beforeAll, expect, test } from 'vitest';
import { LABLINK_SETTINGS } from '../../src/contract/lablink-settings.ts';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { ask, LabLinkProbe } from './lablink-probe.ts';

const scope = new Scope('lablink sockets');
let hub: HubLab;
let token: string;
let supply: string;
let scopeId: string;

beforeAll(async () => {
  hub = scope.use(
    await openHubLab({
      attach: ['supply', 'scope', 'load'],
      profiles: ['native', 'lablink'],
      hub: { ws: { ...LABLINK_SETTINGS, compression: { ...LABLINK_SETTINGS.compression, thresholdBytes: 100 } } },
    }),
  );
  token = await hub.token('developer');
  const id = (type: string): string => hub.bench.equipment.find((one) => one.type === type)?.id ?? '';
  supply = id('power_supply');
  scopeId = id('oscilloscope');
});

afterAll(() => scope[Symbol.asyncDispose]());

function open(index = 1): Promise<LabLinkProbe> {
  return LabLinkProbe.open(hub.socketUrl('/ws', index), { token });
}

test('greets with what may be chosen, on both kinds of port, and answers a ping with the time in UTC', async () => {
  for (const index of [0, 1]) {
    using probe = await open(index);
    const greeting = await probe.next('capabilities');
    expect(greeting).toMatchObject({
      features: {
        compression: { enabled: true, types: ['none', 'gzip', 'zlib'] },
        priorities: { enabled: true, levels: ['LOW', 'NORMAL', 'HIGH', 'CRITICAL'] },
        recording: { enabled: true, formats: ['json', 'jsonl', 'csv', 'binary'] },
        backpressure: { enabled: true, max_queue_size: 1000, rate_limit: 100 },
      },
    });
    expect(greeting).not.toHaveProperty('protocol');
    const { timestamp } = await probe.ask({ type: 'ping' }, 'pong');
    expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  }
});

test('a stream is of its client alone, and shows what somebody at the bench sets', async () => {
  using one = await open();
  using other = await open();
  await one.ask(
    { type: 'start_stream', equipment_id: supply, stream_type: 'readings', interval_ms: 100 },
    'stream_started',
  );
  await one.next('stream_data');
  const instrument = hub.bench.find(supply).instrument.id;
  await hub.screen.client.call('instrument.set', { instrument, control: 'ch1.voltage.set', value: 3.25 });
  await hub.screen.client.call('instrument.set', { instrument, control: 'ch1.output', value: true });
  const seen = await one.next('stream_data', ({ data }) => {
    const { voltage_actual, output_enabled, in_cv_mode } = data as Record<string, unknown>;
    return output_enabled === true && in_cv_mode === true && Math.abs(Number(voltage_actual) - 3.25) < 0.1;
  });
  expect(seen).toMatchObject({
    equipment_id: supply,
    stream_type: 'readings',
    data: { equipment_id: supply, channel: 1, voltage_set: 3.25, in_cv_mode: true, in_cc_mode: false },
  });
  expect(other.of('stream_data')).toEqual([]);
  const times = one.of('stream_data').map(({ data }) => (data as { timestamp: string }).timestamp);
  expect(new Set(times).size).toBe(times.length);
  await one.ask({ type: 'stop_stream', equipment_id: supply }, 'stream_stopped');
  const count = one.of('stream_data').length;
  await one.ask({ type: 'ping' }, 'pong');
  await one.ask({ type: 'get_stats' }, 'stats');
  expect(one.of('stream_data').length).toBe(count);
  await hub.screen.client.call('instrument.set', { instrument, control: 'ch1.output', value: false });
});

test('whatever cannot be understood is answered with an error, and the socket stays', async () => {
  using probe = await open();
  const refusals: [unknown, string][] = [
    ['not json', 'hub.malformed'],
    ['[1,2]', 'hub.malformed'],
    ['42', 'hub.malformed'],
    [new Uint8Array([1, 2, 3]), 'hub.malformed'],
    [{ type: 'dance' }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: 'nope' }, 'hub.no-equipment'],
    [{ type: 'start_stream' }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: supply, stream_type: 'music' }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: supply, interval_ms: 'fast' }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: supply, interval_ms: 0 }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: supply, priority: 'urgent' }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: supply, compression: 'brotli' }, 'hub.malformed'],
    [{ type: 'start_stream', equipment_id: scopeId, stream_type: 'readings' }, 'hub.unsupported'],
    [{ type: 'start_acquisition_stream', acquisition_id: 'nope' }, 'hub.unknown'],
    [{ type: 'stop_recording', session_id: 'nope' }, 'recording.session-unknown'],
  ];
  for (const [message, code] of refusals) {
    const { detail, error, message: text } = await probe.ask(message, 'error', (said) => said.code === code);
    expect(detail).toBe(error);
    expect(text).toBe(error);
    expect(String(detail).length).toBeGreaterThan(5);
  }
  await probe.ask({ type: 'ping' }, 'pong');
  expect(probe.closed).toBeUndefined();
});

test('a second start of a stream changes its interval; one stop ends it', async () => {
  using probe = await open();
  const start = { type: 'start_stream', equipment_id: supply, stream_type: 'readings' };
  await probe.ask({ ...start, interval_ms: 100 }, 'stream_started');
  await probe.ask({ ...start, interval_ms: 5000 }, 'stream_started');
  const [client] = hub.hub.parts.connections.all.filter(({ principal }) => principal.role === 'developer').slice(-1);
  expect(client?.counts().streams).toBe(1);
  await probe.ask({ type: 'stop_stream', equipment_id: supply }, 'stream_stopped');
  expect(client?.counts().streams).toBe(0);
});

test('a client that leaves takes its streams with it', async () => {
  const before = hub.bench.feeds.size;
  const probe = await open();
  await probe.ask({ type: 'start_stream', equipment_id: supply, interval_ms: 100 }, 'stream_started');
  await probe.next('stream_data');
  expect(hub.bench.feeds.size).toBe(before + 1);
  probe[Symbol.dispose]();
  await expect.poll(() => hub.bench.feeds.size).toBe(before);
});

test('compression is a tagged frame where it is chosen, by stream or by preference, and both say the same', async () => {
  using probe = await open();
  const start = { type: 'start_stream', equipment_id: supply, stream_type: 'readings', interval_ms: 100 };
  for (const [compression, tag] of [
    ['gzip', 0x67],
    ['zlib', 0x7a],
  ] as const) {
    await probe.ask({ ...start, compression }, 'stream_started');
    const from = probe.heard.length;
    const data = await probe.until('a tagged reading', () =>
      probe.heard.slice(from).find(({ message, isBinary }) => message.type === 'stream_data' && isBinary),
    );
    expect(data.tag).toBe(tag);
    expect(data.message.data).toMatchObject({ equipment_id: supply });
    await probe.ask({ type: 'stop_stream', equipment_id: supply }, 'stream_stopped');
  }
  await probe.ask(start, 'stream_started');
  const plain = probe.heard.length;
  await probe.until('a plain reading', () =>
    probe.heard.slice(plain).some(({ message, isBinary }) => message.type === 'stream_data' && !isBinary),
  );
  expect(await probe.ask({ type: 'set_compression', compression: 'gzip' }, 'compression_set')).toMatchObject({
    compression: 'gzip',
  });
  const chosen = probe.heard.length;
  await probe.until('a tagged one by preference', () => probe.heard.slice(chosen).some(({ tag }) => tag === 0x67));
  const { global } = await probe.ask({ type: 'get_stats' }, 'stats');
  expect((global as { average_compression_ratio: number }).average_compression_ratio).toBeGreaterThan(1.1);
});

test('figures have the names of the document, and are those of this client', async () => {
  using probe = await open();
  await probe.ask({ type: 'start_stream', equipment_id: supply, interval_ms: 100 }, 'stream_started');
  await probe.next('stream_data');
  const stats = await probe.ask({ type: 'get_stats' }, 'stats');
  expect(Object.keys(stats.connection as object)).toEqual(
    expect.arrayContaining([
      'messages_queued',
      'messages_sent',
      'messages_dropped',
      'queue_overflows',
      'rate_limit_hits',
      'queue_size',
      'queue_size_by_priority',
    ]),
  );
  // Those that came before it: the stream goes on.
  const heard = probe.heard.findIndex(({ message }) => message === stats);
  const { messages_sent } = stats.connection as { messages_sent: number };
  expect(Math.abs(messages_sent - heard)).toBeLessThanOrEqual(2);
  expect(stats.global).toMatchObject({ active_connections: 1, active_recordings: 0 });
});

test('waveforms of a scope come as they are taken, without samples, which REST has', async () => {
  using probe = await open();
  await probe.ask(
    { type: 'start_stream', equipment_id: scopeId, stream_type: 'waveform', interval_ms: 100 },
    'stream_started',
  );
  const { data } = await probe.next('stream_data');
  expect(data).toMatchObject({ equipment_id: scopeId, channel: 1, num_samples: expect.any(Number) });
  expect((data as { num_samples: number }).num_samples).toBeGreaterThan(1000);
  await probe.next(
    'stream_data',
    (said) => (said.data as { data_id: string }).data_id !== (data as { data_id: string }).data_id,
  );
  await probe.ask({ type: 'stop_stream', equipment_id: scopeId, stream_type: 'waveform' }, 'stream_stopped');
  const cached = await ask(hub, 'GET', `/api/waveform/cached/${scopeId}/1`, { token });
  expect(cached.status).toBe(200);
  expect((cached.json.voltage_data as number[]).length).toBe(cached.json.num_samples);
});

test('an equipment that is detached ends its streams with a word', async () => {
  using probe = await open();
  const load = hub.bench.equipment.find(({ type }) => type === 'electronic_load');
  await probe.ask({ type: 'start_stream', equipment_id: load?.id, interval_ms: 100 }, 'stream_started');
  await probe.next('stream_data', ({ data }) => (data as { mode?: string }).mode === 'CC');
  await hub.screen.client.call('instrument.close', { instrument: load?.instrument.id ?? '' });
  expect(await probe.next('stream_stopped')).toMatchObject({ equipment_id: load?.id, reason: expect.any(String) });
});

test('without a login where readings are not for everybody, a stream is refused', async () => {
  using probe = await LabLinkProbe.open(hub.socketUrl('/ws', 1));
  await probe.ask({ type: 'start_stream', equipment_id: supply }, 'error', ({ code }) => code === 'hub.forbidden');
  await expect(LabLinkProbe.open(hub.socketUrl('/ws', 1), { token: 'wrong' })).rejects.toThrow('403');
});
