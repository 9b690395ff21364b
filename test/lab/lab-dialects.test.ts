import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import type { SeededRandom } from '../../src/core/seeded-random.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabServer } from '../../src/lab/lab-server.ts';
import { openNeurograph } from '../../src/lab/neurograph/neurograph-server.ts';
import type { HttpRequest, LabPorts } from '../../src/lab/ports.ts';
import { openPowerMeter } from '../../src/lab/power-meter/power-meter-server.ts';
import { openVital } from '../../src/lab/vital/vital-server.ts';
import { packVitalFrame } from '../../src/protocol/lab/vital-frame.ts';
import { packMessagePack } from '../../src/protocol/lab/vital-payload.ts';
import { signToken } from '../servers/neurograph/jwt.ts';
import { answerRest } from '../servers/power-meter/rest.ts';
import { PowerMeterState } from '../servers/power-meter/state.ts';
import type { ManualSocket } from './manual-ports.ts';
import { ManualPorts } from './manual-ports.ts';
import { RecordedOutlet } from './recorded-outlet.ts';

const folder = new URL('../fixtures/lab/', import.meta.url);

interface Line {
  dir: '->' | '<-' | '--';
  kind: string;
  tag?: string;
  data: unknown;
}

function linesOf(file: string): Line[] {
  return readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const filesOf = (name: string): string[] =>
  readdirSync(new URL(`${name}/`, folder))
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => `${name}/${file}`);

/** Time by hand, inflating for real. */
function manualPorts(seed = 1): ManualPorts {
  const ports = new ManualPorts(seed);
  const real = createNodePorts(createSystemClock());
  Object.assign(ports, { inflate: real.inflate });
  real[Symbol.dispose]();
  return ports;
}

const encoder = new TextEncoder();
const answerOf = (status: number, body: unknown) => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: encoder.encode(JSON.stringify(body)),
});

/** REST of the power meter, answered by its test server without a socket. */
function answerPower(state: PowerMeterState): (request: HttpRequest) => ReturnType<typeof answerOf> {
  return ({ method, url, body }) => {
    const { pathname, searchParams } = new URL(url);
    const parsed = body === undefined ? {} : (JSON.parse(body) as Record<string, unknown>);
    const answer = answerRest(state, { method, path: pathname, query: searchParams, body: parsed });
    return answerOf(answer.status, answer.body);
  };
}

const socketsAt = (ports: ManualPorts, part: string): ManualSocket[] =>
  ports.sockets.filter(({ request, isOver }) => request.url.includes(part) && !isOver);

let scope: Scope;
beforeEach(() => {
  scope = new Scope('dialects test');
});
afterEach(() => scope[Symbol.asyncDispose]());

describe('recorded conversations replay to the end without an unknown message', () => {
  for (const file of filesOf('power-meter')) {
    test(file, async () => {
      const said = linesOf(file).filter(({ dir, kind }) => dir === '<-' && kind === 'text');
      const ports = manualPorts();
      ports.answer = answerPower(new PowerMeterState({}));
      const modules = [...new Set(said.map(({ data }) => (data as { module?: number }).module ?? 4))];
      const url = `http://127.0.0.1:9/?module=${modules.join(',')}`;
      const client = scope.use(await openPowerMeter(ports, { url }));
      for (const module of modules) scope.use(client.openStream(`module${module}`, 'power', 100, new RecordedOutlet()));
      await ports.clock.advance(10);
      for (const socket of ports.sockets) socket.open();
      await ports.clock.advance(10);
      for (const { data } of said) {
        const module = (data as { module?: number }).module;
        const part = (data as { type: string }).type === 'pong' ? '/health' : `/power?module=${module ?? modules[0]}&`;
        socketsAt(ports, part)[0]?.say(JSON.stringify(data));
      }
      expect(client.traffic.malformed).toBe(0);
      expect(client.traffic.messages).toBe(said.length);
    });
  }

  for (const file of filesOf('neurograph')) {
    test(file, async () => {
      const said = linesOf(file).filter(({ dir, kind }) => dir === '<-' && kind === 'text');
      const ports = manualPorts();
      const client = scope.use(await openNeurograph(ports, { url: 'http://127.0.0.1:9' }));
      await ports.clock.advance(1);
      ports.last.open();
      for (const { data } of said) ports.last.say(JSON.stringify(data));
      await ports.clock.advance(1);
      expect(client.traffic.malformed).toBe(0);
      expect(client.traffic.messages).toBe(said.length);
      // Those of every token refused hold no word of the server.
      if (said.length > 0) expect(client.link.word).toBe('connected');
    });
  }
});

