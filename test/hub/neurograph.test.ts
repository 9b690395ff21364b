import { once } from 'node:events';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { HUB_CHANNELS, HUB_ROLES, type HubRole } from '../../src/hub/access/role.ts';
import { packNeurographFrame, parseNeurographFrame } from '../../src/protocol/lab/neurograph-frame.ts';
import { NEUROGRAPH_CHANNELS } from '../../src/protocol/lab/neurograph-role.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

const scope = new Scope('NeuroGraph of the hub');
let hub: HubLab;
const tokens = new Map<HubRole, string | undefined>([['anonymous', undefined]]);

beforeAll(async () => {
  hub = scope.use(await openHubLab({ attach: ['supply'], profiles: ['native', 'neurograph'] }));
  for (const role of ['admin', 'developer', 'viewer', 'bot'] as const) tokens.set(role, await hub.token(role));
});

afterAll(() => scope[Symbol.asyncDispose]());

type Message = Record<string, unknown>;

class Client {
  readonly messages: Message[] = [];
  readonly frames: Buffer[] = [];
  readonly socket: WebSocket;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.frames.push(data);
      else this.messages.push(JSON.parse(data.toString()) as Message);
    });
    scope.defer(() => this.socket.terminate());
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  async next(type: string, from = 0): Promise<Message> {
    const find = (): Message | undefined => this.messages.slice(from).find((message) => message.type === type);
    await expect.poll(find, { interval: 10 }).toBeDefined();
    return find() ?? {};
  }

  async ask(message: unknown, type: string): Promise<Message> {
    const from = this.messages.length;
    this.say(message);
    return this.next(type, from);
  }
}

async function connect(role: HubRole, more = '', path = '/compat/neurograph/ws', port = 0): Promise<Client> {
  const token = tokens.get(role);
  const query = new URLSearchParams(token ? { token } : {});
  const client = new Client(hub.socketUrl(`${path}?${query}${more}`, port));
  await client.next('connected');
  return client;
}

const SUBSCRIBE: Record<HubRole, string> = {
  admin: 'metrics signals actions logs status connections',
  developer: 'metrics signals actions logs status',
  viewer: 'metrics status',
  bot: 'metrics signals status',
  anonymous: 'metrics status',
};

test.each(HUB_ROLES)('221–250, 285 SUBSCRIBE and BROADCAST of %s, six channels each, over the socket', async (role) => {
  const client = await connect(role);
  const answer = await client.ask({ type: 'subscribe', channels: NEUROGRAPH_CHANNELS }, 'subscribed');
  const allowed = SUBSCRIBE[role].split(' ');
  expect(answer.channels).toEqual(allowed);
  expect(answer.denied ?? []).toEqual(NEUROGRAPH_CHANNELS.filter((channel) => !allowed.includes(channel)));
  for (const channel of NEUROGRAPH_CHANNELS) {
    const from = client.messages.length;
    client.say({ type: 'broadcast', channel, event_type: 'test', data: {} });
    const said = await client.next(role === 'admin' ? 'broadcast_sent' : 'error', from);
    expect(said.type === 'broadcast_sent').toBe(role === 'admin');
  }
});

