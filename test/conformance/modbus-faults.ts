import { expect } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { createModbusServer } from '../../src/simulator/wire/modbus-server.ts';
import { FaultTally } from './faulty-instrument.ts';
import { acceptFaultily } from './faulty-modbus.ts';
import { createRegisterUnit } from './modbus-device.ts';
import { holdingAt, inputAt } from './modbus-registers.ts';
import { type ModbusWayName, serveModbus } from './modbus-way.ts';
import { type FaultQuestion, type FaultResult, runFaults, totalOf } from './session-suite.ts';

export interface ModbusFaults {
  way: ModbusWayName;
  seed: number;
  faults: number;
  /** Lines side by side; default 8. */
  runs?: number;
}

/** Share of the answers that meet a fault. */
const RATE = 0.4;
/** Short times, so that 200 faults take seconds. */
const SESSION = { timeoutMs: 60, drainMs: 5, quietMs: 5, reopenPauseMs: 5 };
/** Noise ends sooner than a question is given up; both ends of a wait are met. */
const LINE = { gapMs: 10, markerMs: 40 };

/**
 * Callers ask the registers of a unit through sessions over a real line whose answers meet faults: nobody may get the value of another register. Most
 * questions have the same function and count, so that nothing in a frame tells one answer from another; values are of one address only.
 */
export async function runModbusFaults({ way, seed, faults, runs = 8 }: ModbusFaults): Promise<FaultResult[]> {
  const results = await Promise.all(
    Array.from({ length: runs }, (_, run) => runOne(way, seed + run, Math.ceil(faults / runs))),
  );
  for (const result of results) {
    expect(result.wrong, 'answers to other questions').toEqual([]);
    expect(result.odd, 'errors of a kind no query may end with').toEqual([]);
  }
  // Safety may not be bought by refusing: what met no fault is answered, on a busy machine what was in time.
  expect(totalOf(results, 'right'), 'right answers').toBeGreaterThanOrEqual(totalOf(results, 'unharmed') / 2);
  return results;
}

async function runOne(way: ModbusWayName, seed: number, faults: number): Promise<FaultResult> {
  const clock = createSystemClock();
  const random = seededRandom(seed);
  const tally = new FaultTally();
  const { acceptRtu, acceptTcp } = createModbusServer(new Map([[1, createRegisterUnit()]]));
  const plan = { clock, random, tally, rate: RATE, timeoutMs: SESSION.timeoutMs };
  await using served = await serveModbus(way, {
    acceptRtu: acceptFaultily('rtu', acceptRtu, plan),
    acceptTcp: acceptFaultily('tcp', acceptTcp, plan),
  });
  return await runFaults({
    isFormKnown: false,
    random,
    faults,
    tally,
    workers: 3,
    question: questionOf,
    open: () => openSession({ resource: served.at(1), clock, limits: SESSION, transport: { modbus: LINE } }),
  });
}

/** Mostly one holding register; now and then an input register, several, or one written before it is read. */
function questionOf(number: number): FaultQuestion {
  const address = number & 0xffff;
  switch (number % 16) {
    case 3:
      return { text: `INP? ${address}`, answer: String(inputAt(address)) };
    case 7:
      return { text: `HOLD? ${address - 1},2`, answer: `${holdingAt(address - 1)},${holdingAt(address)}` };
    case 11:
      // What is there already, so that the registers stay as they are.
      return { text: `HOLD ${address},${holdingAt(address)};HOLD? ${address}`, answer: String(holdingAt(address)) };
    default:
      return { text: `HOLD? ${address}`, answer: String(holdingAt(address)) };
  }
}