describe('power meter on a clock moved by hand', () => {
  async function begin(seed = 1) {
    const ports = manualPorts(seed);
    const state = new PowerMeterState({});
    ports.answer = answerPower(state);
    const client = scope.use(await openPowerMeter(ports, { url: 'http://127.0.0.1:9' }));
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('module4', 'power', 100, outlet));
    await ports.clock.advance(1);
    for (const socket of ports.sockets) socket.open();
    await ports.clock.advance(1);
    return { ports, state, client, outlet };
  }
  const say = (ports: ManualPorts, state: PowerMeterState): void =>
    socketsAt(ports, '/power')[0]?.say(JSON.stringify({ type: 'data', ...state.snapshot(4) }));

  test('104 111 a socket on which nothing comes for 60 s is dead; the stream was polled long before', async () => {
    const { ports, state, client, outlet } = await begin();
    say(ports, state);
    const first = socketsAt(ports, '/power')[0];
    // Its own watchdog asks for a new connection first; heartbeats without data keep nothing alive but the socket.
    await ports.clock.advance(6000);
    expect(outlet.sources).toContain('polled');
    expect(first?.left).toBeDefined();
    const second = socketsAt(ports, '/power')[0];
    second?.open();
    await ports.clock.advance(59_000);
    expect(second?.left).toBeUndefined();
    expect(client.link.word).toBe('degraded');
    await ports.clock.advance(2000);
    expect(second?.left).toBe('cut');
    expect(ports.sockets.flatMap(({ request, sent }) => (request.url.includes('/power') ? sent : []))).toEqual([]);
  });

  test('117 an announced end is waited for: nothing before 5 s, a try within 6 s', async () => {
    const { ports, state } = await begin(7);
    say(ports, state);
    const socket = socketsAt(ports, '/power')[0];
    socket?.say(JSON.stringify({ type: 'reconnect', reason: 'Too many consecutive errors', retry_after: 5 }));
    socket?.end(1006);
    const tries = (): number => ports.sockets.filter(({ request }) => request.url.includes('/power')).length;
    const before = tries();
    await ports.clock.advance(4990);
    expect(tries()).toBe(before);
    await ports.clock.advance(1010);
    expect(tries()).toBe(before + 1);
  });

  test('123 while the instrument is away it is asked for each 2 s, and no socket is made', async () => {
    const { ports, state, client } = await begin();
    say(ports, state);
    state.isConnected = false;
    socketsAt(ports, '/power')[0]?.say(JSON.stringify({ type: 'error', message: 'gone', error_count: 1 }));
    await ports.clock.advance(300);
    expect(client.link.word).toBe('disconnected');
    const made = (): number => ports.sockets.filter(({ request }) => request.url.includes('/power')).length;
    const sockets = made();
    const asked = (): number => ports.requests.filter(({ url }) => url.endsWith('/connection/status')).length;
    const before = asked();
    await ports.clock.advance(60_000);
    expect(made()).toBe(sockets);
    expect(asked() - before).toBeGreaterThanOrEqual(28);
    expect(asked() - before).toBeLessThanOrEqual(31);
  });
});