test('253 a login over REST has the channels of its role', async () => {
  const answer = await fetch(`${hub.url()}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'viewer', password: 'four words of a bench' }),
  });
  const login = (await answer.json()) as Message;
  expect(login).toMatchObject({ token_type: 'bearer', expires_in: 900, scopes: ['viewer'] });
  const client = new Client(hub.socketUrl(`/compat/neurograph/ws?token=${String(login.access_token)}`));
  await client.next('connected');
  expect(await client.ask({ type: 'subscribe', channels: ['metrics', 'signals'] }, 'subscribed')).toMatchObject({
    channels: ['metrics'],
    denied: ['signals'],
  });
});

test('220 nobody broadcasts over REST but admins; 102 a broadcast comes once to each who listens', async () => {
  const first = await connect('admin');
  const second = await connect('developer');
  const deaf = await connect('viewer');
  for (const client of [first, second]) await client.ask({ type: 'subscribe', channels: ['signals'] }, 'subscribed');
  const post = async (token?: string): Promise<Response> =>
    await fetch(`${hub.url()}/api/v1/websocket/broadcast?channel=signals`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({ event_type: 'trigger', data: { i: 1 } }),
    });
  expect((await post()).status).toBe(403);
  expect((await post(tokens.get('developer'))).status).toBe(403);
  const sent = await post(tokens.get('admin'));
  expect(await sent.json()).toMatchObject({ status: 'ok', channel: 'signals', message_sent: true });
  const events = (client: Client): Message[] => client.messages.filter(({ event_type }) => event_type === 'trigger');
  await expect.poll(() => events(first).length + events(second).length).toBe(2);
  expect(events(first)[0]).toEqual({
    channel: 'signals',
    timestamp: expect.any(String),
    event_type: 'trigger',
    data: { i: 1 },
  });
  expect(events(deaf)).toEqual([]);
});

test.each([
  ['ping', { type: 'ping' }, 140],
  ['subscribe', { type: 'subscribe', channels: [] }, 50],
  ['unsubscribe', { type: 'unsubscribe', channels: [] }, 50],
  ['get_subscriptions', { type: 'get_subscriptions' }, 30],
])('254–258, 261 %s: so many at once, then refused with retry_after', async (_type, message, limit) => {
  const client = await connect('viewer');
  const before = client.messages.length;
  for (let count = 0; count < limit + 10; count++) client.say(message);
  const last = await client.next('error', before);
  expect(last).toMatchObject({ message: 'Rate limit exceeded', retry_after: expect.any(Number) });
  const answered = client.messages.slice(before).indexOf(last);
  // The bucket fills while it is emptied: a slow machine answers a few more.
  expect(answered).toBeGreaterThanOrEqual(limit);
});

test('284 the limit comes first, then the permission, then the subscription, then its metric', async () => {
  const client = await connect('viewer');
  const subscribers = async (): Promise<string> => {
    const page = await fetch(`${hub.url()}/metrics`, { headers: { authorization: `Bearer ${tokens.get('admin')}` } });
    return /channel_subscriptions_total\{channel="signals"\} (\d+)/.exec(await page.text())?.[1] ?? '0';
  };
  const before = await subscribers();
  const from = client.messages.length;
  for (let count = 0; count < 60; count++) client.say({ type: 'subscribe', channels: ['signals'] });
  const refused = await client.next('error', from);
  expect(refused.message).toBe('Rate limit exceeded');
  const answers = client.messages.slice(from, client.messages.indexOf(refused));
  expect(answers.length).toBeGreaterThanOrEqual(50);
  for (const answer of answers) expect(answer).toMatchObject({ type: 'subscribed', channels: [], denied: ['signals'] });
  expect(await subscribers()).toBe(before);
});

test('259 invented types share one bucket', async () => {
  const client = await connect('viewer');
  const before = client.messages.length;
  for (let count = 0; count < 120; count++) client.say({ type: `invented-${count}` });
  await expect
    .poll(() => client.messages.slice(before).some(({ message }) => message === 'Rate limit exceeded'), {
      timeout: 20_000,
    })
    .toBe(true);
});

test('262, 264, 267, 268 a session comes back with its id, its subscriptions and what it missed; its token is good once', async () => {
  const first = await connect('developer');
  const { client_id } = await first.next('connected');
  await first.ask({ type: 'subscribe', channels: ['signals', 'logs'] }, 'subscribed');
  const { token } = await first.ask({ type: 'get_reconnection_token' }, 'reconnection_token');
  expect(token).toMatch(/^[\w-]{43}$/);
  first.socket.terminate();
  await once(first.socket, 'close');
  await expect.poll(() => hub.hub.parts.connections.find(String(client_id))).toBeUndefined();
  for (let i = 0; i < 5; i++) hub.hub.parts.channels.publish('signals', 'missed', { i });
  const back = await connect('developer', `&reconnection_token=${String(token)}`);
  expect(back.messages[0]).toMatchObject({ client_id, reconnected: true });
  const missed = (): unknown[] =>
    back.messages.filter(({ event_type }) => event_type === 'missed').map(({ data }) => data);
  await expect.poll(() => missed().length).toBe(5);
  expect(missed()).toEqual([0, 1, 2, 3, 4].map((i) => ({ i })));
  expect((await back.ask({ type: 'get_subscriptions' }, 'subscriptions')).channels).toEqual(['signals', 'logs']);
  const again = await connect('developer', `&reconnection_token=${String(token)}`);
  expect(again.messages[0]).toMatchObject({ reconnected: false, reason: 'used' });
  expect(JSON.stringify(hub.log)).not.toContain(String(token));
});

test('what is wrong is said in its words, and the connection stays', async () => {
  const client = await connect('viewer');
  const refusals = [
    ['{', 'Invalid JSON format'],
    ['[1]', /^Error processing message/],
    ['{"type":"subscribe","channels":"metrics"}', 'channels must be an array'],
    ['{"type":"nonsense"}', 'Unknown message type: nonsense'],
  ] as const;
  for (const [text, message] of refusals) {
    const from = client.messages.length;
    client.socket.send(text);
    const said = await client.next('error', from);
    if (typeof message === 'string') expect(said.message).toBe(message);
    else expect(said.message).toMatch(message);
  }
  expect(await client.ask({ type: 'ping' }, 'pong')).toMatchObject({ timestamp: expect.any(String) });
  for (const bad of ['abc', 'eyJhbGciOiJub25lIn0.e30.']) {
    const socket = new WebSocket(hub.socketUrl(`/compat/neurograph/ws?token=${bad}`));
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
  }
});

test('270–279 binary frames both ways: compressed requests are read, large events packed on request, all faults said', async () => {
  const client = await connect('admin');
  const request = Buffer.from(JSON.stringify({ type: 'subscribe', channels: ['signals'] }));
  const about = { compression: 'gzip', original_size: request.length };
  client.socket.send(packNeurographFrame('COMPRESSED_JSON', about, gzipSync(request)));
  expect(await client.next('subscribed')).toMatchObject({ channels: ['signals'] });
  for (const [bytes, message] of [
    ['0105', 'Binary message too short'],
    ['0205000000000000', 'Unsupported binary message version: 2'],
    ['0109000000000000', 'Invalid binary message type: 9'],
    ['0104000500000000', 'Binary message truncated (metadata)'],
    ['0104000000000005', 'Binary message truncated (payload)'],
  ]) {
    const from = client.messages.length;
    client.socket.send(Buffer.from(bytes ?? '', 'hex'));
    expect((await client.next('error', from)).message).toBe(message);
  }
  await client.ask({ type: 'set_compression', compression: 'gzip' }, 'compression_set');
  const data = { text: 'the same words '.repeat(200) };
  hub.hub.parts.channels.publish('signals', 'large', data);
  await expect.poll(() => client.frames.length).toBe(1);
  const parsed = parseNeurographFrame(client.frames[0] ?? new Uint8Array());
  if (!('frame' in parsed)) throw new Error(parsed.fault);
  expect(parsed.frame.type).toBe('COMPRESSED_JSON');
  expect(JSON.parse(gunzipSync(parsed.frame.payload).toString())).toMatchObject({ event_type: 'large', data });
});

test('a deflate bomb closes with 1009 and costs nobody else', async () => {
  const other = await connect('viewer');
  const client = await connect('viewer');
  const bomb = packNeurographFrame('COMPRESSED_JSON', {}, gzipSync(Buffer.alloc(64 * 1024 * 1024)));
  const closed = once(client.socket, 'close');
  client.socket.send(bomb);
  const [code] = await closed;
  expect(code).toBe(1009);
  expect(await other.ask({ type: 'ping' }, 'pong')).toBeDefined();
});

test('on a port of its own it is what /ws means', async () => {
  const client = await connect('viewer', '', '/ws', 1);
  expect(client.messages[0]).toMatchObject({ type: 'connected', user_id: 'viewer', reconnected: false });
});

test('201–216, 219 each of the 16 metrics moves in a session', async () => {
  const text = await (
    await fetch(`${hub.url()}/metrics`, { headers: { authorization: `Bearer ${tokens.get('admin')}` } })
  ).text();
  for (const line of [
    /^neurograph_ws_connections_total [1-9]/m,
    /^neurograph_ws_connections_by_user\{user_id="[^"]+"\} [1-9]/m,
    /^neurograph_ws_connection_duration_seconds_count [1-9]/m,
    /^neurograph_ws_channel_subscribers\{channel="signals"\} [1-9]/m,
    /^neurograph_ws_channel_subscriptions_total\{channel="signals"\} [1-9]/m,
    /^neurograph_ws_messages_sent_total\{channel="",message_type="pong"\} [1-9]/m,
    /^neurograph_ws_messages_received_total\{message_type="ping"\} [1-9]/m,
    /^neurograph_ws_message_size_bytes_count\{direction="sent"\} [1-9]/m,
    /^neurograph_ws_message_latency_seconds_count\{message_type="ping"\} [1-9]/m,
    /^neurograph_ws_broadcast_duration_seconds_count\{channel="signals"\} [1-9]/m,
    /^neurograph_ws_buffered_events_total \d/m,
    /^neurograph_ws_errors_total\{error_type="hub.malformed"\} [1-9]/m,
    /^neurograph_ws_disconnects_total\{reason="lost"\} [1-9]/m,
  ])
    expect(text).toMatch(line);
});

test('266 a planned end gives a token to come back with', async () => {
  const client = await connect('developer');
  await hub.hub.close({ reason: 'Maintenance', retryAfterS: 3 });
  expect(await client.next('reconnect')).toMatchObject({ reason: 'Maintenance', retry_after: 3 });
  expect(await client.next('disconnected')).toMatchObject({
    reconnection_token: expect.stringMatching(/^[\w-]{43}$/),
    expires_in: 300,
  });
});

test('every role and channel of the matrix is there', () => {
  expect(HUB_CHANNELS.slice(0, 6)).toEqual(NEUROGRAPH_CHANNELS);
});
