import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { redact } from '../../src/core/redact.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { RestClient } from '../../src/lab/rest-client.ts';

const ports = createNodePorts(createSystemClock());
let handle: (request: IncomingMessage, response: ServerResponse, body: string) => void;
const seenSockets = new Set<unknown>();
const seen: { line: string; authorization: string | undefined; body: string }[] = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += String(part);
  seenSockets.add(request.socket);
  seen.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization, body });
  handle(request, response, body);
});
let base: string;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(() => {
  seen.length = 0;
});

afterAll(() => {
  ports[Symbol.dispose]();
  server.closeAllConnections();
  server.close();
});

const reply = (status: number, body: string, type = 'application/json'): void => {
  handle = (_, response) => response.writeHead(status, { 'content-type': type }).end(body);
};

const failure = async (asked: Promise<unknown>): Promise<LabError> => {
  try {
    await asked;
  } catch (thrown) {
    if (thrown instanceof LabError) return thrown;
    throw thrown;
  }
  throw new Error('it did not fail');
};

describe('answers', () => {
  test('JSON with NaN, a query that is encoded, a body that is JSON', async () => {
    const client = new RestClient(ports, { base: `${base}/` });
    reply(200, '{"ch1_power": NaN}');
    expect(await client.get('/detector/snapshot', { query: { module: 4, name: 'a b&c', none: undefined } })).toEqual({
      ch1_power: Number.NaN,
    });
    expect(seen[0]?.line).toBe('GET /detector/snapshot?module=4&name=a%20b%26c');
    await client.post('/api/command', { action: 'set', value: 1 });
    expect(seen[1]).toMatchObject({ line: 'POST /api/command', body: '{"action":"set","value":1}' });
    reply(204, '');
    expect(await client.post('/x')).toBeUndefined();
  });

  test('a success that is no JSON is said; bytes are left as they are', async () => {
    const client = new RestClient(ports, { base });
    reply(200, '<html>', 'text/html');
    expect((await failure(client.get('/'))).code).toBe('server.malformed');
    reply(200, '\u0093NUMPY', 'application/octet-stream');
    const answer = await client.request('/trace/binary');
    expect(answer).toMatchObject({ text: '', json: undefined });
    expect(answer.body.byteLength).toBe(7);
  });

  test.each([
    [401, '{"detail":"Not authenticated"}', 'server.unauthorized', 'Not authenticated'],
    [403, '{"detail":"Admin only"}', 'server.denied', 'Admin only'],
    [404, '{"detail":"Equipment psu-1 not found"}', 'server.unsupported', 'Equipment psu-1 not found'],
    [409, '{"error":"locked by bob"}', 'server.busy', 'locked by bob'],
    [
      422,
      '{"detail":[{"loc":["body","interval_ms"],"msg":"Input should be a valid number","input":"x"},{"msg":"bad"}]}',
      'server.rejected',
      'body.interval_ms: Input should be a valid number; bad',
    ],
    [429, '{"message":"Rate limit exceeded","retry_after":2.5}', 'server.busy', 'Rate limit exceeded'],
    [503, '{"detail":"Not connected to CTP10."}', 'server.refused', 'Not connected to CTP10.'],
    [500, '{"detail":"division by zero"}', 'server.rejected', 'division by zero'],
    [400, 'plain words', 'server.rejected', 'plain words'],
    [418, '{"error":{"message":"nested"}}', 'server.rejected', 'nested'],
    [500, '[1,2]', 'server.rejected', 'HTTP 500'],
  ])('HTTP %i %s', async (status, body, code, said) => {
    const client = new RestClient(ports, { base });
    reply(status, body, body.startsWith('{') || body.startsWith('[') ? 'application/json' : 'text/plain');
    const error = await failure(client.get('/api/equipment/psu-1'));
    expect(error.code).toBe(code);
    expect(error.message).toContain(said);
    expect(error.message).toContain('GET /api/equipment/psu-1');
    expect(error.details).toMatchObject({ status });
    expect(seen).toHaveLength(1);
  });
});

describe('a second try', () => {
  test('of a GET that failed without words of the server, once; never of a POST', async () => {
    const client = new RestClient(ports, { base });
    handle = (_, response) => {
      if (seen.length === 1) response.writeHead(500, { 'content-type': 'text/plain' }).end('Internal Server Error');
      else response.writeHead(200).end('{"ok":true}');
    };
    expect(await client.get('/readings')).toEqual({ ok: true });
    seen.length = 0;
    reply(500, 'Internal Server Error', 'text/plain');
    expect((await failure(client.get('/readings'))).code).toBe('server.rejected');
    expect(seen).toHaveLength(2);
    seen.length = 0;
    await failure(client.post('/output', { on: true }));
    expect(seen).toHaveLength(1);
  });

  test('of a GET whose connection was reset, once; never of a POST', async () => {
    const client = new RestClient(ports, { base });
    const reset = (request: IncomingMessage): void => void request.socket.resetAndDestroy();
    handle = (request, response) => {
      if (seen.length === 1) reset(request);
      else response.writeHead(200).end('1');
    };
    expect(await client.get('/readings')).toBe(1);
    seen.length = 0;
    handle = reset;
    expect(await failure(client.get('/readings'))).toMatchObject({
      code: 'server.unreachable',
      details: { cause: 'ECONNRESET' },
    });
    expect(seen).toHaveLength(2);
    seen.length = 0;
    expect((await failure(client.post('/output', {}))).code).toBe('server.unreachable');
    expect(seen).toHaveLength(1);
  });
});

