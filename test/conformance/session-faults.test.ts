import { once } from 'node:events';
import net from 'node:net';
import { SerialPort } from 'serialport';
import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createMemoryWire } from '../../src/engine/transport/memory-transport.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { type Fault, type FaultPlan, FaultTally, FaultyInstrument } from './faulty-instrument.ts';
import { hasSocat, openPtyPair } from './pty-pair.ts';
import { type FaultResult, runFaults, totalOf } from './session-suite.ts';

const RATE = 0.4;
/** Real suites have short times, so that 200 faults take seconds; the manual clock has the defaults. */
const QUICK = { timeoutMs: 40, drainMs: 25, quietMs: 30, markerMs: 120, reopenPauseMs: 5, blockTailMs: 10 };
/** Real suites run side by side. */
const RUNS = 8;
/** 200; the soak asks for more. */
const REAL_FAULTS = Number(process.env.LABWIRE_REAL_FAULTS ?? 200);
const REAL_TIMEOUT_MS = Math.max(60_000, REAL_FAULTS * 60);
const FAULTS_EACH = REAL_FAULTS / RUNS;
const LINE_FAULTS: readonly Fault[] = ['delay', 'drop', 'split', 'garbage', 'order', 'hang'];

function check(result: FaultResult): void {
  expect(result.wrong).toEqual([]);
  expect(result.odd).toEqual([]);
}

/** Safety may not be bought by refusing: what met no fault is answered, on a busy machine what was in time. */
function checkAll(results: readonly FaultResult[]): void {
  for (const result of results) check(result);
  expect(totalOf(results, 'right')).toBeGreaterThanOrEqual(totalOf(results, 'unharmed') / 2);
}

afterAll(() => expect(openScopes()).toEqual([]));

describe('a late answer reaches nobody else', () => {
  it.each([
    ['connections of their own', true, true],
    ['one line that stays the same', false, true],
    ['connections of their own, form of the answers unknown', true, false],
    ['one line that stays the same, form of the answers unknown', false, false],
  ])('10,000 faults on a manual clock: %s', { timeout: 120_000 }, async (_, isFreshOnReopen, isFormKnown) => {
    const clock = new ManualClock();
    const random = seededRandom(isFreshOnReopen ? 1 : 3);
    const tally = new FaultTally();
    const faults = 10_000;
    const plan = { clock, random, tally, rate: RATE, isNoiseUnreadable: !isFormKnown, timeoutMs: 2000 };
    const open = opener(plan, isFreshOnReopen);
    const result = await runFaults({
      isFormKnown,
      random,
      faults,
      tally,
      workers: 4,
      open: () =>
        openSession({ clock, open, isFreshOnReopen, mustResynchronise: !isFreshOnReopen, limits: { maxTrace: 50 } }),
      pass: (ms) => clock.advance(ms),
    });
    for (const count of tally.counts.values()) expect(count).toBeGreaterThan(1000);
    check(result);
    // Safety may not be bought by refusing: most answers meet no fault, and those are given.
    expect(result.right).toBeGreaterThan(faults / 2);
  });

  it('the same instrument gives a client without quarantine wrong answers by the hundred', async () => {
    const clock = new ManualClock();
    const random = seededRandom(1);
    const plan = { clock, random, tally: new FaultTally(), rate: RATE, faults: LINE_FAULTS, timeoutMs: 2000 };
    const transport = await opener(plan, false)();
    let text = '';
    let onLine: ((line: string) => void) | undefined;
    void (async () => {
      for (;;) {
        text += Buffer.from((await transport.read()).bytes).toString('latin1');
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
          onLine?.(text.slice(0, end));
          text = text.slice(end + 1);
        }
      }
    })().catch(() => {});
    let wrong = 0;
    for (let asked = 0; asked < 1000; asked++) {
      const token = `t${asked}`;
      let reply: string | undefined;
      onLine = (line) => {
        reply ??= line;
      };
      await transport.write(Buffer.from(`ECHO? ${token}\n`));
      await clock.advance(2000);
      if (reply !== undefined && reply !== token) wrong++;
    }
    await transport[Symbol.asyncDispose]();
    expect(wrong).toBeGreaterThan(100);
  });

  it(`${REAL_FAULTS} faults on real sockets`, { timeout: REAL_TIMEOUT_MS }, async () => {
    const runs = Array.from({ length: RUNS }, (_, run) => runOnTcp(100 + run, FAULTS_EACH));
    checkAll(await Promise.all(runs));
  });

  it.skipIf(!hasSocat)(`${REAL_FAULTS} faults on real pseudo-terminals`, { timeout: REAL_TIMEOUT_MS }, async () => {
    const runs = Array.from({ length: RUNS }, (_, run) => runOnPty(200 + run, FAULTS_EACH));
    checkAll(await Promise.all(runs));
  });
});

/** Connects to an instrument of its own each time, or again to the one there is. */
function opener(plan: FaultPlan, isFresh: boolean): () => Promise<Transport> {
  const nowhere = { send: () => {}, hangUp: () => {} };
  const one = new FaultyInstrument(plan, nowhere);
  return async () => {
    const { transport, device } = createMemoryWire({ clock: plan.clock });
    const outlet = { send: (bytes: Uint8Array) => void device.send(bytes), hangUp: () => device.hangUp() };
    const instrument = isFresh ? new FaultyInstrument(plan, outlet) : one;
    instrument.moveTo(outlet);
    device.onBytes((bytes) => instrument.take(bytes));
    return transport;
  };
}

async function runOnTcp(seed: number, faults: number): Promise<FaultResult> {
  const clock = createSystemClock();
  const random = seededRandom(seed);
  const tally = new FaultTally();
  const plan = { clock, random, tally, rate: RATE, timeoutMs: QUICK.timeoutMs };
  const server = net.createServer({ noDelay: true }, (socket) => {
    const instrument = new FaultyInstrument(plan, {
      send: (bytes) => void (socket.writable && socket.write(bytes)),
      hangUp: () => socket.destroy(),
    });
    socket.on('error', () => {});
    socket.on('data', (bytes) => instrument.take(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const resource = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  try {
    return await runFaults({
      isFormKnown: true,
      random,
      faults,
      tally,
      workers: 3,
      open: () => openSession({ clock, resource, limits: QUICK }),
    });
  } finally {
    server.close();
  }
}

async function runOnPty(seed: number, faults: number): Promise<FaultResult> {
  const clock = createSystemClock();
  const random = seededRandom(seed);
  const tally = new FaultTally();
  await using pair = await openPtyPair();
  const port = new SerialPort({ path: pair.theirs, baudRate: 115200, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  const plan = { clock, random, tally, rate: RATE, faults: LINE_FAULTS, timeoutMs: QUICK.timeoutMs };
  const instrument = new FaultyInstrument(plan, {
    send: (bytes) => void port.write(Buffer.from(bytes)),
    hangUp: () => {},
  });
  port.on('data', (bytes: Buffer) => instrument.take(bytes));
  port.on('error', () => {});
  try {
    return await runFaults({
      isFormKnown: true,
      random,
      faults,
      tally,
      workers: 3,
      open: () => openSession({ clock, resource: pair.ours, limits: QUICK, mustResynchronise: true }),
    });
  } finally {
    await new Promise((resolve) => port.close(resolve));
  }
}
