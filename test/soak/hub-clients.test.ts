import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openLabwire } from '../../src/lab/labwire/labwire-server.ts';
import { bundleProgram } from '../fixtures/node-bundle.ts';

const SECONDS = Number(process.env.LABWIRE_SOAK_SECONDS ?? 3600);
const CLIENTS = 20;
/** The hub may have grown by this much between a third of the time and its end; bytes. */
const MAX_GROWTH = 30e6;

interface Hello {
  url: string;
  token: string;
  equipment: string;
}
interface Memory {
  heapUsed: number;
  rss: number;
  connections: number;
  feeds: number;
}

let child: ChildProcess | undefined;

afterAll(() => {
  child?.kill('SIGKILL');
  expect(openScopes()).toEqual([]);
});

/** Never reads and never acknowledges, and comes again when it is put out. */
async function freeze({ url, token, equipment }: Hello, until: () => boolean): Promise<number> {
  let times = 0;
  while (!until()) {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, ['labwire.1']);
    socket.on('error', () => {});
    await once(socket, 'open');
    const desired = [{ equipment_id: equipment, stream_type: 'readings', interval_ms: 10 }];
    const accept = { binary: true, codecs: ['raw'], priorities: true, ack: true };
    socket.send(
      JSON.stringify({ type: 'hello', id: 1, version: 1, client: { id: 'frozen' }, auth: { token }, accept, desired }),
    );
    socket.pause();
    times++;
    const closed = once(socket, 'close');
    await Promise.race([closed, sleep(60_000)]);
    socket.terminate();
  }
  return times;
}

/** Asks nonsense as fast as it can until it is put out, time and again; gives the codes it was closed with. */
async function flood({ url, token }: Hello, until: () => boolean): Promise<Set<number>> {
  const codes = new Set<number>();
  while (!until()) {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, ['labwire.1']);
    socket.on('error', () => {});
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'hello', id: 1, version: 1, client: { id: 'flood' }, auth: { token } }));
    const closed = once(socket, 'close') as Promise<[number]>;
    let isOpen = true;
    void closed.then(() => {
      isOpen = false;
    });
    for (let i = 0; isOpen && !until(); i++) {
      socket.send(JSON.stringify({ type: `invented-${i}`, id: i }));
      if (i % 100 === 99) await sleep(5);
    }
    if (isOpen) socket.terminate();
    codes.add((await closed)[0]);
    await sleep(1000);
  }
  return codes;
}

test(`${CLIENTS} clients come and go, one is frozen, one floods: every row accounted, memory flat (${SECONDS} s)`, {
  timeout: SECONDS * 1000 + 300_000,
}, async () => {
  const program = await bundleProgram('test/soak/hub-program.ts', 'hub-program');
  child = fork(program, [], { execArgv: ['--expose-gc'] });
  const [hello] = (await once(child, 'message')) as [Hello];
  const memory = async (): Promise<Memory> => {
    const answer = once(child as ChildProcess, 'message') as Promise<[Memory]>;
    child?.send({});
    return (await answer)[0];
  };
  const ports = createNodePorts(createSystemClock());
  const endMs = performance.now() + SECONDS * 1000;
  const isOver = (): boolean => performance.now() >= endMs;
  const random = seededRandom(6);
  const total = { sessions: 0, rows: 0, unaccounted: 0, gaps: 0 };

  const visit = async (): Promise<void> => {
    while (!isOver()) {
      const client = openLabwire(ports, { url: hello.url, token: hello.token });
      const stream = client.openStream(hello.equipment, 'readings', 10 + random.below(500), {
        opened: () => {},
        rows: ({ rows }) => {
          total.rows += rows;
        },
        gap: () => {
          total.gaps++;
        },
        source: () => {},
      });
      await sleep(500 + random.below(20_000));
      total.sessions++;
      total.unaccounted += stream.stats.unaccounted;
      await client[Symbol.asyncDispose]();
    }
  };
  const visitors = Array.from({ length: CLIENTS }, visit);
  const frozen = freeze(hello, isOver);
  const flooded = flood(hello, isOver);
  await sleep((SECONDS * 1000) / 3);
  const early = await memory();
  await Promise.all(visitors);
  const [times, codes] = await Promise.all([frozen, flooded]);
  const late = await memory();
  console.log(
    `${total.sessions} visits, ${total.rows} rows, ${total.unaccounted} unaccounted, ${total.gaps} gaps; frozen ${times} times, flood closed with ${[...codes].join(', ')}; heap ${(early.heapUsed / 1e6).toFixed(1)} → ${(late.heapUsed / 1e6).toFixed(1)} MB, rss ${(early.rss / 1e6).toFixed(0)} → ${(late.rss / 1e6).toFixed(0)} MB`,
  );
  ports[Symbol.dispose]();
  expect(total.unaccounted).toBe(0);
  expect(total.rows).toBeGreaterThan(SECONDS);
  expect([...codes]).toContain(4429);
  expect(late.heapUsed - early.heapUsed).toBeLessThan(MAX_GROWTH);
});