describe('NeuroGraph on a clock moved by hand', () => {
  const connected = (user: string | null): string =>
    JSON.stringify({ type: 'connected', client_id: 'c', user_id: user, reconnected: false, timestamp: 'x' });
  const metrics = (ports: ManualPorts): string => {
    const timestamp = new Date(Number(ports.clock.nowNs() / 1_000_000n)).toISOString().replace('Z', '000');
    return JSON.stringify({ channel: 'metrics', event_type: 'system_metrics', timestamp, data: { cpu_percent: 1 } });
  };
  const sent = (socket: ManualSocket, type: string): number =>
    socket.sent.filter((text) => String(text).includes(`"${type}"`)).length;

  test('255 ten minutes are sixty pings, whatever the server asks', async () => {
    const ports = manualPorts();
    scope.use(await openNeurograph(ports, { url: 'http://127.0.0.1:9' }));
    ports.last.open();
    ports.last.say(connected(null));
    const socket = ports.last;
    for (let second = 0; second < 600; second++) {
      await ports.clock.advance(1000);
      if (second % 30 === 0) socket.say('{"type":"ping","timestamp":"x"}');
      if (sent(socket, 'ping') > Math.ceil(second / 10) + 1) throw new Error('too many pings');
      socket.say('{"type":"pong","timestamp":"2026-11-20T10:22:41.302936"}');
    }
    expect(sent(socket, 'ping')).toBeGreaterThanOrEqual(59);
    expect(sent(socket, 'ping')).toBeLessThanOrEqual(61);
    expect(sent(socket, 'pong')).toBe(0);
  });

  test('263 a token counts from its issue: it is asked for anew at 240 s, used up to 298 s, not at 301 s', async () => {
    for (const [awayS, isUsed] of [
      [290, true],
      [301, false],
    ] as const) {
      const ports = manualPorts();
      const token = signToken('s', { sub: 'dev', scopes: ['developer'], exp: 2e9, token_type: 'access' });
      const client = await openNeurograph(ports, { url: 'http://127.0.0.1:9', token });
      ports.last.open();
      ports.last.say(connected('dev'));
      const first = ports.last;
      await ports.clock.advance(10);
      // The ping was asked first, so it is answered first.
      first.say('{"type":"pong","timestamp":"x"}');
      first.say('{"type":"reconnection_token","token":"abc","expires_in":300}');
      for (let second = 0; second < 239; second++) {
        await ports.clock.advance(1000);
        first.say('{"type":"ping"}');
      }
      expect(sent(first, 'get_reconnection_token')).toBe(1);
      await ports.clock.advance(2000);
      expect(sent(first, 'get_reconnection_token')).toBe(2);
      // Not answered; the server is gone for the rest of the time.
      first.end(1006);
      await ports.clock.advance((awayS - 241) * 1000);
      client.reconnect();
      expect([awayS, ports.last.request.url.includes('reconnection_token=abc')]).toEqual([awayS, isUsed]);
      await client[Symbol.asyncDispose]();
    }
  });

  test('267 what was missed is not replayed: a gap with its reason', async () => {
    const ports = manualPorts();
    const client = scope.use(await openNeurograph(ports, { url: 'http://127.0.0.1:9' }));
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('metrics', 'system', 5000, outlet));
    ports.last.open();
    ports.last.say(connected(null));
    await ports.clock.advance(100);
    ports.last.say(metrics(ports));
    ports.last.end(1006);
    await ports.clock.advance(60_000);
    client.reconnect();
    ports.last.open();
    ports.last.say(connected(null));
    await ports.clock.advance(100);
    ports.last.say(metrics(ports));
    expect(outlet.taken.filter(({ source }) => source === 'live')).toHaveLength(2);
    expect(outlet.gaps).toHaveLength(1);
    expect(outlet.gaps[0]?.reason).not.toBe('');
    const { fromNs = 0n, toNs = 0n } = outlet.gaps[0] ?? {};
    expect(Number(toNs - fromNs) / 1e9).toBeGreaterThan(55);
  });
});

