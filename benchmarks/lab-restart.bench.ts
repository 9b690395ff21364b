import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../src/core/seeded-random.ts';
import { createNodePorts } from '../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import type { LabRows } from '../src/lab/equipment.ts';
import { openLabwire } from '../src/lab/labwire/labwire-server.ts';
import { openLabwireServer } from '../test/servers/labwire/labwire-server.ts';
import { IS_CHILD } from './adapter-process.ts';
import { median, printBench } from './bench-table.ts';

/*
 * A labwire.1 server in a process of its own is killed and started again on the same port, time and again; how long after it listens does the client have rows
 * of it? The client waits and tries as it always does: nobody tells it.
 *
 *     npm run bench lab-restart                    50 restarts
 *     npm run bench lab-restart -- --restarts=10
 */
const STREAM = { equipment: 'psu', name: 'readings', intervalMs: 10, form: 'f64' as const };
/** Data are back within so long after the server listens, 95 of 100 times; ms. */
const LIMIT_MS = 1500;
const MAX_DOWN_MS = 5000;
/** Longest wait for rows before the run counts as failed. */
const GIVE_UP_MS = 60_000;

interface Listening {
  port: number;
  /** Wall clock, ms. */
  atMs: number;
}

async function serve(): Promise<void> {
  const server = await openLabwireServer({ streams: [STREAM], port: Number(process.env.LABWIRE_BENCH_PORT) });
  process.on('disconnect', () => process.exit());
  process.send?.({ port: server.port, atMs: Date.now() } satisfies Listening);
}

async function start(port: number): Promise<{ child: ChildProcess; listening: Listening }> {
  const env = { ...process.env, LABWIRE_BENCH_CHILD: '1', LABWIRE_BENCH_PORT: String(port) };
  const child = fork(process.argv[1] ?? '', [], { env });
  const [listening] = (await once(child, 'message')) as [Listening];
  return { child, listening };
}

async function measure(): Promise<void> {
  const asked = process.argv.find((arg) => arg.startsWith('--restarts='))?.split('=')[1];
  const restarts = Number(asked ?? 50);
  let { child, listening } = await start(0);
  const { port } = listening;
  const ports = createNodePorts(createSystemClock());
  const client = openLabwire(ports, { url: `127.0.0.1:${port}` });
  let onRows: ((rows: LabRows) => void) | undefined;
  const nextRows = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no rows within ${GIVE_UP_MS / 1000} s`)), GIVE_UP_MS);
      onRows = () => {
        clearTimeout(timer);
        onRows = undefined;
        resolve(Date.now());
      };
    });
  const stream = client.openStream(STREAM.equipment, STREAM.name, STREAM.intervalMs, {
    opened: () => {},
    rows: (rows) => onRows?.(rows),
    gap: () => {},
    source: () => {},
  });
  await nextRows();

  const random = seededRandom(50);
  const backMs: number[] = [];
  try {
    for (let restart = 0; restart < restarts; restart++) {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await sleep(random.next() * MAX_DOWN_MS);
      // Polled rows count, too: they are data of the server that is back.
      const back = nextRows();
      ({ child, listening } = await start(port));
      backMs.push((await back) - listening.atMs);
    }
  } finally {
    child.kill('SIGKILL');
    await client[Symbol.asyncDispose]();
    ports[Symbol.dispose]();
  }
  if (stream.stats.unaccounted > 0) throw new Error(`${stream.stats.unaccounted} rows unaccounted`);
  const sorted = backMs.toSorted((a, b) => a - b);
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN;
  const what = `data back after a restart (${restarts} of them)`;
  const rows = [
    { what: `${what}, half of them`, unit: 'ms', us: median(backMs), peer: 'limit', theirs: LIMIT_MS, atMost: 1 },
    { what: `${what}, 95 of 100`, unit: 'ms', us: p95, peer: 'limit', theirs: LIMIT_MS, atMost: 1 },
    { what: `${what}, the longest`, unit: 'ms', us: sorted.at(-1) ?? Number.NaN, peer: 'limit', theirs: LIMIT_MS },
  ];
  process.exitCode = printBench('lab-restart: from "it listens" to rows at the consumer', rows) ? 0 : 1;
}

if (IS_CHILD) await serve();
else await measure();
