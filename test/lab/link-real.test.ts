import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { Link } from '../../src/lab/link/open-link.ts';
import { openLink } from '../../src/lab/link/open-link.ts';
import { PlainProtocol } from './plain-protocol.ts';

const SERVER = join(import.meta.dirname, '..', 'servers', 'plain', 'plain-server.mjs');

/** Starts the server; gives its port once it listens. */
async function startServer(port = 0, afterS = 0): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [SERVER, String(port), String(afterS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = child.stdout ? await once(child.stdout, 'data') : [''];
  return { child, port: Number(String(line).split(' ')[0]) };
}

async function kill(child: ChildProcess): Promise<void> {
  const isGone = once(child, 'exit');
  child.kill('SIGKILL');
  await isGone;
}

/** A link whose words and messages can be waited for. */
class Watched {
  readonly protocol: PlainProtocol;
  readonly words: string[] = [];
  readonly link: Link;
  readonly #ports = createNodePorts(createSystemClock());
  readonly #waiting = new Set<() => void>();

  constructor(port: number, deadMs: number) {
    this.protocol = new PlainProtocol(`ws://127.0.0.1:${port}`);
    this.protocol.heartbeat = { probeMs: 0, deadMs };
    const receive = this.protocol.receive.bind(this.protocol);
    this.protocol.receive = (data) => {
      this.#wake();
      return receive(data);
    };
    this.link = openLink(this.protocol, this.#ports, {
      onChange: ({ word }) => {
        if (this.words.at(-1) !== word) this.words.push(word);
        this.#wake();
      },
    });
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async rows(count: number): Promise<void> {
    const from = this.protocol.received.length;
    await this.until(() => this.protocol.received.length >= from + count);
  }

  async close(): Promise<void> {
    await this.link[Symbol.asyncDispose]();
    this.#ports[Symbol.dispose]();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

test('128 a server that is killed and started again: Reconnecting, then live by itself, soon after it listens', async () => {
  const first = await startServer();
  const watched = new Watched(first.port, 60_000);
  await watched.rows(5);
  await kill(first.child);
  await watched.until(() => watched.link.snapshot.word === 'reconnecting');
  expect(watched.link.snapshot.attempt).toBe(1);
  // It listens after five seconds: by the back-off alone the try at 3 s would be followed by one at 7 s.
  await startServer(first.port, 5);
  await watched.rows(3);
  expect(watched.link.traffic.connections).toBe(2);
  expect(watched.words).toEqual(['connecting', 'handshaking', 'connected', 'reconnecting', 'connected']);
  await watched.close();
});

test('111 a server that is stopped (SIGSTOP) is seen although its socket stays open, and found again when it runs on', async () => {
  const { child, port } = await startServer();
  const watched = new Watched(port, 1_000);
  await watched.rows(5);
  child.kill('SIGSTOP');
  await watched.until(() => watched.link.snapshot.word === 'reconnecting');
  expect(watched.link.snapshot.reason).toMatch(/^Nothing came for [1-9]/);
  child.kill('SIGCONT');
  await watched.rows(3);
  expect(watched.link.snapshot.word).toBe('connected');
  await watched.close();
});

test('113 a thousand links opened and left over real sockets leave no handle', async () => {
  const { port } = await startServer();
  const count = (kind: string): number => process.getActiveResourcesInfo().filter((one) => one === kind).length;
  const before = { sockets: count('TCPSocketWrap'), timers: count('Timeout') };
  const ports = createNodePorts(createSystemClock());
  for (let n = 0; n < 1000; n += 20) {
    const links = Array.from({ length: 20 }, () => openLink(new PlainProtocol(`ws://127.0.0.1:${port}`), ports));
    // Some are left before they connect, some while they do, some when they are open.
    if (n % 100 === 20) await new Promise((resolve) => setImmediate(resolve));
    if (n % 100 === 40) await expect.poll(() => links.every(({ isReady }) => isReady), { interval: 2 }).toBe(true);
    await Promise.all(links.map((link) => link[Symbol.asyncDispose]()));
  }
  ports[Symbol.dispose]();
  // Sockets that were cut are gone some turns later; a few timers are the test runner's.
  await expect.poll(() => count('TCPSocketWrap')).toBeLessThanOrEqual(before.sockets);
  await expect.poll(() => count('Timeout')).toBeLessThanOrEqual(before.timers + 5);
});
