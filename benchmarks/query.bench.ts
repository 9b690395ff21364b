import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { openSession } from '../src/engine/session/open-session.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { createMemoryWire } from '../src/engine/transport/memory-transport.ts';
import { median, printBench } from './bench-table.ts';

/**
 * A SCPI query through session, queue and trace against the same bytes over a bare socket; both ask one instrument in another process,
 * by turns, in this run. Goal: at most 1.5 × the bare round trip. What the session does by itself is told by processor time on a wire in memory, which
 * does not depend on what else the machine does.
 */
const QUERIES = 4000;
const PASSES = 9;
const REPLY = '+4.98760000E+00';

const INSTRUMENT = `
  const net = require('node:net');
  net.createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => { if (bytes.at(-1) === 10) socket.write('${REPLY}\\n'); });
  }).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
`;

const child: ChildProcess = spawn(process.execPath, ['-e', INSTRUMENT], {
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
});
const [port] = (await once(child, 'message')) as [number];

const bare = net.connect({ host: '127.0.0.1', port, noDelay: true });
await once(bare, 'connect');

/** What anybody writes: one line out, wait for the line end. */
function bareQuery(text: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const onData = (bytes: Buffer): void => {
      reply += bytes.toString('latin1');
      if (!reply.endsWith('\n')) return;
      bare.off('data', onData);
      resolve(reply.slice(0, -1));
    };
    bare.on('data', onData);
    bare.write(`${text}\n`);
  });
}

const clock = createSystemClock();
await using session = await openSession({ resource: `127.0.0.1:${port}`, clock });

const { transport, device } = createMemoryWire({ clock });
const reply = Buffer.from(`${REPLY}\n`);
device.onBytes(() => void device.send(reply));
await using inMemory = await openSession({ clock, open: async () => transport });

/** Time of the clock, and of the processor, for one query, us. */
interface Cost {
  us: number;
  cpuUs: number;
}

async function costOf(query: (text: string) => Promise<string>): Promise<Cost> {
  const start = performance.now();
  const cpu = process.cpuUsage();
  for (let count = 0; count < QUERIES; count++) assert.equal(await query(':MEAS:VOLT?'), REPLY);
  const { user, system } = process.cpuUsage(cpu);
  return { us: ((performance.now() - start) * 1000) / QUERIES, cpuUs: (user + system) / QUERIES };
}

/** As those who poll ask: one signal for all their queries. */
const { signal } = new AbortController();
const polling = { priority: 'poll' as const, expect: (text: string) => text.length > 0, signal };
const passes: Record<'bare' | 'session' | 'polled' | 'inMemory', Cost>[] = [];
for (let pass = 0; pass <= PASSES; pass++) {
  const result = {
    bare: await costOf(bareQuery),
    session: await costOf((text) => session.query(text)),
    polled: await costOf((text) => session.query(text, polling)),
    inMemory: await costOf((text) => inMemory.query(text)),
  };
  // The first pass warms up.
  if (pass > 0) passes.push(result);
}

assert.equal(session.stats.queries, 2 * (PASSES + 1) * QUERIES);
assert.equal(session.stats.timeouts, 0);
assert.equal(session.exchanges().length, 1000);
bare.destroy();
child.kill();

const peer = 'bare socket round trip';
const theirs = median(passes.map(({ bare }) => bare.us));
const isMet = printBench(`query: ${QUERIES} SCPI queries, median of ${PASSES} passes`, [
  {
    what: 'session.query: queue, correlation, trace',
    unit: 'us',
    us: median(passes.map((pass) => pass.session.us)),
    peer,
    theirs,
    atMost: 1.5,
  },
  {
    what: 'the same with priority, signal and check',
    unit: 'us',
    us: median(passes.map((pass) => pass.polled.us)),
    peer,
    theirs,
    atMost: 1.5,
  },
  {
    what: 'session.query on a wire in memory, processor time',
    unit: 'us',
    us: median(passes.map((pass) => pass.inMemory.cpuUs)),
    peer: 'processor time of the bare round trip',
    theirs: median(passes.map(({ bare }) => bare.cpuUs)),
    atMost: 0.5,
  },
]);
process.exitCode = isMet ? 0 : 1;
