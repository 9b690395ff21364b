import { expect, test, vi } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { DeliveryOptions } from '../../src/hub/delivery/delivery-options.ts';
import { PRIORITIES, type Priority } from '../../src/protocol/lab/priority.ts';
import { type Bench, bench, message } from './delivery-harness.ts';

// Half a million messages through one outbox: seconds here, more on a slow machine.
vi.setConfig({ testTimeout: 300_000 });

/** Messages a second by class. */
type Load = Partial<Record<Priority, number>>;

interface Outcome {
  offered: number;
  /** Part of all that were offered. */
  lost: number;
  /** Part of each class that was lost. */
  lostOf: Record<Priority, number>;
  maxUtilization: number;
  made: Bench;
}

/** One message after another goes: the window takes a single one. */
const ONE_BY_ONE = { window: { minBytes: 1, maxBytes: 1, initialBytes: 1, targetMs: 1 }, criticalExcessBytes: 0 };
/** Reserves and eviction alone, without thinning and snapshots. */
const LIMITS_ALONE = { isEnabled: false };

/** Offers a load for so long, ms by ms, while so many messages a second are taken; nothing within a stall. */
async function simulate(
  load: Load,
  seconds: number,
  drainPerS: number,
  options: Partial<DeliveryOptions>,
  stall: { fromS: number; toS: number } | undefined = undefined,
): Promise<Outcome> {
  const made = bench({ ...ONE_BY_ONE, ...options });
  const { outbox, wire, clock } = made;
  const random = seededRandom(11);
  const total = Object.values(load).reduce((sum, rate) => sum + rate, 0);
  const offered: Record<Priority, number> = { CRITICAL: 0, HIGH: 0, NORMAL: 0, LOW: 0, BULK: 0 };
  let due = 0;
  let taken = 0;
  let maxUtilization = 0;
  const classOf = (): Priority => {
    let pick = random.next() * total;
    for (const priority of PRIORITIES) {
      pick -= load[priority] ?? 0;
      if (pick < 0) return priority;
    }
    return 'BULK';
  };
  for (let ms = 0; ms < seconds * 1000; ms++) {
    for (due += total / 1000; due >= 1; due--) {
      const priority = classOf();
      offered[priority]++;
      outbox.offer(message({ key: priority, priority }));
    }
    maxUtilization = Math.max(maxUtilization, outbox.utilization);
    const isStalled = stall !== undefined && ms >= stall.fromS * 1000 && ms < stall.toS * 1000;
    if (!isStalled) for (taken += drainPerS / 1000; taken >= 1; taken--) outbox.ack(wire.sentBytes);
    if (ms % 100 === 0) await clock.advance(100);
  }
  const all = PRIORITIES.reduce((sum, priority) => sum + offered[priority], 0);
  const lostCount = (priority: Priority): number => {
    const { dropped, decimated, conflated } = outbox.ledger(priority);
    return dropped + decimated + conflated;
  };
  const lostOf = Object.fromEntries(
    PRIORITIES.map((priority) => [priority, offered[priority] === 0 ? 0 : lostCount(priority) / offered[priority]]),
  ) as Record<Priority, number>;
  const lost = PRIORITIES.reduce((sum, priority) => sum + lostCount(priority), 0) / all;
  return { offered: all, lost, lostOf, maxUtilization, made };
}

test('313 §6 a HIGH burst of 2,000 a second for 10 s, 1,000 taken: nothing is lost', async () => {
  const { offered, lost } = await simulate({ HIGH: 2_000 }, 10, 1_000, LIMITS_ALONE);
  expect(offered).toBe(20_000);
  expect(lost).toBe(0);
});

test('313 319 §6 the same with pressure: HIGH is lost from emergency on only, as snapshots', async () => {
  const { lost, lostOf, maxUtilization, made } = await simulate({ HIGH: 2_000 }, 10, 1_000, {});
  // From 9.5 s on.
  expect(lostOf.HIGH).toBeLessThan(0.051);
  expect(lost).toBe(lostOf.HIGH);
  expect(maxUtilization).toBeLessThan(0.96);
  expect(made.outbox.ledger('HIGH')).toMatchObject({ dropped: 0, decimated: 0 });
});

