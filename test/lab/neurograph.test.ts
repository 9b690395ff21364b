import { readFileSync } from 'node:fs';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linkLabel } from '../../src/core/link-word.ts';
import { Scope } from '../../src/core/scope.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabServer, LabServerOptions } from '../../src/lab/lab-server.ts';
import { NEUROGRAPH_DIALECT } from '../../src/lab/neurograph/dialect.ts';
import { openNeurograph } from '../../src/lab/neurograph/neurograph-server.ts';
import { openLabServer } from '../../src/lab/open-lab-server.ts';
import { packCompressedJson, packImage, packNeurographFrame } from '../../src/protocol/lab/neurograph-frame.ts';
import { openFaultProxy } from '../servers/fault-proxy.ts';
import { NeurographServer } from '../servers/neurograph/server.ts';
import type { NeurographKnobs } from '../servers/neurograph/session.ts';
import { RecordedEvents, RecordedOutlet } from './recorded-outlet.ts';

let scope: Scope;
beforeEach(() => {
  scope = new Scope('neurograph test');
});
afterEach(() => scope[Symbol.asyncDispose]());

async function startServer(knobs: Partial<NeurographKnobs> = {}): Promise<NeurographServer> {
  return scope.use(await NeurographServer.start({ metricsMs: 40, ...knobs }));
}

async function openClient(options: LabServerOptions): Promise<{ client: LabServer; events: RecordedEvents }> {
  const ports = scope.use(createNodePorts(createSystemClock()));
  const client = scope.use(await openNeurograph(ports, options));
  return { client, events: scope.use(new RecordedEvents(client)) };
}

/** What the client sent, of one type, on all its connections. */
function sentOf(server: NeurographServer, type: string): Record<string, unknown>[] {
  return server.seen
    .flatMap(({ received }) => received)
    .map((text) => JSON.parse(text) as Record<string, unknown>)
    .filter((message) => message.type === type);
}

const statusOf = (client: LabServer): Record<string, string> => client.equipment[0]?.status ?? {};

