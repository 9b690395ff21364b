import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openLink } from '../../src/lab/link/open-link.ts';
import { PlainProtocol } from '../lab/plain-protocol.ts';

const SERVER = join(import.meta.dirname, '..', 'servers', 'plain', 'plain-server.mjs');
const TIMES = 50;

interface Running {
  child: ChildProcess;
  port: number;
  /** ms since 1970. */
  listensAt: number;
}

async function start(port: number, afterS: number): Promise<Running> {
  const child = spawn(process.execPath, [SERVER, String(port), String(afterS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = child.stdout ? await once(child.stdout, 'data') : [''];
  const [own = 0, at = 0] = String(line).trim().split(' ').map(Number);
  return { child, port: own, listensAt: at };
}

test('128 a server killed and started again fifty times: rows are back within 1.5 s of its listening, 95 times of 100', async () => {
  const random = seededRandom(128);
  let running = await start(0, 0);
  const ports = createNodePorts(createSystemClock());
  const protocol = new PlainProtocol(`ws://127.0.0.1:${running.port}`);
  let onRow = (): void => {};
  const receive = protocol.receive.bind(protocol);
  protocol.receive = (data) => {
    const signal = receive(data);
    if (signal?.isData) onRow();
    return signal;
  };
  const row = (): Promise<number> =>
    new Promise((resolve) => {
      onRow = () => resolve(Date.now());
    });
  const link = openLink(protocol, ports);
  const backMs: number[] = [];
  await row();
  for (let n = 0; n < TIMES; n++) {
    const isGone = once(running.child, 'exit');
    running.child.kill('SIGKILL');
    await isGone;
    const back = row();
    running = await start(running.port, random.next() * 6);
    backMs.push((await back) - running.listensAt);
    protocol.received.length = 0;
  }
  backMs.sort((a, b) => a - b);
  const p = (share: number): number => backMs[Math.min(backMs.length - 1, Math.floor(share * backMs.length))] ?? 0;
  console.log(`back after listening: p50 ${p(0.5)} ms, p95 ${p(0.95)} ms, longest ${backMs.at(-1)} ms`);
  expect(link.traffic.connections).toBe(TIMES + 1);
  expect(p(0.95)).toBeLessThanOrEqual(1_500);
  await link[Symbol.asyncDispose]();
  ports[Symbol.dispose]();
});