test('314 §6 CRITICAL 400 and HIGH 800 a second for 20 s, 600 taken: no CRITICAL is lost, HIGH what does not fit', async () => {
  const { lost, lostOf, made } = await simulate({ CRITICAL: 400, HIGH: 800 }, 20, 600, LIMITS_ALONE);
  expect(lostOf.CRITICAL).toBe(0);
  // 12,000 of 24,000 are taken, 10,000 wait at the end.
  expect(lost).toBeCloseTo(2_000 / 24_000, 3);
  expect(lost).toBeLessThan(0.209);
  // CRITICAL never waited behind HIGH: at most the one that is being taken.
  const { critical } = made.outbox.connectionStats().queue_size_by_priority;
  expect(critical).toBeLessThanOrEqual(2);
});

const MIXED: Load = { CRITICAL: 7.5, HIGH: 900, NORMAL: 390, LOW: 150, BULK: 52.5 };

test('315 321–325 §6 mixed 1,500 a second for 60 s, 1,000 taken: 22 % lost, NORMAL 38 %, LOW 91 %', async () => {
  const { lost, lostOf } = await simulate(MIXED, 60, 1_000, LIMITS_ALONE);
  expect(lost).toBeCloseTo(0.222, 2);
  expect(Math.abs(lostOf.NORMAL - 0.379)).toBeLessThan(0.02);
  expect(Math.abs(lostOf.LOW - 0.91)).toBeLessThan(0.02);
  expect(lostOf.CRITICAL).toBe(0);
  expect(lostOf.HIGH).toBe(0);
});

test('315 §6 the same with pressure: no more than the overload is lost, lowest classes first', async () => {
  const { lost, lostOf } = await simulate(MIXED, 60, 1_000, {});
  expect(lost).toBeLessThan(1 / 3);
  expect(lostOf.CRITICAL).toBe(0);
  expect(lostOf.HIGH).toBe(0);
  expect(lostOf.NORMAL).toBeLessThan(lostOf.LOW);
});

test('340 §6 nothing passes for 8 s at 1,000 a second: nothing is lost', async () => {
  const load = { CRITICAL: 5, HIGH: 600, NORMAL: 260, LOW: 100, BULK: 35 };
  const { lost, maxUtilization } = await simulate(load, 16, 2_500, LIMITS_ALONE, { fromS: 1, toS: 9 });
  expect(lost).toBe(0);
  expect(maxUtilization).toBeGreaterThan(0.79);
});

test('340 1,000 a second for 10 min, nothing passes 1 % of the time: less than 0.1 % lost', async () => {
  const made = bench({
    rate: { perS: 2_000, burst: 200 },
    window: { minBytes: 8192, maxBytes: 8192, initialBytes: 8192, targetMs: 1 },
  });
  const { outbox, wire, clock } = made;
  for (let ms = 0; ms < 600_000; ms += 100) {
    for (let index = 0; index < 100; index++) outbox.offer(message({ key: `k${index % 20}`, priority: 'HIGH' }));
    // 1 s in 100 s.
    if (ms % 100_000 < 99_000) outbox.ack(wire.sentBytes);
    await clock.advance(100);
  }
  outbox.ack(wire.sentBytes);
  const { produced, delivered, dropped, conflated, decimated } = outbox.total;
  expect(produced).toBe(600_000);
  expect((dropped + conflated + decimated) / produced).toBeLessThan(0.001);
  expect(delivered).toBeGreaterThan(0.999 * produced);
});

test('342 10,000 messages at once: all are sent, in order, none twice', async () => {
  const { outbox, wire, clock } = bench({ rate: { perS: 1_000, burst: 200 } });
  for (let label = 0; label < 10_000; label++) outbox.offer(message({ label, priority: 'HIGH', delivery: 'reply' }));
  for (let round = 0; round < 1_200; round++) {
    outbox.ack(wire.sentBytes);
    await clock.advance(10);
  }
  expect(wire.texts).toEqual(Array.from({ length: 10_000 }, (_, label) => `k:${label}`));
});

test('343 100 a second for 5 s: none waits', async () => {
  const { outbox, wire, clock } = bench({ rate: { perS: 1_000, burst: 200 } });
  for (let label = 0; label < 500; label++) {
    expect(outbox.offer(message({ label }))).toBe('sent');
    outbox.ack(wire.sentBytes);
    await clock.advance(10);
  }
  expect(wire.sent).toHaveLength(500);
});
