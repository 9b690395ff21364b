import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { PASSWORD } from '../hub/access-bench.ts';
import { type HubLab, openHubLab } from '../hub/hub-harness.ts';
import { peerText, pythonText } from './peer-program.ts';

/** A shared bench over LabLink, used by programs as their documents show it: Python's websockets and requests, curl, and a page's WebSocket. */
const scope = new Scope('lablink peers');
let hub: HubLab;
let folder: string;
let base: string;

beforeAll(async () => {
  hub = scope.use(
    await openHubLab({
      attach: ['supply', 'scope'],
      profiles: ['native', 'lablink'],
      hub: { roles: { anonymousReadings: true } },
    }),
  );
  const oscilloscope = hub.bench.equipment.find(({ type }) => type === 'oscilloscope');
  const instrument = oscilloscope?.instrument.id ?? '';
  // Clients are configured with names.
  await hub.screen.client.call('instrument.rename', { instrument, label: 'oscilloscope_1' });
  await hub.screen.until('its name', ({ instruments }) => instruments.some(({ label }) => label === 'oscilloscope_1'));
  // On localhost, as in documents; the token is in curl's own file.
  base = hub.url(1).replace('127.0.0.1', 'localhost');
  folder = await mkdtemp(join(tmpdir(), 'labwire-curl-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, '.curlrc'), `silent\nheader = "Authorization: Bearer ${await hub.token('admin')}"\n`);
});

afterAll(() => scope[Symbol.asyncDispose]());

const curl = async (...args: string[]): Promise<Record<string, unknown>> =>
  JSON.parse(await peerText('curl', args, { env: { CURL_HOME: folder, no_proxy: 'localhost' } })) as Record<
    string,
    unknown
  >;

test('Python, websockets: capabilities first, a compressed stream of a named oscilloscope, figures at the end', async () => {
  const instrument = hub.bench.equipment.find(({ type }) => type === 'oscilloscope')?.instrument.id ?? '';
  // Nobody may take a waveform without a login: somebody at the bench does.
  const taking = setInterval(() => {
    hub.screen.client.call('instrument.capture', { instrument, channels: ['ch1.waveform'] }).catch(() => undefined);
  }, 300);
  const said = await pythonText(
    `
import asyncio, json, sys
import websockets

async def client():
    async with websockets.connect(sys.argv[1]) as websocket:
        types = [json.loads(await websocket.recv())["type"]]
        await websocket.send(json.dumps({"type": "start_recording", "session_id": "python", "metadata": {"test": True}}))
        await websocket.send(json.dumps({"type": "set_compression", "compression": "gzip"}))
        await websocket.send(json.dumps({"type": "start_stream", "equipment_id": "oscilloscope_1", "stream_type": "waveform",
                                         "interval_ms": 100, "priority": "high", "compression": "gzip"}))
        data = None
        while data is None:
            message = json.loads(await websocket.recv())
            types.append(message["type"])
            if message["type"] == "stream_data":
                data = message
        await websocket.send(json.dumps({"type": "get_stats"}))
        while message["type"] != "stats":
            message = json.loads(await websocket.recv())
        print(json.dumps({"types": types, "data": data, "stats": message}))

asyncio.run(client())
`,
    [`${base.replace('http', 'ws')}/ws`],
    { timeoutMs: 60_000 },
  ).finally(() => clearInterval(taking));
  const { types, data, stats } = JSON.parse(said) as { types: string[]; data: unknown; stats: unknown };
  // Without a login nothing is recorded, and that is said.
  expect(types).toEqual(
    expect.arrayContaining(['capabilities', 'error', 'compression_set', 'stream_started', 'stream_data']),
  );
  expect(types[0]).toBe('capabilities');
  expect(data).toMatchObject({ equipment_id: 'oscilloscope_1', stream_type: 'waveform', data: { channel: 1 } });
  expect(stats).toMatchObject({ connection: { messages_dropped: 0 }, global: { active_connections: 1 } });
});

test('Python, requests: a login, a lock, a voltage that is there', async () => {
  const id = hub.bench.equipment.find(({ type }) => type === 'power_supply')?.id ?? '';
  const said = await pythonText(
    `
import json, sys
import requests

base, password, equipment = sys.argv[1:]
login = requests.post(base + "/api/security/login", json={"username": "developer", "password": password})
session = requests.Session()
session.headers["Authorization"] = "Bearer " + login.json()["access_token"]
lock = session.post(base + "/api/locks/acquire", json={"equipment_id": equipment, "session_id": "python"})
answer = session.post(base + f"/api/equipment/{equipment}/command",
                      json={"command_id": "c1", "equipment_id": equipment, "action": "set_voltage",
                            "parameters": {"voltage": 2.5, "channel": 1}, "session_id": "python"})
released = session.post(base + "/api/locks/release", json={"equipment_id": equipment, "session_id": "python"})
readings = session.get(base + f"/api/equipment/{equipment}/readings")
print(json.dumps([lock.json()["status"], answer.json()["success"], released.json()["status"], readings.status_code]))
`,
    [base, PASSWORD, id],
    { timeoutMs: 60_000 },
  );
  expect(JSON.parse(said)).toEqual(['locked', true, 'released', 200]);
  const supply = hub.bench.find(id).instrument.id;
  await hub.screen.until('the voltage at the bench', ({ instruments }) =>
    instruments.some(({ id: one, values }) => one === supply && values['ch1.voltage.set']?.readBack === 2.5),
  );
});

test('curl: a recording is started, looked at, listed and stopped; figures and a test message', async () => {
  const json = ['-H', 'Content-Type: application/json'];
  const api = `${base}/api/websocket`;
  const about = { session_id: 'experiment_001', metadata: { description: 'a test', equipment: 'oscilloscope_1' } };
  const started = await curl('-X', 'POST', `${api}/recording/start`, ...json, '-d', JSON.stringify(about));
  expect(started).toMatchObject({ session_id: 'experiment_001', filepath: expect.stringContaining('.jsonl.gz') });
  expect(await curl(`${api}/recording/stats/experiment_001`)).toMatchObject({ session_id: 'experiment_001' });
  expect(await curl(`${api}/recording/active`)).toEqual(['experiment_001']);
  expect(await curl('-X', 'POST', `${api}/recording/stop/experiment_001`)).toMatchObject({
    messages_per_second: expect.any(Number),
  });
  expect(await curl(`${api}/stats`)).toMatchObject({ active_recordings: 0 });
  expect(await curl(`${api}/connections`)).toEqual([]);
  const message = { message: { type: 'test', data: 'urgent' }, priority: 'high', compression: 'none' };
  expect(await curl('-X', 'POST', `${api}/test/send`, ...json, '-d', JSON.stringify(message))).toMatchObject({
    status: 'success',
  });
});

test('what a page writes, JSON.parse of every message, holds: each of a compressed stream below a kilobyte is text', async () => {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`);
  const types: string[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.onerror = () => reject(new Error('refused'));
    socket.onmessage = (event) => {
      const { type } = JSON.parse(event.data as string) as { type: string };
      types.push(type);
      if (type === 'capabilities')
        socket.send(
          JSON.stringify({
            type: 'start_stream',
            equipment_id: 'oscilloscope_1',
            stream_type: 'measurements',
            compression: 'gzip',
          }),
        );
      if (type === 'stream_data') resolve();
    };
  });
  socket.close();
  expect(types.slice(0, 2)).toEqual(['capabilities', 'stream_started']);
});
