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

test('a sleep is told as a sleep, a step beside it as a step, and a recording is told of both', async () => {
  const clock = new ManualClock();
  const events = new EventLog(clock, new StateBoard(emptyState('/x')));
  let aheadMs = 0;
  let slept = 0;
  using watch = new ClockWatch({
    clock,
    events,
    wallMs: () => Number(clock.nowNs()) / 1e6 + aheadMs,
    slept: () => void slept++,
  });
  const told = (): string[] => events.between(0n, 1n << 62n).map(({ text }) => text);
  expect(watch.about).toMatchObject({ offsetS: 0, uncertaintyS: 0.1 });
  clock.sleep(8 * 3_600_000 + 180_000);
  await clock.advance(3000);
  expect(told()).toEqual([expect.stringMatching(/^The system slept for 8 h 3 min\. Nothing was measured meanwhile/)]);
  expect(slept).toBe(1);
  clock.sleep(60_000);
  aheadMs += 5000;
  await clock.advance(1000);
  expect(told().slice(1)).toEqual([
    expect.stringMatching(/^The system slept for 1 min 0 s/),
    expect.stringMatching(/set 5\.0 s ahead.*now 5\.0 s behind/),
  ]);
  expect(watch.about).toEqual({
    source: expect.stringContaining('and the sleep of the system (2 so far, 8 h 4 min in all)'),
    offsetS: 5,
    uncertaintyS: 0.1,
  });
});
