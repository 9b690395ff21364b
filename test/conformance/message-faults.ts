import { expect } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import type { SessionLimits } from '../../src/engine/session/session-options.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { FaultTally } from './faulty-instrument.ts';
import { createFaultyMessageDevice } from './faulty-message-device.ts';
import { type FaultResult, runFaults, totalOf } from './session-suite.ts';

/** A server of the way under test with the faulty device on it. */
export interface FaultyWay {
  /** Called again after each session that ended. */
  open(): Promise<Transport>;
  dispose(): Promise<void>;
}

export interface MessageFaults {
  /** For messages. */
  name: string;
  /** Serves the device; nothing is shared between two calls, they run side by side. */
  open(device: MessageDevice): Promise<FaultyWay>;
  seed: number;
  /** Default `REAL_FAULTS`. */
  faults?: number;
  /** Servers side by side; default 8. */
  runs?: number;
  limits?: Partial<SessionLimits>;
}

/** 200; the soak asks for more. */
export const REAL_FAULTS = Number(process.env.LABWIRE_REAL_FAULTS ?? 200);
/** For the test that runs them. */
export const REAL_TIMEOUT_MS = Math.max(60_000, REAL_FAULTS * 60);

/** Share of the messages that meet a fault. */
const RATE = 0.4;
/** Short times, so that 200 faults take seconds. */
const QUICK = { timeoutMs: 60, drainMs: 25, quietMs: 20, markerMs: 120, reopenPauseMs: 5, blockTailMs: 10 };

/**
 * Callers ask a faulty device through sessions over a real message-based way: nobody may get the answer to another question, and no query may
 * end with an error that is none of the transport's or the protocol's. Throws (vitest) if so.
 */
export async function runMessageFaults({
  name,
  open,
  seed,
  faults = REAL_FAULTS,
  runs = 8,
  limits,
}: MessageFaults): Promise<FaultResult[]> {
  const results = await Promise.all(
    Array.from({ length: runs }, (_, run) => runOne(open, seed + run, faults / runs, { ...QUICK, ...limits })),
  );
  for (const result of results) {
    expect(result.wrong, `${name}: answers to other questions`).toEqual([]);
    expect(result.odd, `${name}: errors of a kind no query may end with`).toEqual([]);
  }
  // Safety may not be bought by refusing: what met no fault is answered, on a busy machine what was in time.
  expect(totalOf(results, 'right'), `${name}: right answers`).toBeGreaterThanOrEqual(totalOf(results, 'unharmed') / 2);
  return results;
}

async function runOne(
  open: MessageFaults['open'],
  seed: number,
  faults: number,
  limits: Partial<SessionLimits> & { timeoutMs: number },
): Promise<FaultResult> {
  const clock = createSystemClock();
  const random = seededRandom(seed);
  const tally = new FaultTally();
  const way = await open(createFaultyMessageDevice({ clock, random, tally, rate: RATE, timeoutMs: limits.timeoutMs }));
  try {
    return await runFaults({
      isFormKnown: true,
      random,
      faults,
      tally,
      workers: 3,
      open: () => openSession({ clock, open: () => way.open(), limits }),
    });
  } finally {
    await way.dispose();
  }
}
