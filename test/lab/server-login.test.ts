import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabServerOptions } from '../../src/lab/lab-server.ts';
import { RestClient } from '../../src/lab/rest-client.ts';
import { ServerLogin } from '../../src/lab/server-login.ts';

interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

interface Bench {
  login: ServerLogin;
  /** What was kept to renew it, each time. */
  kept: (string | undefined)[];
  asked: { path: string; body: Record<string, unknown> }[];
  reply: Reply;
}

/** A login at a server that answers each question as it is told. */
async function openBench(options: Pick<LabServerOptions, 'token' | 'login' | 'session'> = {}): Promise<Bench> {
  const bench = { kept: [], asked: [], reply: { status: 200 } } as unknown as Bench;
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      bench.asked.push({ path: request.url ?? '', body: text === '' ? {} : JSON.parse(text) });
      const { status, body = { detail: 'no' }, headers = {} } = bench.reply;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const ports = createNodePorts(createSystemClock());
  onTestFinished(() => {
    ports[Symbol.dispose]();
    http.closeAllConnections();
    http.close();
  });
  const rest = new RestClient(ports, { base: `http://127.0.0.1:${(http.address() as AddressInfo).port}` });
  bench.login = new ServerLogin(() => rest, { ...options, onSession: (session) => bench.kept.push(session) });
  return bench;
}

const granted = (token: string, refresh?: string): Reply => ({
  status: 200,
  body: { access_token: token, expires_in: 900, ...(refresh === undefined ? {} : { refresh_token: refresh }) },
});
const ANA = { user: 'ana', password: 'secret' };

test('a server that stumbles over a renewal costs no login; one that refuses it ends it', async () => {
  const bench = await openBench({ token: 'old', session: 'kept' });
  const { login, kept } = bench;
  bench.reply = { status: 503 };
  await expect(login.renew()).rejects.toMatchObject({ code: 'server.unreachable' });
  expect([login.canRenew, login.token, kept]).toEqual([true, 'old', []]);
  bench.reply = granted('new', 'next');
  await login.renew();
  expect([login.token, login.expiresInS, kept]).toEqual(['new', 900, ['next']]);
  // Not rotated: it stays.
  bench.reply = granted('newer');
  await login.renew();
  expect([login.token, kept]).toEqual(['newer', ['next', 'next']]);
  bench.reply = { status: 401 };
  await expect(login.renew()).rejects.toMatchObject({ code: 'server.unauthorized' });
  expect([login.canRenew, login.token, kept.at(-1)]).toEqual([false, undefined, undefined]);
});

test('a token that still holds stays when it cannot be renewed early', async () => {
  const bench = await openBench({ token: 'good', session: 'kept' });
  bench.reply = { status: 401 };
  await expect(bench.login.renew(undefined, true)).rejects.toMatchObject({ code: 'server.unauthorized' });
  expect(bench.login.token).toBe('good');
});

test('many who ask at once are one question; who gives up does not take the answer from the others', async () => {
  const bench = await openBench({ session: 'once' });
  bench.reply = granted('new', 'next');
  await Promise.all([bench.login.renew(), bench.login.renew(), bench.login.renew()]);
  expect(bench.asked.map(({ path, body }) => [path, body])).toEqual([
    ['/api/security/refresh', { refresh_token: 'once' }],
  ]);
  const stop = new AbortController();
  const first = bench.login.renew(stop.signal);
  const second = bench.login.renew();
  stop.abort(new LabError('call.cancelled', 'Not wanted any more.'));
  await expect(first).rejects.toMatchObject({ code: 'call.cancelled' });
  await second;
  expect([bench.login.token, bench.login.canRenew]).toEqual(['new', true]);
});

test('without what renews it the login is said again, but not one with a one-time code', async () => {
  const bench = await openBench();
  bench.reply = granted('one');
  await bench.login.login(ANA);
  expect(bench.asked.at(-1)?.body).toEqual({ username: 'ana', password: 'secret' });
  bench.reply = granted('two');
  await bench.login.renew();
  expect([bench.login.token, bench.asked.map(({ path }) => path)]).toEqual([
    'two',
    ['/api/security/login', '/api/security/login'],
  ]);
  await bench.login.login({ ...ANA, mfaToken: '123456' });
  expect(bench.asked.at(-1)?.body).toMatchObject({ mfa_token: '123456' });
  expect(bench.login.canRenew).toBe(false);
  await expect(bench.login.renew()).rejects.toMatchObject({ code: 'server.unauthorized' });
});

test('what renewed the login of somebody else goes with the next login', async () => {
  const bench = await openBench({ session: 'of bob' });
  bench.reply = granted('token');
  await bench.login.login(ANA);
  expect(bench.kept).toEqual([undefined]);
});

test('each refusal has its code and says what the server says', async () => {
  const bench = await openBench();
  const cases: [Reply, string][] = [
    [{ status: 403, headers: { 'x-mfa-required': 'true' } }, 'server.mfa-required'],
    [{ status: 429, body: { detail: 'locked for 5 min' } }, 'server.busy'],
    [{ status: 423 }, 'server.busy'],
    [{ status: 401, body: { detail: 'Invalid username or password' } }, 'server.unauthorized'],
    [{ status: 403 }, 'server.unauthorized'],
    [{ status: 500 }, 'server.rejected'],
    [{ status: 200, body: { access_token: 7 } }, 'server.malformed'],
    [{ status: 200, body: {} }, 'server.malformed'],
  ];
  for (const [reply, code] of cases) {
    bench.reply = reply;
    await expect(bench.login.login(ANA)).rejects.toMatchObject({ code });
    expect([bench.login.token, bench.login.canRenew, bench.kept]).toEqual([undefined, false, []]);
  }
  bench.reply = { status: 401, body: { detail: 'Invalid username or password' } };
  await expect(bench.login.login(ANA)).rejects.toThrow(/It says: Invalid username or password/);
});

test('a logout forgets everything, whatever the server says', async () => {
  const bench = await openBench();
  bench.reply = granted('token', 'refresh');
  await bench.login.login(ANA);
  bench.reply = { status: 500 };
  await bench.login.logout();
  expect(bench.asked.at(-1)?.path).toBe('/api/security/logout');
  expect([bench.login.token, bench.login.expiresInS, bench.login.canRenew, bench.kept]).toEqual([
    undefined,
    undefined,
    false,
    ['refresh', undefined],
  ]);
});
