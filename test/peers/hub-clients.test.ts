import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { PASSWORD } from '../hub/access-bench.ts';
import { openHubOnItsPorts } from './hub-ports.ts';
import { peerText, pythonText } from './peer-program.ts';
import { Wscat } from './wscat.ts';

/** A shared bench used by clients no one here wrote, as the documents of the power meter and of NeuroGraph show it, on their ports: wscat, Python, curl, a page's WebSocket. */
const scope = new Scope('clients of a hub');

beforeAll(async () => {
  await openHubOnItsPorts(scope);
});

afterAll(() => scope[Symbol.asyncDispose]());

const wscat = (...args: string[]): Wscat => scope.use(new Wscat(...args));
const DATA = {
  type: 'data',
  timestamp: expect.any(Number),
  module: 4,
  wavelength_nm: null,
  unit: expect.any(String),
  ch1_power: expect.any(Number),
  ch2_power: expect.any(Number),
  ch3_power: expect.any(Number),
  ch4_power: null,
};

test('120 wscat: the line of the power meter’s document gives data', async () => {
  const cat = wscat('-c', 'ws://localhost:8002/api/v1/ws/v2/power?module=4&interval=0.1');
  expect((await cat.until(3)).slice(0, 3)).toEqual([DATA, DATA, DATA]);
  expect(await cat.end()).toBe(0);
});

test('119 wscat: the health line, and a ping typed there', async () => {
  const cat = wscat('-c', 'ws://localhost:8002/api/v1/ws/v2/health');
  await cat.until(1);
  cat.type('ping');
  const beat = { type: 'heartbeat', timestamp: expect.any(String), active_streams: expect.any(Number) };
  expect(await cat.until(3)).toEqual([beat, { type: 'pong', timestamp: expect.any(String) }, beat]);
  expect(await cat.end()).toBe(0);
});

test('wscat: NeuroGraph, LabLink and labwire.1, each on its port', async () => {
  const graph = wscat('-c', 'ws://localhost:8000/ws');
  await graph.until(1);
  for (const line of ['{"type":"subscribe","channels":["metrics","logs"]}', '{"type":"ping"}']) graph.type(line);
  expect(await graph.until(3)).toMatchObject([
    { type: 'connected', reconnected: false },
    { type: 'subscribed', channels: ['metrics'], denied: ['logs'] },
    { type: 'pong' },
  ]);
  const lablink = wscat('-c', 'ws://localhost:8001/ws');
  await lablink.until(1);
  lablink.type('{"type":"get_stats"}');
  expect(await lablink.until(2)).toMatchObject([{ type: 'capabilities' }, { type: 'stats' }]);
  const native = wscat('-s', 'labwire.1', '-c', 'ws://localhost:8003/ws');
  await native.until(1);
  native.type('{"type":"hello","id":"h","version":1,"accept":{"binary":false,"codecs":["raw"],"ack":false}}');
  const [greeting, connected] = await native.until(2);
  expect([greeting?.type, connected?.type]).toEqual(['capabilities', 'connected']);
  expect(await Promise.all([graph, lablink, native].map((cat) => cat.end()))).toEqual([0, 0, 0]);
});

test('Python, websockets: values of the power meter; a session of NeuroGraph that comes back', async () => {
  const said = await pythonText(
    `
import asyncio, json, struct, sys, gzip
import requests, websockets

async def power():
    async with websockets.connect("ws://localhost:8002/api/v1/ws/v2/power?module=4&interval=0.1") as ws:
        return [json.loads(await ws.recv()) for _ in range(3)]

async def refused():
    try:
        async with websockets.connect("ws://localhost:8002/api/v1/ws/v2/power?module=21"):
            return None
    except websockets.exceptions.InvalidStatusCode as error:
        return error.status_code

async def ask(ws, message, wanted):
    await ws.send(message if isinstance(message, bytes) else json.dumps(message))
    while True:
        answer = json.loads(await ws.recv())
        if answer.get("type") == wanted:
            return answer

async def graph(token):
    url = "ws://localhost:8000/ws?token=" + token
    async with websockets.connect(url) as ws:
        connected = json.loads(await ws.recv())
        subscribed = await ask(ws, {"type": "subscribe", "channels": ["signals", "metrics", "connections"]}, "subscribed")
        packed = gzip.compress(json.dumps({"type": "ping"}).encode())
        meta = json.dumps({"compression": "gzip"}).encode()
        pong = await ask(ws, struct.pack(">BBHI", 1, 5, len(meta), len(packed)) + meta + packed, "pong")
        fault = await ask(ws, struct.pack(">BBHI", 2, 4, 0, 0), "error")
        kept = await ask(ws, {"type": "get_reconnection_token"}, "reconnection_token")
    async with websockets.connect(url + "&reconnection_token=" + kept["token"]) as ws:
        again = json.loads(await ws.recv())
        subscriptions = await ask(ws, {"type": "get_subscriptions"}, "subscriptions")
    return [connected, subscribed, pong["type"], fault["message"], again, subscriptions["channels"]]

login = requests.post("http://localhost:8000/api/v1/auth/login", json={"username": "developer", "password": sys.argv[1]})
async def main():
    print(json.dumps({"power": await power(), "refused": await refused(), "graph": await graph(login.json()["access_token"])}))
asyncio.run(main())
`,
    [PASSWORD],
    { timeoutMs: 60_000 },
  );
  const { power, refused, graph } = JSON.parse(said) as { power: unknown; refused: number; graph: unknown[] };
  expect(power).toEqual([DATA, DATA, DATA]);
  expect(refused).toBe(403);
  const [connected, ...rest] = graph as [{ client_id: string }, ...unknown[]];
  expect(connected).toMatchObject({ type: 'connected', user_id: 'developer', reconnected: false });
  expect(rest).toMatchObject([
    { channels: ['signals', 'metrics'], denied: ['connections'] },
    'pong',
    'Unsupported binary message version: 2',
    { type: 'connected', client_id: connected.client_id, reconnected: true },
    ['signals', 'metrics'],
  ]);
});

