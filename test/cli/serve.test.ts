import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { BenchState } from '../../src/contract/bench-schema.ts';
import type { Client } from '../../src/contract/client.ts';
import { connect, greet } from '../../src/contract/client.ts';
import { openSocketLink, socketAddress } from '../../src/contract/socket-link.ts';
import { jsonLines, LabwireProcess, labwire } from './labwire-process.ts';

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let data: string;
let running: LabwireProcess[];

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'labwire-serve-'));
  await writeFile(join(data, 'settings.json'), '{"startSimulator":false}');
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await rm(data, { recursive: true, force: true });
});

/** A browser host on the data folder; the address it printed. */
async function serve(
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ host: LabwireProcess; url: URL; token: string }> {
  const host = new LabwireProcess(['serve', '--no-open', '--json', '--data', data, ...args], env);
  running.push(host);
  const [line = ''] = await host.lines(1);
  const url = new URL((JSON.parse(line) as { url: string }).url);
  return { host, url, token: url.hash.replace('#token=', '') };
}

function socketTo(url: URL, token: string): WebSocket {
  return new WebSocket(...socketAddress(url.href, token), { origin: url.origin });
}

async function screenOf(url: URL, token: string, name = 'test'): Promise<Client> {
  const client = connect(await openSocketLink(socketTo(url, token)));
  await greet(client, name);
  return client;
}

/** Waits until the bench is as wanted. */
async function benchWhere(client: Client, isWanted: (bench: BenchState) => boolean): Promise<BenchState> {
  let changed = (): void => {};
  client.onState(() => changed());
  for (;;) {
    const change = new Promise<void>((resolve) => {
      changed = resolve;
    });
    const bench = await client.call('bench.read', {});
    if (isWanted(bench)) return bench;
    await change;
  }
}

describe('labwire serve', () => {
  it('serves the page, announces itself to its owner alone, and cleans up when stopped', async () => {
    const { host, url, token } = await serve();
    expect(url.hostname).toBe('127.0.0.1');
    expect(token).toMatch(/^[\w-]{43}$/);
    const page = await fetch(new URL('/', url));
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const announced = join(data, 'engine.json');
    expect(JSON.parse(await readFile(announced, 'utf8'))).toMatchObject({ url: `${url.origin}/`, token });
    expect((await stat(announced)).mode & 0o777).toBe(0o600);
    const { code } = await host.stop('SIGTERM');
    expect(code).toBe(0);
    expect((await readdir(data)).filter((name) => name.startsWith('engine.'))).toEqual([]);
    await expect(fetch(new URL('/', url))).rejects.toThrow();
  });

  it('shows the first one when started twice on a data folder, one after the other or both at once', async () => {
    const [first, second] = await Promise.all([serve(), serve()]);
    expect(second.url.href).toBe(first.url.href);
    const third = await labwire('serve', '--no-open', '--json', '--data', data);
    expect([third.code, jsonLines(third.stdout)]).toEqual([0, [{ url: first.url.href }]]);
    expect(third.stderr).toMatch(/runs already/);
    const ended = running.filter(({ child }) => child.exitCode !== null);
    expect(ended.length).toBeLessThanOrEqual(1);
  });

  it('gives one bench to several screens, the command line among them', async () => {
    const { url, token } = await serve();
    using one = await screenOf(url, token, 'one');
    using two = await screenOf(url, token, 'two');
    await two.call('bench.start', {});
    const { simulator } = await benchWhere(one, (bench) => bench.simulator.state === 'running');
    const supply = simulator.instruments.find(({ name }) => name === 'supply')?.resources[0] ?? '';
    const { instrument } = await two.call('instrument.open', { resource: supply });
    await benchWhere(one, (bench) => bench.instruments.some(({ id }) => id === instrument));

    const found = jsonLines<{ name: string; state: string }>((await labwire('find', '--json', '--data', data)).stdout);
    expect(found.find(({ name }) => name === 'supply')?.state).toBe('attached');
    const read = await labwire('read', supply, '--count', '1', '--channel', 'ch1.voltage', '--data', data);
    expect([read.code, read.stdout.split('\n').length]).toEqual([0, 2]);
    // What was attached stays; what the command attached goes.
    const meter = simulator.instruments.find(({ name }) => name === 'meter')?.resources[0] ?? '';
    expect((await labwire('read', meter, '--count', '1', '--data', data)).code).toBe(0);
    const after = await benchWhere(one, (bench) => bench.instruments.length === 1);
    expect(after.instruments.map(({ id }) => id)).toEqual([instrument]);
  });

  it('closes a page that speaks no contract or another version, with the reason, and serves on', async () => {
    const { url, token } = await serve();
    const last = async (message: string): Promise<[number, string]> => {
      const socket = socketTo(url, token);
      await once(socket, 'open');
      socket.send(message);
      const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
      return [code, reason.toString()];
    };
    expect(await last('GET / HTTP/1.1')).toEqual([4000, expect.stringMatching(/no JSON/)]);
    expect(await last('{"type":"request","id":1,"call":"bench.read","input":{}}')).toEqual([
      4000,
      expect.stringMatching(/version/),
    ]);
    expect(await last('{"type":"request","id":1,"call":"engine.hello","input":{"contract":99,"screen":"x"}}')).toEqual([
      4000,
      expect.stringMatching(/version 99/),
    ]);
    using client = await screenOf(url, token);
    expect((await client.call('bench.read', {})).instruments).toEqual([]);
  });

  it('says that a port is in use, before any instrument is touched, and leaves the folder free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const refused = await labwire('serve', '--no-open', '--port', String(port), '--data', data);
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringMatching(/engine\.port-in-use: Port \d+ .*--port/),
    ]);
    other.close();
    await once(other, 'close');
    expect((await serve(['--port', String(port)])).url.port).toBe(String(port));
  });

  it('ends with its launcher', async () => {
    const launcher = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(launcher, 'spawn');
    const { host } = await serve([], { LABWIRE_LAUNCHER_PID: String(launcher.pid) });
    launcher.kill();
    expect((await host.done).code).toBe(0);
  });

  it('takes over from an engine that was killed', async () => {
    const first = await serve();
    await first.host.stop('SIGKILL');
    expect((await labwire('find', '--json', '--data', data)).code).toBe(0);
    const second = await serve();
    expect(second.token).not.toBe(first.token);
    using client = await screenOf(second.url, second.token);
    expect((await client.call('bench.read', {})).revision).toBeGreaterThanOrEqual(0);
  });
});