describe('NeuroGraph over real sockets', () => {
  test('recognised by what it says; its metrics come as numbers, in one subscription of one message', async () => {
    const server = await startServer();
    server.metrics = { cpu_percent: 12.5, memory_mb: null, gpu_percent: 3 };
    const ports = scope.use(createNodePorts(createSystemClock()));
    const signal = new AbortController().signal;
    const client = scope.use(await openLabServer(ports, { url: server.url }, signal, [NEUROGRAPH_DIALECT]));
    expect(client.dialect).toBe('neurograph');
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('metrics', 'system', 5000, outlet));
    await outlet.more(3, 'live');
    const columns = outlet.openings.at(-1)?.columns ?? [];
    const value = (name: string): number | undefined =>
      outlet.taken.at(-1)?.values[columns.findIndex(({ channel }) => channel === name)];
    expect(columns.find(({ channel }) => channel === 'cpu_percent')?.unit).toBe('%');
    expect([value('cpu_percent'), value('memory_mb'), value('gpu_percent')]).toEqual([12.5, Number.NaN, 3]);
    expect(value('total_connections')).toBe(1);
    expect(linkLabel(client.link)).toBe('Live Data');
    expect(sentOf(server, 'subscribe')).toHaveLength(1);
  });

  test('221-250 C: channels a role cannot have are shown as not allowed and not asked for', async () => {
    const server = await startServer();
    for (const [role, open, closed] of [
      ['admin', 'metrics, signals, actions, logs, status, connections', undefined],
      ['developer', 'metrics, signals, actions, logs, status', 'connections'],
      ['bot', 'metrics, signals, status', 'actions, logs, connections'],
      ['viewer', 'metrics, status', 'signals, actions, logs, connections'],
    ] as const) {
      const { client, events } = await openClient({ url: server.url, token: server.mint(role) });
      await events.until(() => statusOf(client).channels !== undefined, role);
      expect([role, statusOf(client).channels, statusOf(client)['not allowed']]).toEqual([role, open, closed]);
      await client[Symbol.asyncDispose]();
    }
    const asked = sentOf(server, 'subscribe').map(({ channels }) => (channels as string[]).join(', '));
    expect(asked[3]).toBe('metrics, status');
  });

  test('253 a login that is denied every channel is said, with what to do', async () => {
    const server = await startServer({ version: '1.0.0' });
    const login = { user: 'admin', password: 'admin123' };
    const { client, events } = await openClient({ url: server.url, login });
    await events.until(() => client.about.findings.some(({ state }) => state === 'broken'), 'the finding');
    expect(client.about.findings.at(-1)?.text).toMatch(/denies admin every channel/);
    expect(events.notes('channels')).toHaveLength(1);
    expect(statusOf(client).user).toBe('admin');
    // Nobody may read what admin may not.
    await client.logout?.();
    await events.until(() => statusOf(client).channels === 'metrics, status', 'anonymous');
    expect(client.about.findings.some(({ state }) => state === 'broken')).toBe(false);
  });

  test('253 a repaired server gives a login its role', async () => {
    const server = await startServer({ version: 'fixed' });
    const { client, events } = await openClient({ url: server.url });
    await events.until(() => statusOf(client).user === 'anonymous', 'anonymous');
    await client.login?.({ user: 'developer', password: 'developer123' }, new AbortController().signal);
    await events.until(() => statusOf(client).user === 'developer', 'developer');
    await events.until(() => statusOf(client).channels === 'metrics, signals, actions, logs, status', 'its channels');
    await expect(
      client.login?.({ user: 'admin', password: 'wrong' }, new AbortController().signal),
    ).rejects.toMatchObject({ code: 'server.unauthorized' });
  });

  test('a login that fails is told and leaves what is open to everybody', async () => {
    const server = await startServer({ version: 'fixed' });
    const { client, events } = await openClient({ url: server.url, login: { user: 'admin', password: 'wrong' } });
    await events.until(() => events.of('error').length > 0, 'told');
    expect(events.of('error')[0]?.error.code).toBe('server.unauthorized');
    await events.until(() => statusOf(client).channels === 'metrics, status', 'what is open');
  });

  test('283 every token refused (0.60.1): connected without, and the finding says so', async () => {
    const server = await startServer({ version: '0.60.1' });
    const { client, events } = await openClient({ url: server.url, token: server.mint('admin') });
    await events.until(() => client.link.word === 'connected', 'connected as nobody');
    expect(client.about.findings.find(({ feature }) => feature === 'Login on the socket')?.state).toBe('broken');
    await events.until(() => statusOf(client).channels === 'metrics, status', 'what is open');
  });

  test('283 a token that ended has failed: no storm of tries, the words say what to do, no token in them', async () => {
    const server = await startServer();
    const token = server.mint('admin', 'u-admin', -10);
    const { client, events } = await openClient({ url: server.url, token });
    await events.until(() => client.link.word === 'failed', 'failed');
    expect(client.link.error?.code).toBe('server.unauthorized');
    expect(client.link.reason).toMatch(/log in/);
    expect(JSON.stringify(events.events)).not.toContain(token);
    expect(server.seen).toHaveLength(0);
  });

  test('255 JSON pings are never answered; our own are one in ten seconds', async () => {
    const server = await startServer({ pingMs: 20 });
    const { client } = await openClient({ url: server.url });
    await expect.poll(() => client.traffic.messages).toBeGreaterThan(30);
    expect(sentOf(server, 'pong')).toEqual([]);
    expect(sentOf(server, 'ping')).toHaveLength(1);
    expect(client.traffic.roundTripMs).toBeGreaterThanOrEqual(0);
    expect(client.clock).toMatchObject({ base: 'naive-utc', method: 'two-way' });
    expect(Math.abs(client.clock.offsetS)).toBeLessThan(2);
    expect(client.traffic.malformed).toBe(0);
  });

  test('256 two hundred panels of one stream cost no message', async () => {
    const server = await startServer();
    const { client, events } = await openClient({ url: server.url });
    await events.until(() => statusOf(client).channels !== undefined, 'subscribed');
    const outlets = Array.from({ length: 200 }, () => new RecordedOutlet());
    for (const outlet of outlets) scope.use(client.openStream('metrics', 'system', 5000, outlet));
    await Promise.all(outlets.map((outlet) => outlet.more(1, 'live')));
    expect(sentOf(server, 'subscribe').length + sentOf(server, 'unsubscribe').length).toBeLessThanOrEqual(5);
  });

  test('261 a request over the limit is sent again after its wait, exactly once', async () => {
    // The bucket of get_subscriptions holds 30 / 15 = 2.
    const server = await startServer({ rateDivisor: 15 });
    const { client, events } = await openClient({ url: server.url });
    await events.until(() => client.link.word === 'connected', 'connected');
    const ask = (): Promise<string> => client.command('metrics', 'subs', {});
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(
      Array.from({ length: 3 }, () => 'subscriptions'),
    );
    expect(sentOf(server, 'get_subscriptions')).toHaveLength(4);
  });

  test('262 264 268 the session is restored by its token, which is asked for up front; what is wanted is said anew', async () => {
    const server = await startServer();
    const proxy = scope.use(await openFaultProxy(server.port));
    const token = server.mint('developer', 'dev1');
    const { client, events } = await openClient({ url: `http://${proxy.host}`, token });
    await events.until(() => sentOf(server, 'get_reconnection_token').length === 1, 'a token is asked for up front');
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('metrics', 'system', 5000, outlet));
    await outlet.more(2, 'live');
    proxy.cut();
    await events.until(() => events.notes('session').length === 1, 'back');
    expect(events.notes('session')[0]?.data).toEqual({ reconnected: true });
    await outlet.more(2, 'live');
    expect(sentOf(server, 'subscribe')).toHaveLength(2);
    expect(statusOf(client).user).toBe('dev1');
    expect(JSON.stringify(events.events)).not.toContain(token);
  });

  test('263 269 a token that ended is not used: a new session, and what is wanted is said again', async () => {
    const server = await startServer({ tokenTtlS: 1 });
    const proxy = scope.use(await openFaultProxy(server.port));
    const { client, events } = await openClient({ url: `http://${proxy.host}`, token: server.mint('developer') });
    await events.until(() => statusOf(client).channels !== undefined, 'subscribed');
    proxy.cut();
    await events.until(() => events.notes('session').length === 1, 'back');
    expect(events.notes('session')[0]?.data).toEqual({ reconnected: false });
    await events.until(() => statusOf(client).channels === 'metrics, signals, actions, logs, status', 'subscribed');
    expect(sentOf(server, 'subscribe')).toHaveLength(2);
  });

  test('271 273 an image is a note with its bytes; a file has its type; a broken frame is counted', async () => {
    const server = await startServer();
    const { client, events } = await openClient({ url: server.url });
    await events.until(() => client.link.word === 'connected', 'connected');
    const picture = Uint8Array.from({ length: 5000 }, (_, at) => at & 255);
    server.sendBinary(packImage(picture, 'png', 640, 480));
    server.sendBinary(packNeurographFrame('BINARY_DATA', {}, picture.subarray(0, 3)));
    server.sendBinary(Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9, 9));
    await events.until(() => events.notes('media').length === 2, 'media');
    await expect.poll(() => client.traffic.malformed).toBe(1);
    const [image, file] = events.notes('media');
    expect(image?.media?.type).toBe('image/png');
    expect(image?.media?.bytes).toEqual(picture);
    expect(image?.data).toEqual({ format: 'png', width: 640, height: 480 });
    expect(file?.media).toEqual({ type: 'application/octet-stream', bytes: picture.slice(0, 3) });
    expect(client.link.word).toBe('connected');
  });

  test('274 compressed JSON is read in all its forms, and a bomb is not', async () => {
    const server = await startServer();
    const { client, events } = await openClient({ url: server.url });
    await events.until(() => client.link.word === 'connected', 'connected');
    const event = (n: number): string =>
      JSON.stringify({ channel: 'logs', event_type: 'log.warning', data: { n }, timestamp: 'x' });
    server.sendBinary(packCompressedJson(gzipSync(event(1)), event(1).length));
    server.sendBinary(packNeurographFrame('COMPRESSED_JSON', { compression: 'zlib' }, deflateSync(event(2))));
    server.sendBinary(gzipSync(event(3)));
    server.sendBinary(deflateSync(event(4)));
    await events.until(() => events.notes('logs').length === 4, 'four events');
    expect(events.notes('logs').map(({ data }) => (data.data as { n: number }).n)).toEqual([1, 2, 3, 4]);
    expect(events.notes('logs')[0]).toMatchObject({ severity: 'warning', text: 'log.warning n 1' });
    server.sendBinary(packCompressedJson(gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)), 64 * 1024 * 1024));
    await expect.poll(() => client.traffic.malformed).toBe(1);
    expect(client.link.word).toBe('connected');
  });

  test('102 a broadcast comes once, as a line of its channel, to each client that asked for it', async () => {
    const server = await startServer({ metricsMs: 3_600_000 });
    const one = await openClient({ url: server.url, token: server.mint('developer') });
    const other = await openClient({ url: server.url, token: server.mint('developer') });
    for (const { client, events } of [one, other])
      await events.until(() => statusOf(client).channels?.includes('signals') === true, 'subscribed');
    server.broadcast('signals', 'spike', { at: 1 });
    server.broadcast('signals', 'end', { at: 2 });
    for (const { events } of [one, other]) {
      await events.until(() => events.notes('signals').length >= 2, 'both lines');
      expect(events.notes('signals')).toHaveLength(2);
    }
  });

  test('a flood of events becomes its first lines and a count', async () => {
    const server = await startServer({ metricsMs: 3_600_000 });
    const { client, events } = await openClient({ url: server.url, token: server.mint('developer') });
    await events.until(() => statusOf(client).channels?.includes('signals') === true, 'subscribed');
    for (let i = 0; i < 5000; i++) server.broadcast('signals', 'spike', { i });
    await expect.poll(() => client.traffic.messages).toBeGreaterThan(5000);
    expect(events.notes('signals').length).toBeGreaterThanOrEqual(50);
    expect(events.notes('signals').length).toBeLessThan(600);
  });

  test('201-217 C: the page of numbers is read where it is, behind a login too', async () => {
    const server = await startServer();
    const page = new URL('../fixtures/lab/neurograph/002-metrics.txt', import.meta.url);
    server.metricsPage = readFileSync(page, 'utf8');
    const { client, events } = await openClient({ url: server.url, token: server.mint('viewer') });
    await events.until(() => client.equipment.length === 2, 'the page is found');
    const [, offered] = client.equipment;
    expect(offered?.label).toBe('Numbers of /api/v1/metrics');
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('prometheus', 'page', 1000, outlet));
    await outlet.more(1, 'polled');
    const columns = outlet.openings.at(-1)?.columns.map(({ channel }) => channel) ?? [];
    const value = (name: string): number | undefined => outlet.taken.at(-1)?.values[columns.indexOf(name)];
    expect(value('neurograph_ws_messages_sent_total.system.pong')).toBe(141);
    expect(value('neurograph_ws_connection_duration_seconds_sum')).toBeCloseTo(21.586);
    expect(columns.some((name) => name.includes('_bucket'))).toBe(false);
    // Without a login it is not shown.
    const { client: nobody } = await openClient({ url: server.url });
    await nobody.refreshEquipment(new AbortController().signal);
    expect(nobody.equipment).toHaveLength(1);
  });

  test('without its socket what REST counts is all there is: the rest is missing, not invented', async () => {
    const server = await startServer();
    server.metrics = { cpu_percent: 50 };
    const { client } = await openClient({ url: server.url, webSocket: false });
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('metrics', 'system', 5000, outlet));
    await outlet.more(1, 'polled');
    const columns = outlet.openings.at(-1)?.columns.map(({ channel }) => channel) ?? [];
    expect(outlet.taken[0]?.values[columns.indexOf('total_connections')]).toBe(0);
    expect(outlet.taken[0]?.values[columns.indexOf('cpu_percent')]).toBeNaN();
    expect(client.link.word).toBe('degraded');
  });

  test('282 the console knows the commands of the seed', async () => {
    const server = await startServer();
    const { client, events } = await openClient({ url: server.url });
    await events.until(() => statusOf(client).channels !== undefined, 'subscribed');
    const run = async (line: string): Promise<unknown> => JSON.parse(await client.command('metrics', line, {}));
    expect(await run('ping')).toMatchObject({ type: 'pong' });
    expect(await run('unsubscribe status')).toMatchObject({ type: 'unsubscribed', channels: ['status'] });
    expect(await run('subs')).toMatchObject({ channels: ['metrics'] });
    expect(await run('subscribe status, logs')).toMatchObject({ channels: ['status'], denied: ['logs'] });
    expect(await run('channel metrics')).toMatchObject({ subscribers: 1 });
    expect(client.features).toMatchObject({ console: true, commands: false });
    expect((await client.command('', 'help', {})).split('\n')).toContain('channel a');
    await expect(client.command('metrics', 'dance', {})).rejects.toMatchObject({ code: 'server.unsupported' });
  });

  test('the defect is real: a binary frame of a client ends its connection, a pong is an error', async () => {
    const server = await startServer();
    const { WebSocket } = await import('ws');
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
    const texts: string[] = [];
    socket.on('message', (data) => texts.push(String(data)));
    const ended = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.on('open', () => {
      socket.send('{"type":"pong"}');
      socket.send(Uint8Array.of(1, 4, 0, 2, 0, 0, 0, 0));
    });
    expect(await ended).toBe(1006);
    expect(texts.some((text) => text.includes('Unknown message type: pong'))).toBe(true);
  });
});
