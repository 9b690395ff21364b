import { expect, test } from 'vitest';
import { LABLINK_DELIVERY } from '../../src/hub/delivery/delivery-options.ts';
import { PRIORITIES, type Priority } from '../../src/protocol/lab/priority.ts';
import { type Bench, message, stalled } from './delivery-harness.ts';

/** Offers so many messages of a class, each with a key of its own unless one is given. */
function fill({ outbox }: Bench, priority: Priority, count: number, key?: string): string[] {
  return Array.from({ length: count }, (_, label) =>
    outbox.offer(message({ key: key ?? `${priority}${label}`, priority, delivery: 'reply', rows: 0, label })),
  );
}

const sizes = ({ outbox }: Bench): number[] => {
  const { critical, high, normal, low, bulk } = outbox.connectionStats().queue_size_by_priority;
  return [critical, high, normal, low, bulk];
};

test('317 backpressure from 8,000 messages on', () => {
  const made = stalled();
  fill(made, 'HIGH', 7_999);
  expect(made.outbox.state).toBe('NORMAL');
  fill(made, 'HIGH', 1);
  expect(made.outbox.state).toBe('BACKPRESSURE');
  expect(made.outbox.utilization).toBe(0.8);
});

test('318 normal again below 2,000, no flapping between', () => {
  const made = stalled({ rate: { perS: 0.000_001, burst: 100_000 } });
  fill(made, 'HIGH', 8_000);
  const seen = drainOneByOne(made, 8_000);
  expect(seen.indexOf('NORMAL')).toBe(6_001);
  expect(seen[6_000]).toBe('BACKPRESSURE');
  expect(seen.slice(0, 6_001).every((state) => state === 'BACKPRESSURE')).toBe(true);
  expect(seen.slice(6_001).every((state) => state === 'NORMAL')).toBe(true);
});

test('319 emergency from 9,500 on, backpressure again below 8,000', () => {
  const made = stalled();
  fill(made, 'HIGH', 9_499);
  expect(made.outbox.state).toBe('BACKPRESSURE');
  fill(made, 'HIGH', 1);
  expect(made.outbox.state).toBe('EMERGENCY');
  const seen = drainOneByOne(made, 9_500);
  expect(seen.indexOf('BACKPRESSURE')).toBe(1_501);
});

test('316 the 10,001st message evicts the oldest', () => {
  const made = stalled();
  const verdicts = fill(made, 'HIGH', 10_000, 'k');
  expect(new Set(verdicts)).toEqual(new Set(['queued']));
  expect(made.outbox.connectionStats()).toMatchObject({ queue_size: 10_000, queue_overflows: 0, messages_dropped: 0 });
  expect(fill(made, 'HIGH', 1, 'k')).toEqual(['queued']);
  expect(made.outbox.connectionStats()).toMatchObject({ queue_size: 10_000, queue_overflows: 1, messages_dropped: 1 });
});

test('316 bytes are a limit, too', () => {
  const made = stalled();
  const mib = 1 << 20;
  for (let label = 0; label < 16; label++) made.outbox.offer(message({ priority: 'HIGH', sizeBytes: mib, label }));
  expect(made.outbox.utilization).toBe(1);
  made.outbox.offer(message({ priority: 'HIGH', sizeBytes: 3 * mib }));
  expect(made.outbox.connectionStats()).toMatchObject({ queue_size: 14, messages_dropped: 3 });
});

test.each([
  ['CRITICAL', 3_000],
  ['HIGH', 4_000],
  ['NORMAL', 2_000],
  ['LOW', 800],
  ['BULK', 200],
] as const)('321–325 %s can always place its reserve of %i', (priority, reserve) => {
  for (const other of PRIORITIES.filter((name) => name !== priority && name !== 'CRITICAL')) {
    const made = stalled();
    fill(made, other, 10_000);
    expect(new Set(fill(made, priority, reserve))).toEqual(new Set(['queued']));
    expect(sizes(made)[PRIORITIES.indexOf(priority)]).toBe(reserve);
    // All of those are still there when the others come again.
    fill(made, other, 500);
    expect(sizes(made)[PRIORITIES.indexOf(priority)]).toBe(reserve);
  }
});

