import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NeurographServer } from '../servers/neurograph/server.ts';
import { jsonLines, LabwireProcess, labwire } from './labwire-process.ts';

const CLI = join(import.meta.dirname, '..', '..', 'out', 'main', 'cli.js');

let server: NeurographServer;
let socketUrl: string;

beforeEach(async () => {
  server = await NeurographServer.start({ pingMs: 30_000, metricsMs: 600_000 });
  socketUrl = `ws://127.0.0.1:${server.port}/ws`;
});

afterEach(() => server[Symbol.asyncDispose]());

test('344 bench prints ms, what is saved and Mbps of the codecs', async () => {
  const { code, stdout } = await labwire('ws', 'bench', '--iterations', '40');
  expect(code).toBe(0);
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toMatch(/^40 iterations each, .* bytes as JSON$/);
  expect(lines[1]).toMatch(/^codec +compression +decompression +saved +throughput$/);
  for (const line of lines.slice(2)) expect(line).toMatch(/^[\w-]+ +[\d.]+ ms +[\d.]+ ms +[\d.]+ % +[\d.]+ Mbps$/);
  const asJson = await labwire('ws', 'bench', '--iterations', '16', '--json');
  const results = jsonLines(asJson.stdout) as { codec: string; iterations: number; savedPercent: number }[];
  expect(results.map(({ codec }) => codec)).toEqual(lines.slice(2).map((line) => line.split(' ')[0]));
  expect(results[0]).toMatchObject({ codec: 'i16d-rice', iterations: 16 });
  expect(results[0]?.savedPercent).toBeGreaterThan(78.5);
  expect(await labwire('ws', 'bench', '--iterations', '0')).toMatchObject({ code: 2 });
  expect(await labwire('ws', 'run')).toMatchObject({ code: 2 });
});

describe('281 the command lines of seed 002', () => {
  test('basic connection: the first message is printed, Ctrl-C ends it well', async () => {
    const cli = new LabwireProcess(['ws', '--url', socketUrl]);
    const [heading] = await cli.lines(1);
    expect(heading).toMatch(/^\d\d:\d\d:\d\d\.\d{3} connected$/);
    const { code, stdout } = await cli.stop();
    expect(code).toBe(0);
    // Not a terminal: no colours.
    expect(stdout).not.toContain('\u001b');
  });

  test('--subscribe metrics,status is one message; what is not allowed is said', async () => {
    const cli = new LabwireProcess([
      'ws',
      '--url',
      socketUrl,
      '--subscribe',
      'status,metrics,logs',
      '--format',
      'json',
    ]);
    const lines = await cli.lines(2);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      type: 'subscribed',
      channels: ['status', 'metrics'],
      denied: ['logs'],
    });
    server.broadcast('status', 'status.ok', { value: Number.NaN });
    const third = (await cli.lines(3))[2];
    expect(JSON.parse(third ?? '')).toMatchObject({ channel: 'status', event_type: 'status.ok' });
    await cli.stop();
  });

  test('--format compact is one line a message, pretty several', async () => {
    const compact = new LabwireProcess(['ws', '--url', socketUrl, '--subscribe', 'status', '--format', 'compact']);
    await compact.lines(2);
    server.broadcast('status', 'status.ok', { deep: { value: 1, text: 'bell \u0007 and \u001b[31m' } });
    const line = (await compact.lines(3))[2] ?? '';
    expect(line).toMatch(/status status\.ok \{.*"deep":\{"value":1,"text":"bell \\u0007 and \\u001b\[31m"\}.*\}$/);
    const pretty = new LabwireProcess(['ws', '--url', socketUrl, '--subscribe', 'status']);
    await compact.stop();
    await pretty.lines(11);
    expect((await pretty.stop()).stdout).toMatch(/subscribed\n {2}\{\n {4}"channels": \[/);
  });

  test('a server that restarts: subscribed again by itself; --verbose says it with ISO times', async () => {
    const cli = new LabwireProcess([
      'ws',
      '--url',
      socketUrl,
      '--subscribe',
      'status',
      '--format',
      'json',
      '--verbose',
    ]);
    await cli.lines(2);
    for (const client of server.clients) client.socket.terminate();
    await cli.lines(4);
    await cli.said(/^labwire: \d{4}-\d\d-\d\dT[\d:.]+Z reconnecting \(1\/10\)/m);
    const messages = jsonLines<{ type: string }>((await cli.stop()).stdout);
    expect(messages.map(({ type }) => type)).toEqual(['connected', 'subscribed', 'connected', 'subscribed']);
  });
});

