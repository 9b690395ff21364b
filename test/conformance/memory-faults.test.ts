import { afterAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import { FaultTally } from './faulty-instrument.ts';
import { createFaultyMessageDevice, MESSAGE_FAULTS } from './faulty-message-device.ts';
import { type MemoryMessageWay, openMemoryMessageWay } from './memory-message-way.ts';
import { runFaults } from './session-suite.ts';

/** What session-faults.test.ts is for lines, for a way with message ends and a device clear that is obeyed; without a system below, all in manual time. */

/** Of each of two runs. */
const FAULTS = 5000;
const RATE = 0.4;

afterAll(() => expect(openScopes()).toEqual([]));

/** Runs a session per connection over ways that `change` may spoil. */
async function run(isFormKnown: boolean, seed: number, faults: number, change: (way: MemoryMessageWay) => void) {
  const clock = new ManualClock();
  const random = seededRandom(seed);
  const tally = new FaultTally();
  const device = createFaultyMessageDevice({
    clock,
    random,
    tally,
    rate: RATE,
    isNoiseUnreadable: !isFormKnown,
    timeoutMs: 2000,
  });
  let clears = 0;
  const result = await runFaults({
    isFormKnown,
    random,
    faults,
    tally,
    workers: 4,
    open: () =>
      openSession({
        clock,
        async open() {
          const way = openMemoryMessageWay(device);
          const { clear } = way.control;
          way.control.clear = (signal) => {
            clears++;
            return clear(signal);
          };
          change(way);
          return way;
        },
        limits: { maxTrace: 50 },
      }),
    pass: (ms) => clock.advance(ms),
  });
  return { result, tally, clears };
}

describe('a late answer reaches nobody else over messages', () => {
  it.each([
    ['form of the answers known', true],
    ['form of the answers unknown', false],
  ])('half of 10,000 faults on a manual clock: %s', { timeout: 120_000 }, async (_, isFormKnown) => {
    const { result, tally, clears } = await run(isFormKnown, isFormKnown ? 11 : 12, FAULTS, () => {});
    for (const fault of MESSAGE_FAULTS) expect(tally.counts.get(fault), fault).toBeGreaterThan(FAULTS / 10);
    expect(result.wrong).toEqual([]);
    expect(result.odd).toEqual([]);
    // Safety may not be bought by refusing: most answers meet no fault, and those are given.
    expect(result.right).toBeGreaterThan(FAULTS / 2);
    expect(clears).toBeGreaterThan(FAULTS / 10);
  });

  it('the same instrument over a way whose clear does nothing gives wrong answers', async () => {
    const { result } = await run(true, 13, 1000, (way) => {
      way.control.clear = async () => {};
    });
    expect(result.wrong.length).toBeGreaterThan(10);
  });
});
