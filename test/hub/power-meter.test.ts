import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

const scope = new Scope('power meter of the hub');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ hub: { roles: { anonymousReadings: true } } }));
});

afterAll(() => scope[Symbol.asyncDispose]());

type Message = Record<string, unknown>;

/** Messages of a socket as they come. */
async function listen(path: string): Promise<{ socket: WebSocket; messages: Message[] }> {
  const socket = new WebSocket(hub.socketUrl(path));
  const messages: Message[] = [];
  socket.on('message', (data) => void messages.push(JSON.parse(String(data)) as Message));
  await once(socket, 'open');
  scope.defer(() => socket.terminate());
  return { socket, messages };
}

const until = (what: () => boolean): Promise<void> => expect.poll(what, { interval: 20 }).toBe(true);

test('115, 120 data has the fields of the original, and the values are those of the instrument', async () => {
  const { messages } = await listen('/api/v1/ws/v2/power?module=4&interval=0.1');
  await until(() => messages.length >= 3);
  const [first] = messages;
  expect(first).toEqual({
    type: 'data',
    timestamp: expect.any(Number),
    module: 4,
    wavelength_nm: null,
    unit: expect.any(String),
    ch1_power: expect.any(Number),
    ch2_power: expect.anything(),
    ch3_power: expect.anything(),
    ch4_power: null,
  });
});

test('108 two clients, two rates; 101 the instrument is read once for both', async () => {
  const fast = await listen('/ws/power?interval=0.05');
  const slow = await listen('/ws/power?interval=0.5');
  await until(() => slow.messages.length >= 4);
  expect(fast.messages.length).toBeGreaterThan(slow.messages.length * 3);
  expect(hub.bench.feeds.size).toBe(1);
});

test('118 what is out of range is refused with 403 and says which field', async () => {
  for (const [query, field] of [
    ['module=21', 'module'],
    ['module=0', 'module'],
    ['interval=0.005', 'interval'],
    ['interval=10.1', 'interval'],
  ]) {
    const socket = new WebSocket(hub.socketUrl(`/ws/power?${query}`));
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, import('node:http').IncomingMessage];
    expect(response.statusCode).toBe(403);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain(field);
  }
});

test('119 the health socket: heartbeat at once, pong to the bare text ping, bytes close with 1000', async () => {
  const { socket, messages } = await listen('/api/v1/ws/v2/health');
  await until(() => messages.length >= 1);
  expect(messages[0]).toEqual({ type: 'heartbeat', timestamp: expect.any(String), active_streams: expect.any(Number) });
  socket.send('ping');
  await until(() => messages.length >= 3);
  expect(messages.slice(1).map(({ type }) => type)).toEqual(['pong', 'heartbeat']);
  socket.send(Buffer.from([1]));
  const [code] = await once(socket, 'close');
  expect(code).toBe(1000);
});

test('105, 106 an instrument that is away costs no connection: errors are counted, then data go on and the count begins anew', async () => {
  const { messages } = await listen('/ws/power?interval=0.05');
  await until(() => messages.some(({ type }) => type === 'data'));
  const errors = (): Message[] => messages.filter(({ type }) => type === 'error');
  await hub.screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect', probability: 1 } });
  await until(() => errors().length >= 2);
  expect(errors().slice(0, 2)).toMatchObject([
    { recoverable: true, error_count: 1 },
    { recoverable: true, error_count: 2 },
  ]);
  await hub.screen.client.call('bench.setFault', { name: 'supply', fault: { kind: null } });
  const before = messages.length;
  await until(() => messages.slice(before).some(({ type }) => type === 'data'));
});

test('REST: snapshot and status are those of the instrument; a trace is a NumPy file', async () => {
  const get = async (path: string): Promise<Response> => await fetch(hub.url() + path);
  expect(await (await get('/connection/status')).json()).toMatchObject({ connected: true });
  expect(await (await get('/detector/snapshot?module=4')).json()).toMatchObject({
    module: 4,
    ch1_power: expect.any(Number),
  });
  expect((await get('/detector/snapshot?module=9')).status).toBe(503);
  expect((await get('/detector/snapshot?module=99')).status).toBe(422);
  const npy = new Uint8Array(await (await get('/detector/trace/binary?module=4&channel=1&trace_type=1')).arrayBuffer());
  expect(Buffer.from(npy.subarray(0, 8)).toString('hex')).toBe('934e554d50590100');
  const meta = (await (await get('/detector/trace/metadata?module=4')).json()) as { num_points: number };
  expect(meta.num_points).toBeGreaterThan(0);
});

test('217 /metrics counts what went over the sockets; 218 the sent counter is what a client has seen', async () => {
  const { messages, socket } = await listen('/ws/power?interval=0.05');
  await until(() => messages.length >= 5);
  socket.close();
  await once(socket, 'close');
  const text = await (await fetch(`${hub.url()}/metrics`)).text();
  expect(text.match(/^# TYPE neurograph_ws_/gm)?.length).toBe(16);
  expect(text).toMatch(/^neurograph_ws_messages_sent_total\{channel="",message_type="data"\} \d+$/m);
});

test('117 graceful end: every client is told when to come back', async () => {
  const { socket, messages } = await listen('/ws/power');
  await until(() => messages.length >= 1);
  const closed = once(socket, 'close');
  await hub.hub.close({ reason: 'Server maintenance', retryAfterS: 7 });
  const [code] = await closed;
  expect(messages.at(-1)).toEqual({ type: 'reconnect', reason: 'Server maintenance', retry_after: 7 });
  expect(code).toBe(1012);
});
