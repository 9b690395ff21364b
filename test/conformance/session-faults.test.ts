import { once } from 'node:events';
import net from 'node:net';
import { SerialPort } from 'serialport';
import { afterAll, describe, expect, it } from 'vitest';
import { type Clock, ManualClock } from '../../src/core/clock.ts';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createMemoryWire } from '../../src/engine/transport/memory-transport.ts';
import { type Fault, FaultyInstrument } from './faulty-instrument.ts';
import { hasSocat, openPtyPair } from './pty-pair.ts';
import { type FaultResult, runFaults } from './session-suite.ts';

const FAULTS: readonly Fault[] = ['delay', 'drop', 'split', 'garbage', 'order', 'hang', 'disconnect'];

/** Times of real suites are short, so that 200 faults take seconds; the manual clock has the defaults. */
const QUICK = { timeoutMs: 40, drainMs: 25, quietMs: 12, markerMs: 120, reopenPauseMs: 5, blockTailMs: 10 };

function check(result: FaultResult, faults: number): void {
  expect(result.wrong).toEqual([]);
  expect(result.odd).toEqual([]);
  // The engine may not buy safety by refusing: most queries meet no fault and are answered.
  expect(result.right).toBeGreaterThan(faults / 2);
}

afterAll(() => expect(openScopes()).toEqual([]));

describe('a late answer reaches nobody else', () => {
  it.each([
    ['connections of their own', true],
    ['one line that stays the same', false],
  ])('10,000 faults on a manual clock, %s', { timeout: 120_000 }, async (_, isFreshOnReopen) => {
    const clock = new ManualClock();
    const random = seededRandom(isFreshOnReopen ? 1 : 2);
    const plan = { clock, random, rate: 0.4, faults: FAULTS, timeoutMs: 2000 };
    const nowhere = { send: () => {}, hangUp: () => {} };
    const instrument = new FaultyInstrument(plan, nowhere);
    const connect = (): Promise<import('../../src/engine/transport/transport.ts').Transport> => {
      const { transport, device } = createMemoryWire({ clock, resource: 'TCPIP0::memory::1::SOCKET' });
      const outlet = { send: (bytes: Uint8Array) => void device.send(bytes), hangUp: () => device.hangUp() };
      if (isFreshOnReopen) {
        const own = new FaultyInstrument(plan, outlet);
        device.onBytes((bytes) => {
          own.isHealthy = instrument.isHealthy;
          const before = own.faults;
          own.take(bytes);
          instrument.counts.delay += own.faults - before;
        });
      } else {
        instrument.moveTo(outlet);
        device.onBytes((bytes) => instrument.take(bytes));
      }
      return Promise.resolve(transport);
    };
    const faults = 10_000;
    const result = await runFaults({
      random,
      faults,
      instrument,
      workers: 4,
      open: () =>
        openSession({
          clock,
          open: connect,
          isFreshOnReopen,
          mustResynchronise: !isFreshOnReopen,
          limits: { maxTrace: 50 },
        }),
      pass: (ms) => clock.advance(ms),
    });
    console.log(
      'manual',
      isFreshOnReopen,
      result.right,
      result.wrong.slice(0, 5),
      result.failed,
      result.sessions,
      instrument.counts,
    );
    check(result, faults);
  });

  it('200 faults on real sockets', { timeout: 60_000 }, async () => {
    const clock = createSystemClock();
    const runs = Array.from({ length: 8 }, (_, seed) => runOnTcp(clock, 100 + seed, 25));
    for (const result of await Promise.all(runs)) check(result, 25);
  });

  it.skipIf(!hasSocat)('200 faults on real pseudo-terminals', { timeout: 60_000 }, async () => {
    const clock = createSystemClock();
    const runs = Array.from({ length: 8 }, (_, seed) => runOnPty(clock, 200 + seed, 25));
    for (const result of await Promise.all(runs)) check(result, 25);
  });
});

async function runOnTcp(clock: Clock, seed: number, faults: number): Promise<FaultResult> {
  const random = seededRandom(seed);
  const plan = { clock, random, rate: 0.4, faults: FAULTS, timeoutMs: QUICK.timeoutMs };
  const total = new FaultyInstrument(plan, { send: () => {}, hangUp: () => {} });
  const server = net.createServer({ noDelay: true }, (socket) => {
    const own = new FaultyInstrument(plan, {
      send: (bytes) => socket.writable && socket.write(bytes),
      hangUp: () => socket.destroy(),
    });
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      own.isHealthy = total.isHealthy;
      const before = own.faults;
      own.take(bytes);
      total.counts.delay += own.faults - before;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const resource = `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  try {
    const open = (): ReturnType<typeof openSession> => openSession({ clock, resource, limits: QUICK });
    return await runFaults({ random, faults, instrument: total, workers: 3, open });
  } finally {
    server.close();
  }
}

async function runOnPty(clock: Clock, seed: number, faults: number): Promise<FaultResult> {
  const random = seededRandom(seed);
  await using pair = await openPtyPair();
  const port = new SerialPort({ path: pair.theirs, baudRate: 115200, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  const plan = {
    clock,
    random,
    rate: 0.4,
    faults: FAULTS.filter((fault) => fault !== 'disconnect'),
    timeoutMs: QUICK.timeoutMs,
  };
  const instrument = new FaultyInstrument(plan, {
    send: (bytes) => void port.write(Buffer.from(bytes)),
    hangUp: () => {},
  });
  port.on('data', (bytes: Buffer) => instrument.take(bytes));
  port.on('error', () => {});
  try {
    const open = (): ReturnType<typeof openSession> =>
      openSession({ clock, resource: pair.ours, limits: QUICK, mustResynchronise: true });
    return await runFaults({ random, faults, instrument, workers: 3, open });
  } finally {
    await new Promise((resolve) => port.close(resolve));
  }
}
