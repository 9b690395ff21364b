import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { parseTolerantJson } from '../../src/protocol/lab/tolerant-json.ts';
import type { LabLinkMode } from '../servers/lablink/mode.ts';
import { startLabLinkServer } from '../servers/lablink/server.ts';
import { connectMocks, LOAD, SCOPE, SUPPLY } from './lablink-harness.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/lab/lablink');

interface Line {
  t: number;
  kind: string;
  dir?: string;
  msg?: Record<string, unknown> & { type?: string };
  raw?: string;
  bin?: boolean;
  method?: string;
  path?: string;
  request?: Record<string, unknown>;
  status?: number;
  response?: unknown;
}

function lines(name: string): Line[] {
  const all = readFileSync(join(FIXTURES, name), 'utf8').split('\n');
  return all.filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
}

/** Keys of a message and of what is in it, without values: `alarm_event{data{event_id,…},type}`. */
function form(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length > 0 ? form(value[0]) : ''}]`;
  if (typeof value !== 'object' || value === null) return '';
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => key + form((value as Record<string, unknown>)[key])).join(',')}}`;
}

/** A message with what may be there or not taken out: counts by channel, filled at the end only. */
function shapeOf(message: Record<string, unknown>): string {
  const copy = structuredClone(message);
  const stats = copy.stats as Record<string, unknown> | undefined;
  if (stats) for (const key of Object.keys(stats)) if (typeof stats[key] === 'object') stats[key] = null;
  if (copy.type === 'stats') copy.global = null;
  if (copy.type === 'discovery_progress') copy.data = null;
  return `${String(message.type)} ${String(message.stream_type ?? '')} ${form(copy)}`;
}

/** Said there once in a while only. */
const RARE = /^acquisition_stream /;

/** Said here after the client went on: what makes it say so comes later in the recording. */
const LATE = /^(discovery_progress|alarm|alarm_updated|alarm_cleared) /;

/** Turns of the loop that both share, 10 ms and more: for what comes here in its time, and for what may come. */
const LONG_TURNS = 2000;
const SHORT_TURNS = 30;

/** What a client sent in a recording, with the questions it asked over REST, said to our server at the recorded pace ten times faster. */
async function replay(
  name: string,
  mode: LabLinkMode,
  wanted: ReadonlySet<string>,
): Promise<{ shapes: Set<string>; binary: Set<string>; closed: boolean }> {
  await using server = await startLabLinkServer({ mode, delays: 0.1 });
  if (mode === 'asis') await connectMocks(server);
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
  const shapes = new Set<string>();
  const binary = new Set<string>();
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  socket.on('message', (data: Buffer, isBinary) => {
    const plain =
      data[0] === 0x67 ? gunzipSync(data.subarray(1)) : data[0] === 0x7a ? inflateSync(data.subarray(1)) : data;
    const message = parseTolerantJson(String(plain)) as Record<string, unknown>;
    shapes.add(shapeOf(message));
    if (isBinary) binary.add(`${String.fromCharCode(data[0] ?? 0)} ${String(message.type)}`);
  });
  await once(socket, 'open');
  /** Ids differ from run to run. */
  const ids = new Map<string, string>();
  const withIds = (text: string) => [...ids].reduce((said, [from, to]) => said.replaceAll(from, to), text);
  /** What was said there before the client went on is said here before, too. */
  const untilSaid = async (shape: string): Promise<void> => {
    const turns = wanted.has(shape) && !LATE.test(shape) ? LONG_TURNS : SHORT_TURNS;
    for (let turn = 0; turn < turns && !shapes.has(shape) && !closed; turn++)
      await new Promise((done) => setTimeout(done, 10));
  };
  let before = 0;
  for (const { t, kind, dir, msg, raw, method, path, request, response, status } of lines(name)) {
    const wait = before === 0 ? 0 : Math.min(400, (t - before) * 100);
    before = t;
    if (wait > 1) await new Promise((done) => setTimeout(done, wait));
    if (kind === 'rest' && path && !path.startsWith('/api/security') && status === 200) {
      const body = request === undefined ? null : withIds(JSON.stringify(request));
      const answer = await fetch(server.url + withIds(path), { method: method ?? 'GET', body });
      learn(response, await answer.json().catch(() => undefined), ids);
    }
    if (dir === '<-') {
      const shape = shapeOf((raw === undefined ? msg : parseTolerantJson(raw)) as Record<string, unknown>);
      if (!RARE.test(shape)) await untilSaid(shape);
    }
    if (dir === '->' && socket.readyState === WebSocket.OPEN)
      socket.send(typeof msg === 'object' ? withIds(JSON.stringify(msg)) : String(msg));
  }
  // What comes after the last of them: all that was recorded, and what was not, if anything.
  const lacks = (): boolean => [...wanted].some((shape) => !shapes.has(shape) && !RARE.test(shape));
  for (let turn = 0; turn < LONG_TURNS && lacks() && !closed; turn++) await new Promise((done) => setTimeout(done, 10));
  await untilSaid('nothing more');
  socket.terminate();
  return { shapes, binary, closed };
}

/** Ids of the recording and what they are here. */
function learn(recorded: unknown, here: unknown, ids: Map<string, string>): void {
  if (typeof recorded !== 'object' || recorded === null || typeof here !== 'object' || here === null) return;
  for (const [key, value] of Object.entries(recorded)) {
    const ours = (here as Record<string, unknown>)[key];
    if (/_id$/.test(key) && typeof value === 'string' && typeof ours === 'string' && value !== ours)
      ids.set(value, ours);
    else learn(value, ours, ids);
  }
}