describe('the token', () => {
  test('is renewed once for all that were refused together, and used from then on', async () => {
    let token = 'old';
    let renewals = 0;
    const client = new RestClient(ports, {
      base,
      token: () => token,
      onUnauthorized: async () => {
        renewals++;
        await new Promise((resolve) => setImmediate(resolve));
        token = 'new';
        return true;
      },
    });
    handle = (request, response) =>
      response
        .writeHead(request.headers.authorization === 'Bearer new' ? 200 : 401, { 'content-type': 'application/json' })
        .end('{"detail":"expired"}');
    await Promise.all(Array.from({ length: 5 }, (_, n) => client.get(`/${n}`)));
    expect(renewals).toBe(1);
    await client.get('/later');
    expect(renewals).toBe(1);
    expect(seen.at(-1)?.authorization).toBe('Bearer new');
  });

  test('refused again, or not to be had: unauthorized; a login goes without it', async () => {
    let renewals = 0;
    const client = new RestClient(ports, {
      base,
      token: () => 't',
      onUnauthorized: () => {
        renewals++;
        return Promise.resolve(renewals === 1);
      },
    });
    reply(401, '{"detail":"no"}');
    expect((await failure(client.get('/x'))).code).toBe('server.unauthorized');
    expect([renewals, seen.length]).toEqual([1, 2]);
    expect((await failure(client.get('/x'))).code).toBe('server.unauthorized');
    expect([renewals, seen.length]).toEqual([2, 3]);
    await failure(client.post('/login', { user: 'u' }, { isOpen: true }));
    expect(renewals).toBe(2);
    expect(seen.at(-1)?.authorization).toBeUndefined();
  });
});

describe('limits', () => {
  test('too long, too late, cancelled, nobody there', async () => {
    // Short only where nothing is to come: a round trip on a busy machine takes as long as it takes.
    const client = new RestClient(ports, { base, maxBytes: 100, timeoutMs: 5_000 });
    const silent = { timeoutMs: 150 };
    reply(200, `"${'x'.repeat(200)}"`);
    expect((await failure(client.get('/long'))).code).toBe('protocol.too-long');
    handle = () => {};
    expect((await failure(client.get('/never', silent))).code).toBe('server.timeout');
    // Headers, then nothing.
    handle = (_, response) => void response.writeHead(200).write('{');
    expect((await failure(client.get('/half', silent))).code).toBe('server.timeout');
    const stop = new AbortController();
    handle = () => stop.abort(new LabError('call.cancelled', 'Enough.'));
    expect((await failure(client.get('/x', { signal: stop.signal }))).message).toBe('Enough.');
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    const nobody = new RestClient(ports, { base: `http://127.0.0.1:${port}` });
    const error = await failure(nobody.get('/x?token=abc'));
    expect(error).toMatchObject({ code: 'server.unreachable', details: { cause: 'ECONNREFUSED' } });
    expect(error.message).not.toContain('abc');
  });

  test('a network that broke silently: after one question too late the next one has a connection of its own', async () => {
    const own = createNodePorts(createSystemClock());
    const client = new RestClient(own, { base, timeoutMs: 200 });
    const waiting: ServerResponse[] = [];
    handle = (_, response) => {
      waiting.push(response);
      // Five at a time, so that five connections are kept.
      if (waiting.length === 5) for (const one of waiting.splice(0)) one.writeHead(200).end('1');
    };
    await Promise.all(Array.from({ length: 5 }, () => client.get('/x', { timeoutMs: 5_000 })));
    const frozen = new Set(seenSockets);
    handle = (request, response) => {
      if (!frozen.has(request.socket)) response.writeHead(200).end('2');
    };
    expect((await failure(client.get('/x'))).code).toBe('server.timeout');
    expect(await client.get('/x', { timeoutMs: 5_000 })).toBe(2);
    own[Symbol.dispose]();
  });

  test('every answer is told, with when it was asked for', async () => {
    const told: number[] = [];
    const client = new RestClient(ports, {
      base,
      onAnswer: ({ status, headers }, sentMs, receivedMs) => {
        expect(Date.parse(headers.date ?? '')).toBeGreaterThan(0);
        expect(receivedMs).toBeGreaterThanOrEqual(sentMs);
        told.push(status);
      },
    });
    reply(404, '{}');
    await failure(client.get('/x'));
    expect(told).toEqual([404]);
  });
});

test.each([
  ['ws://h/ws?token=abc.def&module=4', 'ws://h/ws?token=…&module=4'],
  ['http://admin:pass@host/x', 'http://…@host/x'],
  ['{"access_token": "abc", "user": "u"}', '{"access_token": "…", "user": "u"}'],
  ['Authorization: Bearer abc.def-_', 'Authorization: …'],
  ['password=hunter2; reconnection_token=x', 'password=…; reconnection_token=…'],
  ['Authorization: Basic YTpi', 'Authorization: …'],
  ['{"old_password":"a \\"b, c","mfaToken":"12 34"}', '{"old_password":"…","mfaToken":"…"}'],
  ['key lw_0123456789-_abc given', 'key lw_… given'],
  ['bad token eyJhbGciOi.eyJzdWIi.sig- here', 'bad token … here'],
  ['ws://h/ws?module=4', 'ws://h/ws?module=4'],
  ['Token expired', 'Token expired'],
])('secrets are left out: %s', (text, expected) => expect(redact(text)).toBe(expected));
