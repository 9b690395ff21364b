import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LABLINK_SETTINGS, type LablinkSettings } from '../../src/contract/lablink-settings.ts';
import { Scope } from '../../src/core/scope.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openHub } from '../../src/hub/hub.ts';
import { createHubLog, type LogLine } from '../../src/hub/hub-log.ts';
import type { LabLinkConnection } from '../../src/hub/lablink/socket/lablink-connection.ts';
import type { Level } from '../../src/hub/lablink/socket/socket-client.ts';
import { HubKeeper } from '../../src/hub/share/hub-keeper.ts';
import { readWsSettings, type SocketCompression } from '../../src/hub/ws-settings.ts';
import { freePort } from '../servers/free-port.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { type Answer, ask, LabLinkProbe, type Said } from './lablink-probe.ts';

const scope = new Scope('lablink settings');
let lab: HubLab;
let token: string;

beforeAll(async () => {
  lab = scope.use(await openHubLab({ attach: ['daq'], profiles: ['lablink'] }));
  token = await lab.token('admin');
});

afterAll(() => scope[Symbol.asyncDispose]());

/** The same bench, shared a second time with other options. */
interface Shared extends AsyncDisposable {
  readonly hub: HubLab;
  readonly log: readonly LogLine[];
  open(): Promise<LabLinkProbe>;
  post(path: string, body?: unknown): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** Puts so many messages into the queue of the only client; gives what became of it. */
  send(
    count: number,
    message: object,
    priority?: Level,
    compression?: SocketCompression,
  ): Promise<Record<string, number>>;
  queue(): Promise<Record<string, number>>;
}

