import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { bench, message, stalled } from './delivery-harness.ts';
import { RingOfRows, ringSource } from './shared-ring.ts';

const OPEN = { window: { minBytes: 100_000, maxBytes: 100_000, initialBytes: 100_000, targetMs: 100 } };

test('a ring is read by cursor: frames of so many rows, the last one shorter', () => {
  const { outbox, wire } = bench(OPEN);
  const rows = new RingOfRows(1_000);
  const attached = outbox.attach(ringSource('r', rows));
  expect(wire.sent).toEqual([]);
  rows.append(25);
  attached.changed();
  expect(wire.texts).toEqual(['r:0,10', 'r:10,10', 'r:20,5']);
  expect(outbox.ledger('r')).toMatchObject({ produced: 25, inFlight: 25 });
  outbox.ack(wire.sentBytes);
  expect(outbox.ledger('r')).toMatchObject({ produced: 25, delivered: 25 });
});

test('rows that wait in a ring count as the frames they would make', () => {
  const { outbox } = stalled({ maxMessages: 100 });
  const rows = new RingOfRows(1_000);
  const attached = outbox.attach(ringSource('r', rows, { priority: 'HIGH' }));
  rows.append(501);
  attached.changed();
  expect(outbox.connectionStats().queue_size_by_priority.high).toBe(51);
  expect(outbox.utilization).toBe(0.51);
});

test('rows the ring gave up, and holes of the source, are told with their reason', () => {
  const { outbox, wire } = stalled();
  const rows = new RingOfRows(30);
  const attached = outbox.attach(ringSource('r', rows));
  rows.append(50);
  attached.changed();
  rows.hole(4);
  rows.append(10);
  attached.changed();
  outbox.configure(OPEN);
  expect(wire.texts.slice(1)).toEqual(['r:34,10+34overflow', 'r:44,6', 'r:54,10+4source']);
  expect(outbox.ledger('r')).toMatchObject({ produced: 64, dropped: 38, inFlight: 26 });
});

test('a full queue lets the oldest rows of a ring go before messages of its class', () => {
  const { outbox, wire } = stalled({ maxMessages: 100, isEnabled: false });
  const rows = new RingOfRows(10_000);
  const attached = outbox.attach(ringSource('r', rows, { priority: 'HIGH' }));
  for (let label = 0; label < 60; label++) outbox.offer(message({ key: 'm', priority: 'HIGH', label }));
  rows.append(500);
  attached.changed();
  expect(outbox.connectionStats().queue_size).toBe(100);
  outbox.configure(OPEN);
  expect(wire.texts.find((text) => text.startsWith('r'))).toBe('r:100,10+100overflow');
  expect(outbox.ledger('m').dropped).toBe(0);
});

test('rings of one class take turns with each other and with messages', () => {
  const { outbox, wire } = stalled();
  const rings = ['a', 'b'].map((key) => ({ key, rows: new RingOfRows(1_000) }));
  const attachments = rings.map(({ key, rows }) => outbox.attach(ringSource(key, rows)));
  for (const { rows } of rings) rows.append(30);
  for (const attached of attachments) attached.changed();
  outbox.offer(message({ key: 'm' }));
  outbox.configure(OPEN);
  expect(wire.texts.slice(1).map((text) => text[0])).toEqual(['a', 'b', 'm', 'a', 'b', 'a', 'b']);
});

test('rows exist once for any number of clients: each has its own place', () => {
  const rows = new RingOfRows(1_000);
  const fast = bench(OPEN);
  const slow = stalled();
  const attachments = [fast, slow].map(({ outbox }) => outbox.attach(ringSource('r', rows)));
  for (let round = 0; round < 5; round++) {
    rows.append(10);
    for (const attached of attachments) attached.changed();
  }
  expect(fast.wire.sent).toHaveLength(5);
  slow.outbox.configure(OPEN);
  expect(slow.wire.texts.slice(1)).toEqual(fast.wire.texts);
});

test('107 a frozen client does not hold the others', async () => {
  const rows = new RingOfRows(100_000);
  const frozen = bench();
  const live = bench();
  const attachments = [frozen, live].map(({ outbox }) => outbox.attach(ringSource('r', rows, { priority: 'HIGH' })));
  const random = seededRandom(3);
  for (let ms = 0; ms < 20_000; ms += 100) {
    rows.append(1 + random.below(100));
    for (const attached of attachments) attached.changed();
    live.outbox.ack(live.wire.sentBytes);
    await live.clock.advance(100);
    await frozen.clock.advance(100);
    expect(live.outbox.details().queueAgeMs).toBeLessThanOrEqual(100);
  }
  live.outbox.ack(live.wire.sentBytes);
  expect(live.outbox.ledger('r')).toMatchObject({ dropped: 0, decimated: 0, conflated: 0, queued: 0 });
  expect(frozen.wire.sentBytes).toBeLessThanOrEqual(16 * 1024);
});

test('detached, a source sends nothing more, and its rows wait no longer', () => {
  const { outbox, wire } = stalled();
  const rows = new RingOfRows(100);
  const attached = outbox.attach(ringSource('r', rows));
  rows.append(50);
  attached.changed();
  attached.detach();
  attached.detach();
  rows.append(10);
  attached.changed();
  expect(outbox.connectionStats().queue_size).toBe(0);
  outbox.configure(OPEN);
  expect(wire.sent).toHaveLength(1);
  expect(outbox.ledger('r')).toMatchObject({ produced: 50, dropped: 50, queued: 0 });
});

test('what was left out at the end of a stream comes back for a gap', () => {
  const { outbox } = stalled();
  outbox.configure({ watermarks: { low: 0, high: 0, critical: 2 } });
  outbox.offer(message({ key: 's', priority: 'BULK', rows: 3 }));
  expect(outbox.forget('s')).toEqual({ n: 3, reason: 'overflow' });
  expect(outbox.forget('s')).toBeUndefined();
  expect(outbox.total).toMatchObject({ dropped: 3 });
});
