import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { BenchState } from '../../src/contract/bench-schema.ts';
import type { Client } from '../../src/contract/client.ts';
import { freePort } from '../servers/free-port.ts';
import { jsonLines, type LabwireProcess, labwire } from './labwire-process.ts';
import type { ServeProcess } from './serve-process.ts';
import { enginePid, screenOf, socketTo, startServe } from './serve-process.ts';

// Processes on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

/** A data folder and the browser hosts on it; disposing stops them. */
class ServeFolder implements AsyncDisposable {
  readonly data: string;
  readonly running: LabwireProcess[] = [];

  constructor(data: string) {
    this.data = data;
  }

  async serve(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<ServeProcess> {
    const serve = await startServe(this.data, args, env);
    this.running.push(serve.host);
    return serve;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((one) => one.stop()));
    await rm(this.data, { recursive: true, force: true });
  }
}

async function openFolder(): Promise<ServeFolder> {
  const data = await mkdtemp(join(tmpdir(), 'labwire-serve-'));
  await writeFile(join(data, 'settings.json'), '{"startSimulator":false}');
  return new ServeFolder(data);
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

describe.concurrent('labwire serve', () => {
  it('serves the page, announces itself to its owner alone, and cleans up when stopped', async () => {
    await using folder = await openFolder();
    const { host, url, token } = await folder.serve();
    expect(url.hostname).toBe('127.0.0.1');
    expect(token).toMatch(/^[\w-]{43}$/);
    const page = await fetch(new URL('/', url));
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const announced = join(folder.data, 'engine.json');
    expect(JSON.parse(await readFile(announced, 'utf8'))).toMatchObject({ url: `${url.origin}/`, token });
    expect((await stat(announced)).mode & 0o777).toBe(0o600);
    const { code } = await host.stop('SIGTERM');
    expect(code).toBe(0);
    expect((await readdir(folder.data)).filter((name) => name.startsWith('engine.'))).toEqual([]);
    await expect(fetch(new URL('/', url))).rejects.toThrow();
  });

  it('shows the first one when started twice on a data folder, one after the other or both at once', async () => {
    await using folder = await openFolder();
    const [first, second] = await Promise.all([folder.serve(), folder.serve()]);
    expect(second.url.href).toBe(first.url.href);
    const third = await labwire('serve', '--no-open', '--json', '--data', folder.data);
    expect([third.code, jsonLines(third.stdout)]).toEqual([0, [{ url: first.url.href }]]);
    expect(third.stderr).toMatch(/runs already/);
    const ended = folder.running.filter(({ child }) => child.exitCode !== null);
    expect(ended.length).toBeLessThanOrEqual(1);
  });

  it('gives one bench to several screens, the command line among them', async () => {
    await using folder = await openFolder();
    const { url, token } = await folder.serve();
    using one = await screenOf(url, token, 'one');
    using two = await screenOf(url, token, 'two');
    await two.call('bench.start', {});
    const { simulator } = await benchWhere(one, (bench) => bench.simulator.state === 'running');
    const supply = simulator.instruments.find(({ name }) => name === 'supply')?.resources[0] ?? '';
    const { instrument } = await two.call('instrument.open', { resource: supply });
    await benchWhere(one, (bench) => bench.instruments.some(({ id }) => id === instrument));

    const found = jsonLines<{ resources: string[]; state: string }>(
      (await labwire('find', '--json', '--data', folder.data)).stdout,
    );
    expect(found.find(({ resources }) => resources.includes(supply))?.state).toBe('attached');
    const read = await labwire('read', supply, '--count', '1', '--channel', 'ch1.voltage', '--data', folder.data);
    expect([read.code, read.stdout.split('\n').length]).toEqual([0, 2]);
    // What was attached stays; what the command attached goes.
    const meter = simulator.instruments.find(({ name }) => name === 'meter')?.resources[0] ?? '';
    expect((await labwire('read', meter, '--count', '1', '--data', folder.data)).code).toBe(0);
    const after = await benchWhere(one, (bench) => bench.instruments.length === 1);
    expect(after.instruments.map(({ id }) => id)).toEqual([instrument]);
    // A recording is made by the engine that runs, and shown by every screen of it.
    const out = join(folder.data, 'recorded');
    const seen = benchWhere(one, ({ recording }) => recording.state === 'recording');
    const recorded = await labwire(
      'record',
      meter,
      '--out',
      out,
      '--duration',
      '500ms',
      '--json',
      '--data',
      folder.data,
    );
    expect([recorded.code, recorded.stderr]).toEqual([0, expect.stringMatching(/records what is attached there too/)]);
    const { paths } = JSON.parse(recorded.stdout) as { paths: string[] };
    expect((await seen).recording.path).toBe(`${paths[0]}.part`);
    expect((await labwire('verify', paths[0] ?? '')).code).toBe(0);
  });

  it('closes a page that speaks no contract or another version, with the reason, and serves on', async () => {
    await using folder = await openFolder();
    const { url, token } = await folder.serve();
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
    await using folder = await openFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const refused = await labwire('serve', '--no-open', '--port', String(port), '--data', folder.data);
    expect([refused.code, refused.stderr]).toEqual([
      5,
      expect.stringMatching(/engine\.port-in-use: Port \d+ .*--port/),
    ]);
    other.close();
    await once(other, 'close');
    expect((await folder.serve(['--port', String(port)])).url.port).toBe(String(port));
  });

  it('ends with its launcher', async () => {
    await using folder = await openFolder();
    const launcher = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(launcher, 'spawn');
    const { host } = await folder.serve([], { LABWIRE_LAUNCHER_PID: String(launcher.pid) });
    launcher.kill();
    expect((await host.done).code).toBe(0);
  });

  it('takes over from an engine and a host that were killed', async () => {
    await using folder = await openFolder();
    const first = await folder.serve();
    // Stopped first, so that it cannot start the engine again.
    first.host.child.kill('SIGSTOP');
    process.kill(await enginePid(folder.data), 'SIGKILL');
    await first.host.stop('SIGKILL');
    expect((await labwire('find', '--json', '--data', folder.data)).code).toBe(0);
    const second = await folder.serve();
    expect(second.token).not.toBe(first.token);
    using client = await screenOf(second.url, second.token);
    expect((await client.call('bench.read', {})).revision).toBeGreaterThanOrEqual(0);
  });
});

describe('sharing the bench', () => {
  it('starts the hub by a setting, survives the end of the engine, and ends it with the setting and with the host', async () => {
    await using folder = await openFolder();
    const { host, url, token } = await folder.serve();
    const port = await freePort();
    const shared = `http://127.0.0.1:${port}/health`;
    const turn = async (client: Client, on: boolean): Promise<void> => {
      const { settings } = await client.call('bench.read', {});
      await client.call('settings.set', { share: { ...settings.share, on, port } });
    };
    using one = await screenOf(url, token);
    await turn(one, true);
    const { share } = await benchWhere(one, (bench) => bench.share.state === 'on');
    expect(share.urls).toEqual([expect.stringContaining(`:${port}`)]);
    await fetch(shared);
    // Calls in the name of others are taken from who has the token.
    const as = { user: 'anna', client: 'a1', role: 'viewer', rights: ['view'] } as const;
    const named = { as: { ...as, rights: [...as.rights] } };
    await one.call('bench.read', {}, named);
    await expect(one.call('bench.rename', { name: 'x' }, named)).rejects.toMatchObject({ code: 'call.denied' });
    await turn(one, false);
    await benchWhere(one, (bench) => bench.share.state === 'off');
    await vi.waitFor(() => expect(fetch(shared)).rejects.toThrow(), { timeout: 60_000 });
    await turn(one, true);
    await benchWhere(one, (bench) => bench.share.state === 'on');
    process.kill(await enginePid(folder.data), 'SIGKILL');
    await one.closed;
    const again = await vi.waitFor(() => screenOf(url, token), { timeout: 120_000 });
    await benchWhere(again, (bench) => bench.share.state === 'on');
    await fetch(shared);
    again[Symbol.dispose]();
    expect((await host.stop('SIGTERM')).code).toBe(0);
    await expect(fetch(shared)).rejects.toThrow();
    // Eight processes are started one after another.
  }, 300_000);
});