async function share(env: Record<string, string>): Promise<Shared> {
  const { settings, problems } = readWsSettings(env);
  expect(problems).toEqual([]);
  const clock = createSystemClock();
  const log = createHubLog(
    clock,
    (text) => text,
    () => {},
  );
  const opened = await openHub({
    clock,
    bench: lab.bench,
    access: lab.access,
    log,
    id: 'another',
    name: 'another',
    version: '0.0.0',
    ports: [{ host: '127.0.0.1', port: 0, profile: 'lablink' }],
    ws: settings,
    drainMs: 100,
  });
  const hub = { url: () => opened.urls[0] ?? '' } as HubLab;
  const post = (path: string, body?: unknown) => ask(hub, 'POST', path, { token, body });
  const get = (path: string) => ask(hub, 'GET', path, { token });
  const queue = async (): Promise<Record<string, number>> => {
    const { json } = await get('/api/websocket/connections');
    const [client] = json as unknown as { client_id: string }[];
    return (await get(`/api/websocket/connections/${client?.client_id}/backpressure`)).json as Record<string, number>;
  };
  return {
    hub,
    log: log.recent,
    open: () => LabLinkProbe.open(`${hub.url().replace('http', 'ws')}/ws`, { token, deflate: false }),
    post,
    get,
    async send(count, message, priority = 'NORMAL', compression = 'none') {
      const [client] = opened.parts.connections.all as LabLinkConnection[];
      // In one go: no time passes for the rate.
      for (let index = 0; index < count; index++) client?.test({ type: 'test', ...message }, priority, compression);
      return queue();
    },
    queue,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

test('names of ours go before those of LabLink; what does not fit is said, and its default holds', () => {
  expect(readWsSettings({})).toEqual({ settings: LABLINK_SETTINGS, problems: [], ignored: [] });
  const { settings, problems, ignored } = readWsSettings({
    LABWIRE_WS_MESSAGE_QUEUE_SIZE: '5000',
    LABLINK_WS_MESSAGE_QUEUE_SIZE: '200',
    LABLINK_WS_RECORDING_FORMAT: 'csv',
    LABLINK_WS_RECORDING_COMPRESS: 'False',
    LABLINK_WS_BURST_SIZE: 'many',
    LABLINK_WS_RECORDING_FORMAT_X: 'csv',
    LABLINK_WS_RECORDING_DIR: './data',
    LABLINK_WS_COMPRESSION_LEVEL: '12',
  });
  expect(settings.backpressure.queueSize).toBe(5000);
  expect(settings.recording).toMatchObject({ format: 'csv', gzip: false });
  expect(settings.rateLimit.burst).toBe(50);
  expect(problems).toHaveLength(2);
  expect(ignored).toEqual([expect.stringContaining('LABLINK_WS_RECORDING_DIR')]);
  // The settings of the bench are what both go before.
  const base = { ...LABLINK_SETTINGS, greeting: false, rateLimit: { isEnabled: true, perSecond: 7, burst: 9 } };
  expect(readWsSettings({ LABLINK_WS_BURST_SIZE: '20' }, base).settings).toEqual({
    ...base,
    rateLimit: { isEnabled: true, perSecond: 7, burst: 20 },
  });
});

test('the hub opens anew when somebody changes them on a screen; the environment still goes before', async () => {
  const screen = await lab.lab.screen('the hub, kept', { trusted: true });
  await using keeper = new HubKeeper({
    client: screen.client,
    bench: lab.bench,
    access: lab.access,
    clock: createSystemClock(),
    log: createHubLog(
      createSystemClock(),
      (text) => text,
      () => {},
    ),
    id: 'kept',
    version: '0.0.0',
    env: { LABLINK_WS_COMPRESSION_LEVEL: '2' },
  });
  await keeper.start();
  const port = await freePort();
  const { share: before } = lab.screen.state.settings;
  const set = (lablink: LablinkSettings): Promise<unknown> =>
    lab.screen.client.call('settings.set', { share: { ...before, on: true, port, lablink } });
  await set(LABLINK_SETTINGS);
  const wsOf = () => keeper.hub?.parts.ws;
  await expect.poll(wsOf).toMatchObject({ greeting: true, compression: { level: 2 } });
  await set({ ...LABLINK_SETTINGS, greeting: false, maxConnections: 3 });
  await expect.poll(wsOf).toMatchObject({ greeting: false, maxConnections: 3, compression: { level: 2 } });
  await lab.screen.client.call('settings.set', { share: before });
  await expect.poll(() => keeper.hub).toBeUndefined();
});

test('GREETING, MAX_CONNECTIONS', async () => {
  await using plain = await share({ LABLINK_WS_GREETING: 'false', LABLINK_WS_MAX_CONNECTIONS: '1' });
  using probe = await plain.open();
  await probe.ask({ type: 'ping' }, 'pong');
  expect(probe.of('capabilities')).toEqual([]);
  await expect(plain.open()).rejects.toThrow('503');
});

test('RECORDING_ENABLED', async () => {
  await using off = await share({ LABLINK_WS_RECORDING_ENABLED: 'false' });
  using probe = await off.open();
  expect(await probe.next('capabilities')).toMatchObject({ features: { recording: { enabled: false } } });
  await probe.ask({ type: 'start_recording', session_id: 'x' }, 'error', ({ code }) => code === 'hub.unsupported');
  expect((await off.post('/api/websocket/recording/start', { session_id: 'x' })).status).toBe(501);
});

test('RECORDING_FORMAT, _COMPRESS, _TIMESTAMPS, _METADATA, _MAX_SIZE_MB', async () => {
  await using csv = await share({
    LABLINK_WS_RECORDING_FORMAT: 'json',
    LABLINK_WS_RECORDING_COMPRESS: 'false',
    LABLINK_WS_RECORDING_TIMESTAMPS: 'false',
    LABLINK_WS_RECORDING_METADATA: 'false',
    LABLINK_WS_RECORDING_MAX_SIZE_MB: '0.02',
  });
  const { json } = await csv.post('/api/websocket/recording/start', {
    session_id: 'small',
    metadata: { secret: 'note' },
  });
  expect(json.filepath).toMatch(/\.json$/);
  const paths = await lab.screen.until('a second file', ({ sessions }) => {
    const [session] = sessions;
    return session && session.paths.length > 1 ? session.paths : undefined;
  });
  await csv.post('/api/websocket/recording/stop/small');
  const text = await readFile(paths[0] ?? '', 'utf8');
  const messages = JSON.parse(text) as Said[];
  expect(messages.length).toBeGreaterThan(0);
  expect(messages.some((message) => '_timestamp' in message)).toBe(false);
  expect(messages.some(({ type }) => type === 'metadata')).toBe(false);
  expect(basename(paths[1] ?? '')).toMatch(/_0002\.json$/);
});

test('COMPRESSION_ENABLED, _LEVEL, _THRESHOLD', async () => {
  const text = Array.from({ length: 400 }, (_, index) => Math.sin(index * 0.37).toFixed(4)).join(' ');
  const sizes: number[] = [];
  for (const env of [{ LABLINK_WS_COMPRESSION_LEVEL: '1' }, { LABLINK_WS_COMPRESSION_LEVEL: '9' }]) {
    await using shared = await share(env);
    using probe = await shared.open();
    await probe.next('capabilities');
    await shared.send(1, { data: text }, 'NORMAL', 'gzip');
    const heard = await probe.until('the message', () => probe.heard.find(({ message }) => message.type === 'test'));
    expect(heard).toMatchObject({ isBinary: true, tag: 0x67, message: { data: text } });
    sizes.push(heard.bytes);
    await shared.send(1, { data: 'short'.repeat(20) }, 'NORMAL', 'zlib');
    const short = await probe.until('the short one', () =>
      probe.heard.find(({ message }) => message.data === 'short'.repeat(20)),
    );
    expect(short.isBinary).toBe(false);
  }
  expect(sizes[0]).not.toBe(sizes[1]);
  await using low = await share({ LABLINK_WS_COMPRESSION_THRESHOLD: '50' });
  using probe = await low.open();
  await low.send(1, { data: 'short'.repeat(20) }, 'NORMAL', 'zlib');
  await probe.until('packed', () => probe.heard.some(({ message, tag }) => message.type === 'test' && tag === 0x7a));
  await using off = await share({ LABLINK_WS_COMPRESSION_ENABLED: 'false' });
  using plain = await off.open();
  expect(await plain.next('capabilities')).toMatchObject({ features: { compression: { enabled: false } } });
  await off.send(1, { data: text }, 'NORMAL', 'gzip');
  await plain.until('text', () => plain.heard.some(({ message, isBinary }) => message.type === 'test' && !isBinary));
});

/** So slow that messages stay in the queue. */
const SLOW = { LABLINK_WS_MAX_MESSAGES_PER_SECOND: '1', LABLINK_WS_BURST_SIZE: '1' };

test('MESSAGE_QUEUE_SIZE, QUEUE_WARNING_THRESHOLD', async () => {
  await using small = await share({
    ...SLOW,
    LABLINK_WS_MESSAGE_QUEUE_SIZE: '100',
    LABLINK_WS_QUEUE_WARNING_THRESHOLD: '50',
  });
  using probe = await small.open();
  await probe.next('capabilities');
  const queue = await small.send(150, { data: 'x' }, 'HIGH');
  expect(queue.queue_size).toBeLessThanOrEqual(100);
  expect(queue.messages_dropped).toBeGreaterThan(0);
  expect(small.log.filter(({ event }) => event === 'queue.filling')).toHaveLength(1);
  await using large = await share({ ...SLOW, LABLINK_WS_MESSAGE_QUEUE_SIZE: '1000' });
  using other = await large.open();
  await other.next('capabilities');
  const roomy = await large.send(150, { data: 'x' }, 'HIGH');
  expect(roomy).toMatchObject({ messages_dropped: 0 });
  expect(roomy.queue_size).toBeGreaterThan(100);
  expect(large.log.some(({ event }) => event === 'queue.filling')).toBe(false);
});

test('BACKPRESSURE_ENABLED, DROP_LOW_PRIORITY', async () => {
  for (const [env, isThinned] of [
    [{}, true],
    [{ LABLINK_WS_DROP_LOW_PRIORITY: 'false' }, false],
    [{ LABLINK_WS_BACKPRESSURE_ENABLED: 'false' }, false],
  ] as const) {
    await using shared = await share({ ...SLOW, LABLINK_WS_MESSAGE_QUEUE_SIZE: '100', ...env });
    using probe = await shared.open();
    await probe.next('capabilities');
    const full = await shared.send(86, { data: 'x' }, 'HIGH');
    expect(full.queue_size).toBeGreaterThan(80);
    const before = full.messages_dropped ?? 0;
    const after = await shared.send(8, { data: 'x' }, 'LOW');
    expect((after.messages_dropped ?? 0) - before > 0).toBe(isThinned);
  }
});

test('RATE_LIMIT_ENABLED, MAX_MESSAGES_PER_SECOND, BURST_SIZE', async () => {
  await using slow = await share({ LABLINK_WS_MAX_MESSAGES_PER_SECOND: '1', LABLINK_WS_BURST_SIZE: '20' });
  using probe = await slow.open();
  await probe.next('capabilities');
  const queue = await slow.send(60, { data: 'x' });
  expect(queue.messages_sent).toBeGreaterThanOrEqual(20);
  expect(queue.messages_sent).toBeLessThan(50);
  expect(queue.rate_limit_hits).toBeGreaterThan(0);
  await using free = await share({ ...SLOW, LABLINK_WS_RATE_LIMIT_ENABLED: 'false' });
  using other = await free.open();
  expect(await other.next('capabilities')).toMatchObject({ features: { backpressure: { rate_limit: null } } });
  await free.send(60, { data: 'x' });
  await other.until('all of them', () => other.of('test').length === 60);
  expect(await free.queue()).toMatchObject({ rate_limit_hits: 0 });
});
