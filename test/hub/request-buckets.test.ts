import { expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { RequestBuckets } from '../../src/hub/delivery/request-buckets.ts';

/** Requests of a type that pass at once. */
function passed(buckets: RequestBuckets, type: string, client = 'c', most = 200): number {
  for (let count = 0; count < most; count++) if (buckets.take(client, type).kind === 'refused') return count;
  return most;
}

test.each([
  ['ping', 140, 2],
  ['subscribe', 50, 1],
  ['unsubscribe', 50, 1],
  ['get_subscriptions', 30, 0.5],
  ['hello', 80, 10],
])('254–258 %s: %i at once, then %d a second', async (type, burst, perS) => {
  const clock = new ManualClock();
  const buckets = new RequestBuckets(clock, { knownTypes: new Set([type]), closeAfter: 1e9 });
  expect(passed(buckets, type)).toBe(burst);
  await clock.advance(4_000);
  expect(passed(buckets, type)).toBe(4 * perS);
  await clock.advance(3_600_000 - 1);
  expect(passed(buckets, type)).toBe(burst);
});

test('259 each client and each known type has its own bucket; all invented types share one', () => {
  const buckets = new RequestBuckets(new ManualClock());
  expect(passed(buckets, 'ping', 'a')).toBe(140);
  expect(passed(buckets, 'subscribe', 'a')).toBe(50);
  expect(passed(buckets, 'ping', 'b')).toBe(140);
  let invented = 0;
  for (let index = 0; index < 10_000; index++) if (buckets.take('flood', `type${index}`).kind === 'allowed') invented++;
  expect(invented).toBe(80);
  expect(buckets.stats()).toMatchObject({ clients: 3, buckets: 4 });
});

test('261 retry_after says when one passes again, exactly', async () => {
  const clock = new ManualClock();
  const buckets = new RequestBuckets(clock);
  passed(buckets, 'get_subscriptions');
  await clock.advance(500);
  const verdict = buckets.take('c', 'get_subscriptions');
  expect(verdict).toMatchObject({ kind: 'refused', retryAfterS: 1.5 });
  await clock.advance(1_499);
  expect(buckets.take('c', 'get_subscriptions').kind).toBe('refused');
  await clock.advance(1);
  expect(buckets.take('c', 'get_subscriptions').kind).toBe('allowed');
});

test('three refusals in 10 s warn once; 100 close; a pause forgives', async () => {
  const clock = new ManualClock();
  const buckets = new RequestBuckets(clock, { knownTypes: new Set() });
  const actions = (count: number): string[] =>
    Array.from({ length: count }, () => {
      const verdict = buckets.take('c', 'x');
      return verdict.kind === 'refused' ? verdict.action : verdict.kind;
    });
  expect(actions(80)).not.toContain('answer');
  expect(actions(4)).toEqual(['answer', 'answer', 'warn', 'answer']);
  expect(actions(95)).not.toContain('warn');
  expect(actions(1)).toEqual(['close']);
  expect(buckets.stats()).toMatchObject({
    allowed: 80,
    refused: 100,
    warned: 1,
    closed: 1,
    refused_by_type: { other: 100 },
  });
  await clock.advance(61_000);
  expect(actions(80)).not.toContain('close');
  expect(actions(3)).toEqual(['answer', 'answer', 'warn']);
  buckets.resetStats();
  expect(buckets.stats()).toMatchObject({ allowed: 0, refused: 0, refused_by_type: {} });
});

test('three refusals spread over more than 10 s are no reason to warn', async () => {
  const clock = new ManualClock();
  const buckets = new RequestBuckets(clock, { rateOf: () => ({ capacity: 1, perS: 0.000_1 }) });
  buckets.take('c', 'ping');
  for (let index = 0; index < 6; index++) {
    expect(buckets.take('c', 'ping')).toMatchObject({ action: 'answer' });
    await clock.advance(5_001);
  }
});

test('260 buckets go with the client, after an hour of silence, and when there are too many', async () => {
  const clock = new ManualClock();
  const buckets = new RequestBuckets(clock, { maxClients: 3 });
  buckets.take('a', 'ping');
  buckets.leave('a');
  expect(buckets.stats().clients).toBe(0);
  buckets.take('a', 'ping');
  await clock.advance(3_600_001);
  buckets.take('b', 'ping');
  expect(buckets.stats().clients).toBe(1);
  for (let index = 0; index < 1_000; index++) buckets.take(`flood${index}`, 'ping');
  expect(buckets.stats().clients).toBe(3);
  // One that goes on asking keeps its bucket while others come and go.
  passed(buckets, 'ping', 'kept');
  for (let index = 0; index < 20; index++) {
    buckets.take(`more${index}`, 'ping');
    expect(buckets.take('kept', 'ping').kind).toBe('refused');
  }
});