test('Python, requests and NumPy: status, values and a trace of the power meter; a broadcast of an admin', async () => {
  const said = await pythonText(
    `
import io, json, sys
import numpy, requests

base = "http://localhost:8002"
status = requests.get(base + "/connection/status").json()
snapshot = requests.get(base + "/detector/snapshot", params={"module": 4}).json()
trace = requests.get(base + "/detector/trace/binary", params={"module": 4, "channel": 1, "trace_type": 1})
points = numpy.load(io.BytesIO(trace.content))
wrong = requests.get(base + "/detector/snapshot", params={"module": 99})
login = requests.post(base + "/api/v1/auth/login", json={"username": "admin", "password": sys.argv[1]}).json()
sent = requests.post(base + "/api/v1/websocket/broadcast", params={"channel": "signals"},
                     json={"event_type": "test", "data": {}}, headers={"Authorization": "Bearer " + login["access_token"]})
denied = requests.post(base + "/api/v1/websocket/broadcast", params={"channel": "signals"}, json={"event_type": "test", "data": {}})
print(json.dumps([status["connected"], snapshot, list(points.dtype.names), len(points) > 0, wrong.status_code, sent.status_code, denied.status_code]))
`,
    [PASSWORD],
    { timeoutMs: 60_000 },
  );
  const { type: _, ...snapshot } = DATA;
  expect(JSON.parse(said)).toEqual([true, snapshot, ['wavelengths', 'values'], true, 422, 200, 403]);
});

test('curl: the line for the metrics of NeuroGraph, its login, and the queue of one client of LabLink', async () => {
  const env = { no_proxy: 'localhost' };
  const metrics = await peerText('sh', ['-c', 'curl -s http://localhost:8000/metrics | grep neurograph_ws'], { env });
  expect(new Set(metrics.match(/^# TYPE neurograph_ws_\w+/gm)).size).toBe(16);
  const curl = async (...args: string[]): Promise<unknown> =>
    JSON.parse(await peerText('curl', ['-s', ...args], { env }));
  const json = [
    '-H',
    'Content-Type: application/json',
    '-d',
    JSON.stringify({ username: 'viewer', password: PASSWORD }),
  ];
  const login = (await curl('-X', 'POST', 'http://localhost:8000/api/v1/auth/login', ...json)) as {
    access_token: string;
  };
  expect(login).toMatchObject({ token_type: 'bearer', expires_in: 900 });
  const cat = wscat('-c', 'ws://localhost:8001/ws');
  await cat.until(1);
  const key = ['-H', `Authorization: Bearer ${login.access_token}`];
  const api = 'http://localhost:8000/api/websocket/connections';
  const [connection] = (await curl(api, ...key)) as { client_id: string }[];
  const queue = await curl(`${api}/${connection?.client_id}/backpressure`, ...key);
  expect(queue).toMatchObject({ queue_size: expect.any(Number), messages_dropped: 0 });
  await cat.end();
});

/** What a page writes: each message parsed as JSON; an answer to the first ends it. */
const PAGE = `
const first = (url, take) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url);
  socket.onerror = () => reject(new Error('refused'));
  socket.onmessage = (event) => {
    const found = take(JSON.parse(event.data), socket);
    if (found === undefined) return;
    socket.close();
    resolve(found);
  };
});
const values = await first('ws://localhost:8002/api/v1/ws/v2/power', (message) => message);
const channels = await first('ws://localhost:8000/ws', ({ type, channels }, socket) => {
  if (type === 'connected') socket.send(JSON.stringify({ type: 'subscribe', channels: ['status'] }));
  return type === 'subscribed' ? channels : undefined;
});
console.log(JSON.stringify([values, channels]));
`;

test.each([
  // On Node 20 it is there on request.
  ['of Node', ['--experimental-websocket'], ''],
  ['of ws', [], "import { WebSocket } from 'ws';"],
])(
  '141 JavaScript, WebSocket %s: the basic client of a page, for the power meter and for NeuroGraph',
  async (_name, flags, head) => {
    const args = [...flags, '--input-type=module', '-'];
    const said = await peerText(process.execPath, args, { input: head + PAGE });
    expect(JSON.parse(said)).toEqual([DATA, ['status']]);
  },
);
