import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { ClockWatch } from './clock-watch.ts';
import { emptyState } from './empty-state.ts';
import { EventLog } from './event-log.ts';
import { StateBoard } from './state-board.ts';

test('a step of the wall clock is told with its size; drift is not', async () => {
  const clock = new ManualClock();
  const events = new EventLog(clock, new StateBoard(emptyState('/x')));
  let aheadMs = 0;
  using watch = new ClockWatch({ clock, events, wallMs: () => Number(clock.nowNs()) / 1e6 + aheadMs });
  const told = (): string[] => events.between(0n, 1n << 62n).map(({ text }) => text);
  for (let second = 0; second < 100; second++) {
    aheadMs += 20;
    await clock.advance(1000);
  }
  expect(told()).toEqual([]);
  expect(watch.offsetS).toBeCloseTo(2, 3);
  aheadMs += 3_600_000;
  await clock.advance(1000);
  aheadMs -= 7_200_000;
  await clock.advance(1000);
  await clock.advance(10_000);
  expect(told()).toEqual([
    expect.stringMatching(/set 3600\.0 s ahead.*now 3602\.0 s behind/),
    expect.stringMatching(/set 7200\.0 s back.*now 3598\.0 s ahead of/),
  ]);
});
