import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpRequest } from 'node:http';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Link } from '../../contract/link.ts';
import { openSocketLink, SOCKET_PROTOCOL, socketAddress } from '../../contract/socket-link.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { openListener } from './listener.ts';

let folder: string;
let listener: Listener;
let screens: Link[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-listener-'));
  await mkdir(join(folder, 'page', 'assets'), { recursive: true });
  await mkdir(join(folder, 'exports'));
  await writeFile(join(folder, 'page', 'index.html'), '<!doctype html><title>x</title>');
  await writeFile(join(folder, 'page', 'assets', 'main.js'), 'export {};');
  await writeFile(join(folder, 'page', '.hidden'), 'hidden');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await symlink(join(folder, 'secret.txt'), join(folder, 'page', 'way-out.txt'));
  await writeFile(join(folder, 'exports', "a run (1)'s µ.csv"), 't,V\n1,2\n');
  await writeFile(join(folder, 'exports', 'big.csv'), Buffer.alloc(3_000_000, 'x'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function open(options: Partial<ListenerOptions> = {}): Promise<Listener> {
  return openListener({
    pageFolder: join(folder, 'page'),
    exportsFolder: join(folder, 'exports'),
    onScreen: (link) => screens.push(link),
    ...options,
  });
}

beforeEach(async () => {
  screens = [];
  listener = await open();
});
afterEach(() => listener[Symbol.asyncDispose]());

function lastScreen(): Link {
  const link = screens.at(-1);
  if (!link) throw new Error('no screen came');
  return link;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A request with exactly these headers and this path: `fetch` would tidy both. */
async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(listener.url);
  const request = httpRequest({ host: hostname, port, path, method, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

function origin(): string {
  return listener.url.slice(0, -1);
}

/** Status of the upgrade: 101, or what refused it. */
async function upgrade(url: string, protocols: string[], headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(url, protocols, { headers, perMessageDeflate: false });
  const outcome = new Promise<number>((resolve) => {
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('error', () => resolve(-1));
  });
  const status = await outcome;
  socket.terminate();
  return status;
}

async function openScreen(): Promise<Link> {
  return openSocketLink(new WebSocket(...socketAddress(listener.url, listener.token), { origin: origin() }));
}

describe('pages', () => {
  it('are served on 127.0.0.1 with every fence header, refusals too', async () => {
    expect(listener.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await ask('/');
    expect([page.status, page.headers['content-type'], page.body.toString()]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<!doctype html><title>x</title>',
    ]);
    expect((await ask('/assets/main.js')).headers['content-type']).toBe('text/javascript; charset=utf-8');
    for (const { headers } of [page, await ask('/nothing'), await ask('/', { Host: 'evil.example' })]) {
      const csp = headers['content-security-policy'] ?? '';
      expect(csp).toContain("default-src 'none'");
      expect(csp).toContain(`connect-src 'self' ws://${new URL(listener.url).host}`);
      expect(csp).toContain("frame-ancestors 'none'");
      expect(csp).not.toContain('unsafe');
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('answer HEAD with the headers alone', async () => {
    const { status, headers, body } = await ask('/', {}, 'HEAD');
    expect([status, headers['content-length'], body.length]).toEqual([200, '31', 0]);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])('refuse %s', async (method) => {
    expect((await ask('/', {}, method)).status).toBe(405);
  });

  it('refuse another Host (DNS rebinding) and another Origin', async () => {
    const { host, port } = new URL(listener.url);
    for (const name of ['evil.example', `evil.example:${port}`, '127.0.0.1', `localhost:${port}`, `${host}.evil`]) {
      expect([name, (await ask('/', { Host: name })).status]).toEqual([name, 421]);
    }
    for (const site of ['http://evil.example', 'null', `https://${host}`, `http://${host}.evil`]) {
      expect([site, (await ask('/', { Origin: site })).status]).toEqual([site, 403]);
    }
    expect((await ask('/', { Host: host, Origin: origin() })).status).toBe(200);
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/assets/../../secret.txt',
    '/way-out.txt',
    '/.hidden',
    '/assets',
    '/index.html%00.js',
    '/%',
    '//etc/passwd',
    '/C:/x',
    '/exports/../secret.txt',
  ])('hide %s', async (path) => {
    const { status, body } = await ask(path);
    expect([404, 401]).toContain(status);
    expect(body.toString()).not.toContain('secret\n');
    expect(body.toString()).not.toBe('secret');
  });
});

describe('exports', () => {
  const name = encodeURIComponent("a run (1)'s µ.csv");

  it('need the token', async () => {
    expect((await ask(`/exports/${name}`)).status).toBe(401);
    expect((await ask(`/exports/${name}?token=${'A'.repeat(43)}`)).status).toBe(401);
    expect((await ask('/exports/nothing')).status).toBe(401);
    expect((await ask('/exports')).status).toBe(401);
  });

  it('come as a download under their name', async () => {
    const { status, headers, body } = await ask(`/exports/${name}?token=${listener.token}`);
    expect([status, body.toString()]).toEqual([200, 't,V\n1,2\n']);
    expect(headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(headers['content-disposition']).toBe("attachment; filename*=UTF-8''a%20run%20%281%29%27s%20%C2%B5.csv");
  });

  it('come whole, and only from their folder', async () => {
    expect((await ask(`/exports/big.csv?token=${listener.token}`)).body.length).toBe(3_000_000);
    expect((await ask(`/exports/..%2fsecret.txt?token=${listener.token}`)).status).toBe(404);
    expect((await ask(`/exports/?token=${listener.token}`)).status).toBe(404);
  });

  it('survive a browser that goes away in the middle', async () => {
    const { hostname, port } = new URL(listener.url);
    const request = httpRequest({
      host: hostname,
      port,
      path: `/exports/big.csv?token=${listener.token}`,
      agent: false,
    });
    request.end();
    const [response] = await once(request, 'response');
    await once(response, 'data');
    request.destroy();
    expect((await ask('/')).status).toBe(200);
  });
});

describe('screens', () => {
  it('come in with the token and talk both ways', async () => {
    const link = await openScreen();
    expect(screens).toHaveLength(1);
    const atEngine = new Promise((resolve) => lastScreen().onMessage(resolve));
    const atScreen = new Promise((resolve) => link.onMessage(resolve));
    link.send('ping');
    lastScreen().send('pong');
    expect(await Promise.all([atEngine, atScreen])).toEqual(['ping', 'pong']);
  });

  it('are refused without the right token, Origin, Host, path or protocol', async () => {
    const [url, protocols] = socketAddress(listener.url, listener.token);
    const Origin = origin();
    expect(await upgrade(url, protocols, { Origin })).toBe(101);
    expect(await upgrade(url, [SOCKET_PROTOCOL, 'A'.repeat(43)], { Origin })).toBe(401);
    expect(await upgrade(url, [SOCKET_PROTOCOL], { Origin })).toBe(401);
    expect(await upgrade(url, [], { Origin })).toBe(401);
    expect(await upgrade(url, [listener.token, SOCKET_PROTOCOL], { Origin })).toBe(401);
    expect(await upgrade(url, [...protocols, 'x'], { Origin })).toBe(401);
    expect(await upgrade(url, protocols, {})).toBe(403);
    expect(await upgrade(url, protocols, { Origin: 'http://evil.example' })).toBe(403);
    expect(await upgrade(url, protocols, { Origin, Host: 'evil.example' })).toBe(421);
    expect(await upgrade(`${listener.url.replace('http', 'ws')}other`, protocols, { Origin })).toBe(404);
    expect(screens).toHaveLength(1);
  });

  it('never get compression', async () => {
    const socket = new WebSocket(...socketAddress(listener.url, listener.token), {
      origin: origin(),
      perMessageDeflate: true,
    });
    await once(socket, 'open');
    expect(socket.extensions).toBe('');
    expect(socket.protocol).toBe(SOCKET_PROTOCOL);
    socket.terminate();
  });

  it('are bounded in number', async () => {
    await using small = await open({ maxScreens: 2 });
    const [url, protocols] = socketAddress(small.url, small.token);
    const headers = { Origin: small.url.slice(0, -1) };
    const first = await openSocketLink(new WebSocket(url, protocols, { headers }));
    const one = lastScreen();
    await openSocketLink(new WebSocket(url, protocols, { headers }));
    expect(await upgrade(url, protocols, headers)).toBe(503);
    first.end('');
    await one.closed;
    expect(await upgrade(url, protocols, headers)).toBe(101);
  });

  it('are bounded in the length of a message', async () => {
    await using small = await open({ maxMessageBytes: 1000 });
    const origin = small.url.slice(0, -1);
    const link = await openSocketLink(new WebSocket(...socketAddress(small.url, small.token), { origin }));
    link.send('x'.repeat(1001));
    await link.closed;
    await lastScreen().closed;
  });

  it('are closed with a reason when they say nothing', async () => {
    await using impatient = await open({ helloTimeoutMs: 30 });
    const socket = new WebSocket(...socketAddress(impatient.url, impatient.token), {
      origin: impatient.url.slice(0, -1),
    });
    const [, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect(reason.toString()).toMatch(/said nothing/);
  });

  it('are cut when their system answers no ping', async () => {
    await using watchful = await open({ pingMs: 30 });
    const { hostname, port, host } = new URL(watchful.url);
    const socket = connectTcp(Number(port), hostname);
    socket.write(
      `GET /link HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n` +
        `Sec-WebSocket-Protocol: ${SOCKET_PROTOCOL}, ${watchful.token}\r\n\r\n`,
    );
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
    expect(await lastScreen().closed).not.toBe('');
  });

  it('hear why when the listener is disposed, twice too', async () => {
    const link = await openScreen();
    const first = listener[Symbol.asyncDispose]();
    expect(await link.closed).toBe('The engine is closing.');
    await Promise.all([first, listener[Symbol.asyncDispose]()]);
  });
});

describe('the door itself', () => {
  it('answers what is no HTTP with 400 and lives on', async () => {
    const { hostname, port } = new URL(listener.url);
    for (const garbage of [Buffer.from('\x16\x03\x01\x02\x00\x01garbage\r\n\r\n'), Buffer.alloc(100_000, 'A')]) {
      const socket = connectTcp(Number(port), hostname);
      socket.on('error', () => {});
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.write(garbage);
      await once(socket, 'close');
      expect(Buffer.concat(chunks).toString()).toMatch(/^(HTTP\/1\.1 400|$)/);
    }
    expect((await ask('/')).status).toBe(200);
  });

  it('says engine.port-in-use with what to do', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as import('node:net').AddressInfo;
    await expect(open({ port })).rejects.toMatchObject({
      code: 'engine.port-in-use',
      message: expect.stringMatching(/--port/),
    });
    other.close();
  });

  it('says engine.not-built without a page', async () => {
    await expect(open({ pageFolder: join(folder, 'nowhere') })).rejects.toMatchObject({ code: 'engine.not-built' });
  });
});
