import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Scope } from '../../src/core/scope.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openHub } from '../../src/hub/hub.ts';
import { refuseRequest } from '../../src/hub/server/fence.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

const scope = new Scope('fence of the hub');
let hub: HubLab;

beforeAll(async () => {
  hub = scope.use(await openHubLab({ anonymous: false }));
});

afterAll(() => scope[Symbol.asyncDispose]());

async function get(path: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const { hostname, port } = new URL(hub.url());
  const request = httpRequest({ hostname, port, path, headers });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response;
}

/** Bytes as they are; everything the hub answers until it closes. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(hub.url());
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

test('a name that was rebound to this address is no name of ours', async () => {
  expect((await get('/live', { host: 'evil.example' })).statusCode).toBe(421);
  expect((await get('/live', { host: 'localhost:80' })).statusCode).toBe(200);
});

test('a page of another origin may not use the bench, not over sockets either', async () => {
  expect((await get('/live', { origin: 'http://evil.example' })).statusCode).toBe(403);
  expect((await get('/live', { origin: 'null' })).statusCode).toBe(403);
  expect((await get('/live', { origin: hub.url() })).statusCode).toBe(200);
  const socket = new WebSocket(hub.socketUrl('/ws/power'), { origin: 'http://evil.example' });
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  expect(response.statusCode).toBe(403);
});

test('without a login nothing is read; wrong, foreign and malformed tokens are refused alike; no token is in the log', async () => {
  for (const authorization of ['', 'Bearer abc', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Basic YTpi']) {
    const response = await get('/api/equipment/list', authorization ? { authorization } : {});
    expect(response.statusCode).toBe(401);
  }
  const token = await hub.token('viewer');
  expect((await get('/api/equipment/list', { authorization: `Bearer ${token}` })).statusCode).toBe(200);
  expect((await get(`/api/equipment/list?token=${token}`, {})).statusCode).toBe(200);
  expect(JSON.stringify(hub.log)).not.toContain(token);
});

test('a viewer changes nothing', async () => {
  const token = await hub.token('viewer');
  const answer = await fetch(`${hub.url()}/connection/disconnect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.status).toBe(403);
  expect(hub.bench.equipment.length).toBe(1);
});

test('what is no HTTP, paths that lead out, bodies that are too long: answered, and the hub goes on', async () => {
  expect(await raw('\x16\x03\x01nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
  expect(await raw('GET /live HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
  for (const path of ['/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/api/..%2f..%2fetc', '/\\..\\..', '/%00'])
    expect((await get(path, {})).statusCode).toBeGreaterThanOrEqual(400);
  const long = await fetch(`${hub.url()}/api/security/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"username":"${'a'.repeat(5 * 1024 * 1024)}"}`,
  }).then(
    ({ status }) => status,
    () => 413,
  );
  expect(long).toBe(413);
  expect((await get('/live', {})).statusCode).toBe(200);
});

test('beyond this machine only with TLS', async () => {
  const { bench, access } = hub;
  const opened = openHub({
    clock: createSystemClock(),
    bench,
    access,
    log: { write() {}, listen: () => ({ [Symbol.dispose]() {} }), recent: [] },
    id: 'x',
    name: 'x',
    version: '0',
    ports: [{ host: '0.0.0.0', port: 0, profile: 'native' }],
  });
  await expect(opened).rejects.toMatchObject({ code: 'hub.insecure' });
});

test('a port that is taken is said', async () => {
  const { bench, access } = hub;
  const opened = openHub({
    clock: createSystemClock(),
    bench,
    access,
    log: { write() {}, listen: () => ({ [Symbol.dispose]() {} }), recent: [] },
    id: 'x',
    name: 'x',
    version: '0',
    ports: [{ host: '127.0.0.1', port: Number(new URL(hub.url()).port), profile: 'native' }],
  });
  await expect(opened).rejects.toMatchObject({ code: 'hub.port-in-use' });
});

test('Host and Origin judged alone', () => {
  const options = { hostNames: ['bench.lab'], origins: ['https://dash.lab'] };
  const verdict = (headers: Record<string, string>): number | undefined => refuseRequest(headers, options)?.status;
  expect(verdict({})).toBe(400);
  expect(verdict({ host: 'bench.lab:8000' })).toBeUndefined();
  expect(verdict({ host: '[::1]:8000' })).toBeUndefined();
  expect(verdict({ host: '192.168.1.4' })).toBeUndefined();
  expect(verdict({ host: 'bench.lab.evil' })).toBe(421);
  expect(verdict({ host: 'a b' })).toBe(400);
  expect(verdict({ host: 'bench.lab', origin: 'https://dash.lab' })).toBeUndefined();
  expect(verdict({ host: 'bench.lab', origin: 'https://dash.lab.evil' })).toBe(403);
});