describe('VITAL on a clock moved by hand', () => {
  const frame = (type: Parameters<typeof packVitalFrame>[1], body: unknown): Uint8Array =>
    packVitalFrame(2, type, 0, packMessagePack(body));

  test('a silent server is asked after 30 s and dead after 90 s; its pings are answered', async () => {
    const ports = manualPorts();
    scope.use(await openVital(ports, { url: 'http://127.0.0.1:9/ws/ecg' }));
    ports.last.open();
    const socket = ports.last;
    socket.say(frame('PROTOCOL_NEGOTIATION', { versions: [1, 2] }));
    socket.say(frame('PING', {}));
    expect(socket.sent.map((data) => (data as Uint8Array)[1])).toEqual([0xfd, 0x12]);
    await ports.clock.advance(31_000);
    expect((socket.sent.at(-1) as Uint8Array)[1]).toBe(0x11);
    await ports.clock.advance(58_000);
    expect(socket.left).toBeUndefined();
    await ports.clock.advance(2000);
    expect(socket.left).toBe('cut');
  });

  test('an end announced 30 s ahead is waited for', async () => {
    const ports = manualPorts();
    scope.use(await openVital(ports, { url: 'http://127.0.0.1:9/ws/ecg' }));
    ports.last.open();
    ports.last.say('{"type":"system_shutdown","message":"maintenance"}');
    ports.last.end(1001);
    const made = ports.sockets.length;
    await ports.clock.advance(29_900);
    expect(ports.sockets.length).toBe(made);
    await ports.clock.advance(6200);
    expect(ports.sockets.length).toBe(made + 1);
  });

  test('a version the server does not speak is lowered until it does', async () => {
    const ports = manualPorts();
    scope.use(await openVital(ports, { url: 'http://127.0.0.1:9/ws/ecg' }));
    for (const most of [3, 2, 1]) {
      ports.last.open();
      await ports.clock.advance(1100);
      expect([(ports.last.sent[0] as Uint8Array)[0], most]).toEqual([1, most]);
      ports.last.say(packVitalFrame(1, 'ERROR', 0, packMessagePack({ code: 0x100, message: 'no' })));
      await ports.clock.advance(6000);
    }
    expect(ports.sockets.length).toBeGreaterThanOrEqual(3);
  });
});

const OPENERS: readonly [string, (ports: LabPorts) => Promise<LabServer>, string, string][] = [
  ['power meter', (ports) => openPowerMeter(ports, { url: 'http://127.0.0.1:9' }), 'module4', 'power'],
  ['NeuroGraph', (ports) => openNeurograph(ports, { url: 'http://127.0.0.1:9' }), 'metrics', 'system'],
  ['VITAL', (ports) => openVital(ports, { url: 'http://127.0.0.1:9?patient=p' }), 'patient-p', 'ecg'],
];

test('113 a client that is closed leaves no request at a server that does not answer', async () => {
  for (const [, open, equipment, stream] of OPENERS.slice(0, 2)) {
    const ports = manualPorts();
    const aborted: string[] = [];
    const { http } = ports;
    ports.answer = () => new Promise(() => undefined);
    ports.http = (request, signal) => {
      signal?.addEventListener('abort', () => aborted.push(request.url), { once: true });
      return http.call(ports, request, signal);
    };
    const opening = open(ports);
    await ports.clock.advance(2000);
    const client = await opening;
    client.openStream(equipment, stream, 100, new RecordedOutlet());
    await ports.clock.advance(3000);
    expect(ports.requests.length).toBeGreaterThan(0);
    await client[Symbol.asyncDispose]();
    expect([...aborted].sort()).toEqual(ports.requests.map(({ url }) => url).sort());
    expect([ports.clock.pending, ports.listeners]).toEqual([0, 0]);
  }
});

