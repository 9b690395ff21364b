import { expect, test } from 'vitest';
import { QueueBudget } from '../../src/hub/delivery/queue-budget.ts';
import { type Bench, message, stalled } from './delivery-harness.ts';

const SIZE = 10_000;
const WITHOUT_LIMITS = { maxMessages: 100_000, maxBytes: 1 << 30, isEnabled: false };

function fill({ outbox }: Bench, count: number, changes: Parameters<typeof message>[0] = {}): void {
  for (let label = 0; label < count; label++) outbox.offer(message({ label, sizeBytes: SIZE, ...changes }));
}

const queued = ({ outbox }: Bench): number => outbox.connectionStats().queue_size;

test('339 all queues together: who holds more than an equal part gives up its oldest, the others nothing', () => {
  const budget = new QueueBudget(1_000_000);
  const [greedy, modest, late] = [1, 2, 3].map((seed) => stalled(WITHOUT_LIMITS, seed, budget)) as [
    Bench,
    Bench,
    Bench,
  ];
  fill(modest, 20);
  fill(greedy, 200);
  expect(budget.bytes).toBeLessThanOrEqual(1_000_000);
  expect(queued(modest)).toBe(20);
  expect(queued(greedy)).toBeGreaterThan(70);
  expect(greedy.outbox.ledger('k')).toMatchObject({ produced: 200, dropped: 200 - queued(greedy) });
  // Room for a third: who was greedy gives it back with the next that comes.
  fill(late, 30);
  fill(greedy, 1);
  expect([queued(modest), queued(late)]).toEqual([20, 30]);
  expect(budget.bytes).toBeLessThanOrEqual(1_000_000);
  for (const { outbox } of [greedy, modest, late]) outbox.takeUnsent();
  expect(budget.bytes).toBe(0);
  expect(budget.fairBytes).toBe(1_000_000);
});

test('339 what many wait for together counts once for none of them; CRITICAL stays', () => {
  const budget = new QueueBudget(400_000);
  const one = stalled(WITHOUT_LIMITS, 1, budget);
  fill(one, 1_000, { isShared: true });
  expect(queued(one)).toBe(1_000);
  fill(one, 100, { priority: 'CRITICAL', key: 'c' });
  expect(one.outbox.ledger('c')).toMatchObject({ queued: 100, dropped: 0 });
  expect(one.outbox.ledger('k')).toMatchObject({ queued: 0, dropped: 1_000 });
});

test('339 a queue that holds more than its part feels the pressure of all, one that holds less does not', () => {
  const budget = new QueueBudget(1_000_000);
  const pressed = { ...WITHOUT_LIMITS, isEnabled: true };
  const greedy = stalled(pressed, 1, budget);
  const modest = stalled(pressed, 2, budget);
  fill(greedy, 97, { delivery: 'reply' });
  fill(modest, 1);
  expect(greedy.outbox.state).toBe('EMERGENCY');
  expect(modest.outbox.state).toBe('NORMAL');
});