describe.concurrent('the server for tests says what was recorded of the real one', () => {
  test.each([
    ['ws-asis.jsonl', 'asis'],
    ['ws-asis-events.jsonl', 'asis'],
    ['ws-unified.jsonl', 'unified'],
    ['ws-fixed.jsonl', 'fixed'],
    ['ws-enhanced.jsonl', 'enhanced'],
    ['ws-enhanced-raw.jsonl', 'enhanced-raw'],
  ] as const)('%s', async (name, mode) => {
    const recorded = lines(name).filter(({ dir }) => dir === '<-');
    const wanted = new Set(
      recorded.map(({ msg, raw }) =>
        shapeOf((raw === undefined ? msg : parseTolerantJson(raw)) as Record<string, unknown>),
      ),
    );
    const { shapes, binary, closed } = await replay(name, mode, wanted);
    // Every kind of message of the recording is said, in its form, and no other.
    const said = [...shapes].sort();
    expect(said.filter((shape) => !wanted.has(shape))).toEqual([]);
    expect([...wanted].filter((shape) => !shapes.has(shape) && !RARE.test(shape))).toEqual([]);
    const frames = recorded.filter(({ bin }) => bin).map(({ msg }) => msg?.type);
    expect(binary.size > 0).toBe(frames.length > 0);
    // An unknown priority ends the connection in the recording of the enhanced socket.
    expect(closed).toBe(name === 'ws-enhanced.jsonl');
  });

  test('REST answers have the form of the recorded ones', async () => {
    await using server = await startLabLinkServer({ mode: 'fixed', delays: 0 });
    const ids = new Map<string, string>();
    const wrong: string[] = [];
    let compared = 0;
    for (const { kind, method = 'GET', path = '', request, status, response } of lines('rest-fixed.jsonl')) {
      if (kind !== 'rest' || !COMPARED.test(path) || path.includes('/export')) continue;
      const withIds = (text: string) => [...ids].reduce((said, [from, to]) => said.replaceAll(from, to), text);
      const body = request ? withIds(JSON.stringify(request)) : null;
      const ask = () => fetch(server.url + withIds(path), { method, body: method === 'GET' ? null : body });
      // A crash ends the connection it was on.
      const answer = await ask().catch(ask);
      const json: unknown = await answer.json().catch(() => 'text');
      learn(response, json, ids);
      compared++;
      const isSame = answer.status === status && keysOf(response).every((key) => keysOf(json).includes(key));
      if (!isSame)
        wrong.push(`${method} ${path} ${status} ${answer.status} ${keysOf(response).join()} | ${keysOf(json).join()}`);
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(45);
  });

  /** Calls the client makes. */
  const COMPARED =
    /^\/api$|^\/health|equipment\/(list|connect)|equipment\/[^/]+\/(readings|command)|\/snapshot|locks\/(acquire|release|status|activity|sessions\/create|all)|session\/[^/]+\/(start|stop|pause|resume)$|session\/create|acquisition\/sessions|alarms\/(create|check|events\/active)|safety\/(emergency|status)|api\/websocket/;

  function keysOf(value: unknown): string[] {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).sort() : [];
  }
});

describe('defects of the real one', () => {
  test('as shipped, one stream of readings takes all broadcasts from everybody; a ping is answered still', async () => {
    await using server = await startLabLinkServer({ mode: 'asis', delays: 0 });
    const a = await listen(server.port);
    const b = await listen(server.port);
    a.socket.send(
      JSON.stringify({ type: 'start_stream', equipment_id: SCOPE, stream_type: 'measurements', interval_ms: 20 }),
    );
    await expect.poll(() => b.types.includes('stream_data')).toBe(true);
    b.socket.send(
      JSON.stringify({ type: 'start_stream', equipment_id: SUPPLY, stream_type: 'readings', interval_ms: 20 }),
    );
    await expect.poll(() => server.world.basic.kills).toBeGreaterThan(0);
    const before = a.types.length;
    a.socket.send('{"type":"ping"}');
    await expect.poll(() => a.types.at(-1)).toBe('pong');
    expect(a.types.length).toBe(before + 1);
    a.socket.terminate();
    b.socket.terminate();
  });

  test('binary frames and lists end the connection; an unknown equipment is acknowledged and silent', async () => {
    await using server = await startLabLinkServer({ mode: 'fixed', delays: 0 });
    for (const bad of [Buffer.from('x'), '[]', '5']) {
      const { socket } = await listen(server.port);
      const closed = once(socket, 'close');
      socket.send(bad);
      expect((await closed)[0]).toBe(1006);
    }
    const { socket, types } = await listen(server.port);
    socket.send(JSON.stringify({ type: 'start_stream', equipment_id: 'nope' }));
    await expect.poll(() => types).toEqual(['stream_started']);
    socket.terminate();
  });

  test('the stop of the server switches off channel 1 only', async () => {
    await using server = await startLabLinkServer({ mode: 'fixed', delays: 0 });
    const supply = server.world.mainDevices.devices.get(SUPPLY)?.device;
    for (const channel of [1, 2]) await supply?.command('set_output', { channel, enabled: true });
    await fetch(`${server.url}/api/safety/emergency-stop/activate`, { method: 'POST' });
    const on = await Promise.all([1, 2].map(async (channel) => (await supply?.readings?.(channel))?.output_enabled));
    expect(on).toEqual([false, true]);
    expect(server.world.mainDevices.devices.has(LOAD)).toBe(true);
  });

  async function listen(port: number): Promise<{ socket: WebSocket; types: string[] }> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    const types: string[] = [];
    socket.on('message', (data) => types.push((JSON.parse(String(data)) as { type: string }).type));
    socket.on('error', () => undefined);
    await once(socket, 'open');
    return { socket, types };
  }
});