for (const [name, open, equipment, stream] of OPENERS) {
  test(`113 ${name}: a thousand clients, left in any state, leave no timer, socket or listener`, async () => {
    const random = seededRandom(113);
    const ports = manualPorts(113);
    const state = new PowerMeterState({});
    ports.answer = answerPower(state);
    for (let i = 0; i < 1000; i++) {
      const client = await open(ports);
      if (random.next() < 0.7) client.openStream(equipment, stream, 100, new RecordedOutlet());
      if (random.next() < 0.7) await ports.clock.advance(random.below(600));
      for (const socket of ports.sockets.slice(-2)) if (random.next() < 0.7) socket.open();
      if (random.next() < 0.3) client.disconnect();
      if (random.next() < 0.3) for (const socket of ports.sockets.slice(-2)) socket.end(1006);
      if (random.next() < 0.5) await ports.clock.advance(random.below(100));
      await client[Symbol.asyncDispose]();
      ports.sockets.length = 0;
    }
    await ports.clock.advance(100);
    expect([ports.clock.pending, ports.listeners]).toEqual([0, 0]);
  });

  test(`${name}: a model run of random words, ends and waits: no throw, no second socket, every row in order`, async () => {
    const random = seededRandom(20_001);
    const ports = manualPorts(5);
    const state = new PowerMeterState({});
    ports.answer = answerPower(state);
    const client = await open(ports);
    const outlet = new RecordedOutlet();
    client.openStream(equipment, stream, 100, outlet);
    const words = wordsOf(name, random);
    for (let i = 0; i < 10_000; i++) {
      const socket = ports.sockets.filter(({ isOver }) => !isOver)[random.below(2)];
      const kind = random.next();
      if (kind < 0.1) socket?.open();
      else if (kind < 0.12) socket?.end([1000, 1006, 1011, 1012][random.below(4)] ?? 1006);
      else if (kind < 0.125) socket?.end(1006, '', { refusal: { status: 403, headers: {}, body: '' } });
      else if (kind < 0.13) client.reconnect();
      else if (kind < 0.14) state.isConnected = !state.isConnected;
      else if (kind < 0.3) await ports.clock.advance(random.below(400));
      else socket?.say(words());
      if (i % 500 === 0) await ports.clock.advance(random.below(100_000));
      // The health socket and the one of the module; those that are told to go do not count.
      const staying = ports.sockets.filter(({ isOver, left }) => !isOver && left === undefined).length;
      if (staying > 2) throw new Error(`${staying} sockets`);
    }
    const times = outlet.taken.map(({ timeNs }) => timeNs);
    expect(times.length).toBeGreaterThan(50);
    expect(times.every((time, at) => at === 0 || time > (times[at - 1] ?? 0n))).toBe(true);
    await client[Symbol.asyncDispose]();
    expect([ports.clock.pending, ports.listeners]).toEqual([0, 0]);
  });
}

/** What the server of that name says, and what no server should. */
function wordsOf(name: string, random: SeededRandom): () => string | Uint8Array {
  const texts = filesOf(name === 'power meter' ? 'power-meter' : 'neurograph')
    .filter((file) => !file.includes('ratelimit'))
    .flatMap(linesOf)
    .filter(({ dir, kind }) => dir === '<-' && kind === 'text')
    .map(({ data }) => JSON.stringify(data));
  const odd = ['', '{', '[]', '1', '{"type":"data"}', '{"type":1}', '{"type":"reconnect","retry_after":-1}', 'NaN'];
  let sequence = 0;
  return () => {
    if (random.next() < 0.05) return odd[random.below(odd.length)] ?? '';
    if (name !== 'VITAL') return texts[random.below(texts.length)] ?? '';
    const body = { patient_id: 'p', data: [1, 2, 3], sequence: sequence++, sample_rate: 250, timestamp: 1.7e9 };
    const bytes = packVitalFrame(2, random.next() < 0.9 ? 'ECG_DATA' : 'PONG', 0, packMessagePack(body));
    if (random.next() < 0.1) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  };
}
