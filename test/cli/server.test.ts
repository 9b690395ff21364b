import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type LabLinkServer, startLabLinkServer } from '../servers/lablink/server.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';
import { labwire, type Outcome } from './labwire-process.ts';
import { startServe } from './serve-process.ts';

const CLI = join(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js');
const TOKEN = 'tok-0123456789-secret';

const scope = new Scope('labwire server');
let power: PowerMeterServer;
let lablink: LabLinkServer;
let data: string;

beforeAll(async () => {
  power = scope.use(await PowerMeterServer.start());
  lablink = scope.use(await startLabLinkServer({ mode: 'asis', mocks: true, delays: 0 }));
  data = await mkdtemp(join(tmpdir(), 'labwire-server-'));
  scope.defer(() => rm(data, { recursive: true, force: true, maxRetries: 5 }));
  const { host } = await startServe(data);
  scope.defer(async () => void (await host.stop()));
});

afterAll(() => scope[Symbol.asyncDispose]());

/** With the token on the standard input. */
async function withInput(input: string, ...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, LABWIRE_LAUNCHER_PID: '' } });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([readText(child.stdout), readText(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

test('server URL says what it speaks, what works and what is broken; code 3 where something is', async () => {
  const outcome = await labwire('server', power.url, '--data', data);
  expect(outcome.stdout).toMatch(/^Power meter \(CTP10\).* speaks power-meter$/m);
  expect(outcome.stdout).toMatch(/^ {2}BROKEN {2}Messages to the power socket: /m);
  expect(outcome.stdout).toMatch(/^ {2}module4 {2}Power meter, module 4 \(meter\): power$/m);
  expect(outcome.code).toBe(3);
});

test('--json is the report as data, and nothing was put on the bench', async () => {
  const outcome = await labwire('server', lablink.url, '--json', '--data', data);
  expect(JSON.parse(outcome.stdout)).toMatchObject({ dialect: 'lablink', findings: expect.any(Array) });
  expect(outcome.code).toBe(0);
  expect(JSON.parse((await labwire('server', '--json', '--data', data)).stdout)).toEqual([]);
});

test('without an engine it can still be asked what it speaks; the bench cannot be changed', async () => {
  const none = join(data, 'none');
  expect((await labwire('server', lablink.url, '--data', none)).stdout).toMatch(/ speaks lablink$/m);
  for (const args of [[], [lablink.url, '--add'], [lablink.url, '--remove']]) {
    const outcome = await labwire('server', ...args, '--data', none);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toMatch(/^labwire: call\.invalid: Labwire does not run on this data folder.*\n$/);
  }
});

test('an address typed wrong, nothing there, something else there: one line each', async () => {
  const web = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hi'),
  );
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;
  const other = await labwire('server', `127.0.0.1:${port}`, '--data', data);
  web.closeAllConnections();
  web.close();
  await once(web, 'close');
  const gone = await labwire('server', `127.0.0.1:${port}`, '--data', data);
  const wrong = await labwire('server', 'ftp://lab', '--data', data);
  expect(other.stderr).toMatch(/^labwire: server\.unsupported: .*speaks nothing Labwire knows.*\n$/);
  expect(gone.stderr).toMatch(/^labwire: server\.unreachable: .*\n$/);
  expect(wrong.stderr).toMatch(/^labwire: call\.invalid: .*\n$/);
  expect([other.code, gone.code]).toEqual([3, 3]);
  expect(wrong.code).toBe(2);
});

test('--add --token -: on the bench, listed with its word and badge; the token is in no line and no file', async () => {
  const added = await withInput(`${TOKEN}\n`, 'server', power.url, '--add', '--token', '-', '--data', data);
  expect(added).toMatchObject({ code: 0 });
  expect(added.stdout).toMatch(/^On the bench: \S+$/m);
  const listed = await labwire('server', '--data', data);
  expect(listed.stdout).toContain(power.url);
  const file = await readFile(join(data, 'servers.json'), 'utf8');
  expect(JSON.parse(file).servers).toMatchObject([{ url: power.url, dialect: 'power-meter' }]);
  for (const text of [added.stdout, added.stderr, listed.stdout, file]) expect(text).not.toContain(TOKEN);
});

test('a token in the address is taken out of it', async () => {
  const url = `${lablink.url}/?token=${TOKEN}`;
  const added = await labwire('server', url, '--add', '--data', data);
  expect(added).toMatchObject({ code: 0 });
  const listed = await labwire('server', '--json', '--data', data);
  const file = await readFile(join(data, 'servers.json'), 'utf8');
  expect(file).toContain(lablink.url);
  for (const text of [added.stdout, added.stderr, listed.stdout, file]) expect(text).not.toContain(TOKEN);
});

test('an empty standard input is no token: nothing was asked of the server', async () => {
  // A server of its own: the one on the bench is asked again and again by the engine.
  const fresh = scope.use(await PowerMeterServer.start());
  const outcome = await withInput('', 'server', fresh.url, '--token', '-', '--data', data);
  expect(outcome.stderr).toMatch(/^labwire: call\.invalid: No token came on the standard input\.\n$/);
  expect(outcome.code).toBe(2);
  expect(fresh.requests).toEqual([]);
});

test('--remove takes it off; one that is not there is said', async () => {
  expect((await labwire('server', power.url, '--remove', '--data', data)).code).toBe(0);
  const again = await labwire('server', power.url, '--remove', '--data', data);
  expect(again.code).toBe(3);
  expect(again.stdout + again.stderr).toContain('is on the bench');
  expect(await readFile(join(data, 'servers.json'), 'utf8')).not.toContain(power.url);
});