describe('283 the token', () => {
  test('by environment: used, and in no line of the output', async () => {
    const token = server.mint('admin');
    const cli = new LabwireProcess(['ws', '--url', socketUrl, '--subscribe', 'logs', '--format', 'json', '--verbose'], {
      LABWIRE_TOKEN: token,
    });
    const lines = await cli.lines(2);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ channels: ['logs'] });
    const { stderr, stdout } = await cli.stop();
    expect(stderr).toContain('-> {"type":"subscribe"');
    expect(stderr + stdout).not.toContain(token.slice(0, 20));
  });

  test('on stdin', async () => {
    const child = spawn(process.execPath, [
      CLI,
      'ws',
      '--url',
      socketUrl,
      '--token',
      '-',
      '--subscribe',
      'logs',
      '--format',
      'json',
    ]);
    let out = '';
    const isSubscribed = new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => {
        out += data;
        if (out.includes('"subscribed"')) resolve();
      });
    });
    child.stdin.write(`${server.mint('admin')}\n`);
    await isSubscribed;
    expect(out).toContain('"channels":["logs"]');
    child.kill('SIGINT');
    await once(child, 'close');
  });

  test('refused: said in one line without the token, code 3, no second try', async () => {
    const outcome = await labwire('ws', '--url', socketUrl, '--token', 'secret-secret');
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toMatch(/^labwire: server\.unauthorized: .*HTTP 403.*\n$/);
    expect(outcome.stderr).not.toContain('secret-secret');
  });
});

test('what is wrong is said before anything is opened', async () => {
  expect(await labwire('ws')).toMatchObject({ code: 2, stderr: 'labwire: call.invalid: --url is missing.\n' });
  expect((await labwire('ws', '--url', 'ftp://x')).code).toBe(2);
  expect((await labwire('ws', '--url', socketUrl, '--format', 'xml')).stderr).toContain('pretty, json, compact');
  expect((await labwire('ws', '--url', socketUrl, '--interactive', '--token', '-')).stderr).toContain('LABWIRE_TOKEN');
  const closed = createServer();
  closed.listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as { port: number };
  closed.close();
  await once(closed, 'close');
  const outcome = await labwire('ws', '--url', `ws://127.0.0.1:${port}/ws`);
  expect(outcome).toMatchObject({ code: 3 });
  expect(outcome.stderr).toContain('nothing listens there');
});

describe('282 interactive', () => {
  /** A command in a terminal of its own. */
  class Terminal {
    readonly child: ChildProcess;
    text = '';
    #wake = (): void => {};

    constructor(args: readonly string[]) {
      const command = [process.execPath, CLI, ...args].join(' ');
      this.child = spawn('socat', ['-', `EXEC:"${command}",pty,setsid,ctty,stderr,rawer,isig=1`]);
      const heard = (data: unknown): void => {
        this.text += String(data);
        this.#wake();
      };
      this.child.stdout?.on('data', heard);
      this.child.stderr?.on('data', heard);
    }

    type(text: string): void {
      this.child.stdin?.write(text);
    }

    /** Resolves when the screen shows it, after what was found before. */
    async shows(pattern: RegExp): Promise<void> {
      while (!pattern.test(this.text)) {
        if (this.child.exitCode !== null) throw new Error(`ended: ${this.text}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      this.text = this.text.slice(this.text.search(pattern));
    }
  }

  test('a terminal: ping, subscribe, unsubscribe, subs, quit, in colour, the line being typed stays', async () => {
    expect(existsSync(CLI), 'npm run build').toBe(true);
    const terminal = new Terminal(['ws', '--url', socketUrl, '--interactive', '--format', 'compact']);
    // Green.
    await terminal.shows(/\p{Cc}\[32mconnected\p{Cc}\[0m/u);
    terminal.type('ping\r');
    await terminal.shows(/pong/);
    await terminal.shows(/round trip \d/);
    terminal.type('subscribe status, logs\r');
    await terminal.shows(/subscribed.*"channels":\["status"\].*"denied":\["logs"\]/);
    // A message comes while something is typed: it is printed above, what was typed is there after it.
    terminal.type('su');
    await terminal.shows(/> .*su/);
    server.broadcast('status', 'status.ok', { n: 1 });
    await terminal.shows(/status\.ok[\s\S]*> su/);
    terminal.type('bs\r');
    await terminal.shows(/subscriptions.*\["status"\]/);
    terminal.type('unsubscribe status\r');
    await terminal.shows(/unsubscribed.*\["status"\]/);
    terminal.type('dance\r');
    await terminal.shows(/There is no "dance"\. ping/);
    terminal.type('quit\r');
    await once(terminal.child, 'close');
    expect(terminal.child.exitCode).toBe(0);
    await expect.poll(() => server.clients.size).toBe(0);
  });

  test('Ctrl-C in the terminal ends it', async () => {
    const terminal = new Terminal(['ws', '--url', socketUrl, '--interactive']);
    await terminal.shows(/connected[\s\S]*> /);
    terminal.type('\u0003');
    await once(terminal.child, 'close');
    expect(terminal.child.exitCode).toBe(0);
  });

  test('commands from a pipe: carried out in order, the end of the input is quit', async () => {
    const child = spawn(process.execPath, [CLI, 'ws', '--url', socketUrl, '--interactive', '--format', 'json']);
    let out = '';
    let seen = (): void => {};
    child.stdout.on('data', (data) => {
      out += data;
      seen();
    });
    child.stdin.write('subscribe status\nsubs\nping\n');
    while (!out.includes('"pong"'))
      await new Promise<void>((resolve) => {
        seen = resolve;
      });
    child.stdin.end();
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(jsonLines<{ type: string }>(out).map(({ type }) => type)).toEqual([
      'connected',
      'subscribed',
      'subscriptions',
      'pong',
    ]);
  });
});
