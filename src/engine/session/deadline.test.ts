import { expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { Deadline } from './deadline.ts';

function watch(): { clock: ManualClock; deadline: Deadline; came: number[] } {
  const clock = new ManualClock();
  const came: number[] = [];
  return { clock, came, deadline: new Deadline(clock, () => void came.push(clock.monotonicMs())) };
}

it('comes once, when it is due', async () => {
  const { clock, deadline, came } = watch();
  deadline.set(100);
  expect(deadline.dueMs).toBe(100);
  await clock.advance(99);
  expect(came).toEqual([]);
  await clock.advance(1000);
  expect(came).toEqual([100]);
  expect(clock.pending).toBe(0);
});

it('moves on, later and earlier, with one timer', async () => {
  const { clock, deadline, came } = watch();
  for (let count = 0; count < 50; count++) {
    deadline.set(100);
    expect(clock.pending).toBe(1);
    await clock.advance(30);
    deadline.clear();
  }
  expect(came).toEqual([]);
  deadline.set(1000);
  deadline.set(10);
  expect(clock.pending).toBe(1);
  await clock.advance(2000);
  expect(came).toEqual([1510]);
});

it('does not come when it was met, and its timer ends by itself', async () => {
  const { clock, deadline, came } = watch();
  deadline.set(100);
  deadline.clear();
  expect(clock.pending).toBe(1);
  await clock.advance(100);
  expect([came, clock.pending]).toEqual([[], 0]);
});

it('may be set again from where it comes', async () => {
  const clock = new ManualClock();
  const came: number[] = [];
  const deadline = new Deadline(clock, () => {
    came.push(clock.monotonicMs());
    if (came.length < 3) deadline.set(0.1);
  });
  deadline.set(0.3);
  await clock.advance(1);
  expect(came.map((ms) => ms.toFixed(3))).toEqual(['0.300', '0.400', '0.500']);
});

it('an endless one never comes, nor one longer than timers can wait before its time', async () => {
  const { clock, deadline, came } = watch();
  deadline.set(Number.POSITIVE_INFINITY);
  await clock.advance(2 ** 32);
  expect(came).toEqual([]);
  const startMs = clock.monotonicMs();
  deadline.set(2 ** 32);
  await clock.advance(2 ** 32 - 1);
  expect(came).toEqual([]);
  await clock.advance(1);
  expect(came).toEqual([startMs + 2 ** 32]);
});

it('leaves no timer when it rests, unless it is set', async () => {
  const { clock, deadline, came } = watch();
  deadline.set(100);
  deadline.rest();
  await clock.advance(100);
  expect(came).toEqual([100]);
  deadline.set(100);
  deadline.clear();
  deadline.rest();
  expect(clock.pending).toBe(0);
  deadline.set(50);
  await clock.advance(50);
  expect(came).toEqual([100, 150]);
});
