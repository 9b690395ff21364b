import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FromBench, fromBench } from './message.ts';
import { ptyUnavailable } from './wire/pty-server.ts';

/** Inside the repository, so that packages are found from there. */
const out = resolvePath(import.meta.dirname, `../../.labwire/test-simulator-${process.pid}`);
const entry = join(out, 'main.mjs');

beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { target: 'node' },
    build: {
      ssr: join(import.meta.dirname, 'main.ts'),
      outDir: out,
      rollupOptions: { output: { format: 'es', entryFileNames: 'main.mjs' } },
    },
  });
});

afterAll(() => rm(out, { recursive: true, force: true }));

async function heard(child: ChildProcess): Promise<FromBench> {
  const [message] = await once(child, 'message');
  return fromBench.parse(message);
}

function tcpPort(message: FromBench): number {
  if (message.type !== 'listening') throw new Error(`not listening: ${JSON.stringify(message)}`);
  return Number(message.instruments[0]?.resources[0]?.split('::')[2]);
}

function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function untilGone(isThere: () => Promise<boolean> | boolean): Promise<void> {
  while (await isThere()) await sleep(20);
}

test('start, faults, stop', async () => {
  const child = fork(entry, []);
  const exited = once(child, 'exit');
  child.send({ type: 'start', options: { usePtys: false } });
  const listening = await heard(child);
  const port = tcpPort(listening);
  expect(await isServed(port)).toBe(true);
  child.send({ type: 'setFault', id: 1, name: 'meter', fault: { kind: 'drop', count: 2 } });
  expect(await heard(child)).toEqual({ type: 'done', id: 1 });
  child.send({ type: 'setFault', id: 2, name: 'toaster', fault: { kind: null } });
  expect(await heard(child)).toMatchObject({ type: 'failed', id: 2, error: { code: 'instrument.unknown' } });
  child.send({ type: 'dance' });
  expect(await heard(child)).toMatchObject({ type: 'failed', error: { code: 'call.invalid' } });
  child.send({ type: 'stop' });
  expect(await exited).toEqual([0, null]);
  expect(await isServed(port)).toBe(false);
});

test('a taken port: it says so and ends', async () => {
  const first = fork(entry, ['{"usePtys":false}']);
  const port = tcpPort(await heard(first));
  const second = fork(entry, [JSON.stringify({ usePtys: false, ports: { scope: port } })]);
  const exited = once(second, 'exit');
  expect(await heard(second)).toMatchObject({ type: 'failed', error: { code: 'simulator.failed' } });
  expect(await exited).toEqual([1, null]);
  const ended = once(first, 'exit');
  first.send({ type: 'stop' });
  await ended;
});

test('when its host is killed, it ends', async () => {
  const script = `
    const child = require('node:child_process').fork(${JSON.stringify(entry)}, ['{"usePtys":false}']);
    child.on('message', (message) => console.log(JSON.stringify(message)));
  `;
  const host = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(host.stdout, 'data');
  const port = tcpPort(fromBench.parse(JSON.parse(String(line))));
  expect(await isServed(port)).toBe(true);
  host.kill('SIGKILL');
  await untilGone(() => isServed(port));
});

test.skipIf(ptyUnavailable() !== undefined)('when it is killed itself, its pseudo-terminals end with it', async () => {
  const child = fork(entry, ['{}']);
  const message = await heard(child);
  if (message.type !== 'listening') throw new Error('not listening');
  const path =
    message.instruments.find(({ name }) => name === 'load')?.resources[0]?.replace(/^ASRL(.*)::INSTR$/, '$1') ?? '';
  const folder = dirname(path);
  expect(existsSync(path)).toBe(true);
  child.kill('SIGKILL');
  // socat takes its link away when it ends.
  await untilGone(() => readdirSync(folder).some((name) => /\.\d+$/.test(name)));
  await rm(folder, { recursive: true });
});
