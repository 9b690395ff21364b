import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { ACK_RULES, ByteAcks } from './byte-acks.ts';

function open(): { clock: ManualClock; acks: ByteAcks; sent: number[]; taken: Map<string, number> } {
  const clock = new ManualClock();
  const sent: number[] = [];
  const taken = new Map<string, number>();
  const acks = new ByteAcks(
    clock,
    ACK_RULES,
    (key, end) => (taken.get(key) ?? 0) >= end,
    (bytes) => sent.push(bytes),
  );
  return { clock, acks, sent, taken };
}

test('a quarter of the window is acknowledged at once, less after 250 ms, all bytes counted from the start', async () => {
  const { clock, acks, sent } = open();
  acks.took(100);
  await clock.advance(249);
  expect(sent).toEqual([]);
  await clock.advance(1);
  expect(sent).toEqual([100]);
  acks.took(2048);
  expect(sent).toEqual([100, 2148]);
  await clock.advance(1000);
  expect(sent).toEqual([100, 2148]);
  acks[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

test('rows that wait are not acknowledged, however long; others are', async () => {
  const { clock, acks, sent, taken } = open();
  acks.handed('a', 10, 1, 5000);
  acks.took(30);
  await clock.advance(10_000);
  expect(sent).toEqual([30]);
  taken.set('a', 9);
  await clock.advance(250);
  expect(sent).toEqual([30]);
  taken.set('a', 10);
  await clock.advance(250);
  expect(sent).toEqual([30, 5030]);
  acks[Symbol.dispose]();
});

test('one stream that waits holds up no other', () => {
  const { acks, sent, taken } = open();
  acks.handed('a', 10, 1, 5000);
  taken.set('b', 99);
  acks.handed('b', 5, 1, 4000);
  expect(sent).toEqual([4000]);
  acks[Symbol.dispose]();
});

test('the faster it comes, the larger the window: acknowledgements stay few', async () => {
  const { clock, acks, sent } = open();
  for (let ms = 0; ms < 5000; ms++) {
    acks.took(10_000);
    await clock.advance(1);
  }
  // 10 MB/s: the window is 1 MB, a quarter of it each 25 ms.
  expect(sent.length).toBeLessThan(400);
  expect(sent.at(-1)).toBeGreaterThan(50_000_000 - 400_000);
  acks[Symbol.dispose]();
});