test('321–325 the lowest class above its reserve goes first', () => {
  const made = stalled();
  fill(made, 'BULK', 1_000);
  fill(made, 'LOW', 2_000);
  fill(made, 'NORMAL', 3_000);
  fill(made, 'HIGH', 4_000);
  expect(sizes(made)).toEqual([0, 4_000, 3_000, 2_000, 1_000]);
  fill(made, 'CRITICAL', 800);
  expect(sizes(made)).toEqual([800, 4_000, 3_000, 2_000, 200]);
  fill(made, 'CRITICAL', 1_200);
  expect(sizes(made)).toEqual([2_000, 4_000, 3_000, 800, 200]);
  fill(made, 'CRITICAL', 1_000);
  expect(sizes(made)).toEqual([3_000, 4_000, 2_000, 800, 200]);
});

test('327 CRITICAL is always queued: 3,000 beyond the limit, then the lowest others go, then the connection', () => {
  const made = stalled({ watermarks: { low: 0.2, high: 2, critical: 3 } });
  fill(made, 'BULK', 200);
  fill(made, 'LOW', 800);
  fill(made, 'NORMAL', 2_000);
  fill(made, 'HIGH', 4_000);
  fill(made, 'CRITICAL', 6_000);
  expect(sizes(made)).toEqual([6_000, 4_000, 2_000, 800, 200]);
  fill(made, 'CRITICAL', 1_001);
  expect(sizes(made)).toEqual([7_001, 4_000, 1_999, 0, 0]);
  fill(made, 'CRITICAL', 5_999);
  expect(sizes(made)).toEqual([13_000, 0, 0, 0, 0]);
  expect(made.wire.closed).toBeUndefined();
  fill(made, 'CRITICAL', 1);
  expect(made.wire.closed?.code).toBe(4508);
});

test('LabLink: 1,000 messages, warning beyond 750', () => {
  const made = stalled({
    maxMessages: LABLINK_DELIVERY.maxMessages,
    warningMessages: LABLINK_DELIVERY.warningMessages,
  });
  fill(made, 'NORMAL', 750);
  expect(made.outbox.isWarning).toBe(false);
  fill(made, 'NORMAL', 1);
  expect(made.outbox.isWarning).toBe(true);
  fill(made, 'NORMAL', 250);
  expect(made.outbox.connectionStats()).toMatchObject({ queue_size: 1_000, queue_overflows: 1 });
});

test('347 limits change while it works, and nothing is dropped by the change', () => {
  const made = stalled();
  fill(made, 'HIGH', 5_000);
  made.outbox.configure({ maxMessages: 1_000 });
  expect(made.outbox.connectionStats()).toMatchObject({ queue_size: 5_000, messages_dropped: 0 });
  expect(made.outbox.state).toBe('EMERGENCY');
  fill(made, 'HIGH', 1);
  expect(made.outbox.connectionStats()).toMatchObject({ queue_size: 4_999, messages_dropped: 2 });
  made.outbox.configure({ maxMessages: 20_000 });
  expect(made.outbox.utilization).toBeCloseTo(0.25, 3);
  expect(made.outbox.state).toBe('BACKPRESSURE');
  made.outbox.configure({ maxMessages: 5 });
  expect(made.outbox.options.maxMessages).toBe(100);
  made.outbox.configure({ maxMessages: 1e9 });
  expect(made.outbox.options.maxMessages).toBe(100_000);
});

/** Lets one message after another go; gives the state after each. */
function drainOneByOne({ outbox, wire }: Bench, count: number): string[] {
  const seen: string[] = [];
  let taken = wire.sentBytes;
  wire.onSend = () => seen.push(outbox.state);
  for (let step = 0; step <= count; step++) {
    outbox.ack(taken);
    taken = wire.sentBytes;
  }
  return seen;
}
