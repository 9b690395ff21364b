import { expect, test } from 'vitest';
import { createDeferred } from '../../src/core/deferred.ts';
import { deliveryOptions, LABLINK_DELIVERY } from '../../src/hub/delivery/delivery-options.ts';
import type { BulkSource } from '../../src/hub/delivery/delivery-source.ts';
import { FlowWindow } from '../../src/hub/delivery/flow-window.ts';
import { Outbox } from '../../src/hub/delivery/outbox.ts';
import { type Bench, bench, MemoryWire, message } from './delivery-harness.ts';

const LIMITS = { minBytes: 8192, maxBytes: 4 << 20, initialBytes: 16_384, targetMs: 100 };

/** A link of so many bytes a ms: what was sent arrives in order and is acknowledged `delayMs` later. */
function shape({ wire, outbox, clock }: Bench, bytesPerMs: number, delay: number | (() => number)): () => number {
  const delayOf = typeof delay === 'number' ? () => delay : delay;
  let freeMs = 0;
  let arrived = 0;
  wire.onSend = (bytes) => {
    freeMs = Math.max(freeMs, clock.monotonicMs()) + bytes / bytesPerMs;
    const atMs = freeMs + delayOf();
    clock.after(atMs - clock.monotonicMs(), () => {
      arrived += bytes;
      outbox.ack(arrived);
    });
  };
  return () => freeMs;
}

test('313 the window is what goes through in 100 ms and the shortest round trip, within its bounds', () => {
  const flow = new FlowWindow(0);
  expect(flow.limit(LIMITS)).toBe(16_384);
  let now = 0;
  for (let round = 0; round < 60; round++) {
    flow.sent(50_000, [{ key: 'k', rows: 1 }], now);
    now += 10;
    expect(flow.ack((round + 1) * 50_000, true, now)).toMatchObject([{ key: 'k', rows: 1 }]);
  }
  // 5,000 bytes a ms for 110 ms, and a quarter more because nothing waits on the way.
  expect(flow.limit(LIMITS)).toBeCloseTo(687_500, -3);
  // Eleven at a time: each waits for those before it.
  for (let message = 0; message < 10; message++) flow.sent(50_000, [{ key: 'k', rows: 1 }], now);
  for (let round = 61; round <= 100; round++) {
    flow.sent(50_000, [{ key: 'k', rows: 1 }], now);
    now += 10;
    flow.ack(round * 50_000, true, now);
  }
  for (let round = 101; round <= 110; round++) {
    now += 10;
    flow.ack(round * 50_000, true, now);
  }
  expect(flow.limit(LIMITS)).toBeCloseTo(550_000, -3);
  for (let round = 0; round < 60; round++) {
    flow.sent(10, [], now);
    now += 10;
    flow.ack(flow.sentBytes, false, now);
  }
  // Little was sent because there was little: that says nothing about the link.
  expect(flow.limit(LIMITS)).toBeCloseTo(550_000, -3);
  for (let round = 0; round < 60; round++) {
    flow.sent(10, [{ key: 'k', rows: 1 }], now);
    now += 10;
    flow.ack(flow.sentBytes, true, now);
  }
  expect(flow.limit(LIMITS)).toBe(8192);
});

test('313 acknowledgements of more than was sent, less than before, or no number at all change nothing they must not', () => {
  const flow = new FlowWindow(0);
  flow.sent(100, [{ key: 'a', rows: 1 }], 0);
  flow.sent(100, [{ key: 'b', rows: 1 }], 0);
  expect(flow.ack(99, true, 1)).toEqual([]);
  expect(flow.ack(100, true, 1)).toMatchObject([{ key: 'a' }]);
  expect(flow.ack(50, true, 2)).toEqual([]);
  expect(flow.ack(Number.NaN, true, 2)).toEqual([]);
  expect(flow.inFlightBytes).toBe(100);
  expect(flow.ack(1e9, true, 3)).toMatchObject([{ key: 'b' }]);
  expect(flow.inFlightBytes).toBe(0);
});

test('313 unacknowledged bytes never pass the window; CRITICAL may', () => {
  const { outbox } = bench({
    window: { minBytes: 1000, maxBytes: 1000, initialBytes: 1000, targetMs: 100 },
    criticalExcessBytes: 500,
  });
  for (let index = 0; index < 50; index++) outbox.offer(message({ label: 'x'.repeat(98), sizeBytes: 100 }));
  expect(outbox.details().inFlightBytes).toBe(1000);
  for (let index = 0; index < 50; index++)
    outbox.offer(message({ label: 'x'.repeat(98), sizeBytes: 100, priority: 'CRITICAL', key: 'c' }));
  expect(outbox.details().inFlightBytes).toBe(1500);
});

test('313 §6: CRITICAL behind saturated BULK on 1 Mbit/s: p99 within 150 ms, the link stays full', async () => {
  const made = bench();
  const { outbox, clock } = made;
  shape(made, 125, 2);
  const waits: number[] = [];
  const bulk = endless();
  outbox.attach(bulk);
  await clock.advance(2_000);
  const begin = bulk.offset;
  // The row of an alarm has arrived when it is acknowledged: less the way back.
  for (let alarm = 0; alarm < 50; alarm++) {
    const since = clock.monotonicMs();
    outbox.offer(message({ key: `c${alarm}`, priority: 'CRITICAL', label: 'x'.repeat(100), sizeBytes: 100 }));
    while (outbox.ledger(`c${alarm}`).delivered === 0) await clock.advance(1);
    waits.push(clock.monotonicMs() - since - 2);
    await clock.advance(400 - (clock.monotonicMs() - since));
  }
  const sorted = waits.toSorted((one, other) => one - other);
  expect(sorted.at(-1)).toBeLessThanOrEqual(150);
  expect((bulk.offset - begin) / 20).toBeGreaterThan(0.97 * 125_000);
});

/** A transfer without an end. */
function endless(): BulkSource & { readonly offset: number } {
  let offset = 0;
  return {
    kind: 'bulk',
    key: 'file',
    priority: 'BULK',
    isDone: false,
    get offset() {
      return offset;
    },
    take(maxBytes) {
      offset += maxBytes;
      return new Uint8Array(maxBytes);
    },
  };
}

test('313 a way that becomes longer keeps its goodput, and one that becomes short again its short window', async () => {
  const made = bench();
  let delayMs = 10;
  shape(made, 1_250, () => delayMs);
  const bulk = endless();
  made.outbox.attach(bulk);
  const bytesIn = async (ms: number): Promise<number> => {
    const begin = bulk.offset;
    await made.clock.advance(ms);
    return bulk.offset - begin;
  };
  await made.clock.advance(2_000);
  expect(await bytesIn(10_000)).toBeGreaterThan(0.95 * 12_500_000);
  delayMs = 400;
  await made.clock.advance(30_000);
  expect(await bytesIn(20_000)).toBeGreaterThan(0.9 * 25_000_000);
  expect(made.outbox.details().windowBytes).toBeLessThan(1_250 * 1.25 * 510);
  delayMs = 10;
  await made.clock.advance(20_000);
  expect(made.outbox.details().windowBytes).toBeLessThan(1_250 * 1.25 * 125);
  expect(await bytesIn(10_000)).toBeGreaterThan(0.95 * 12_500_000);
});

test('313 on a link that is full for minutes the window stays what it is', async () => {
  const made = bench();
  shape(made, 125, 2);
  const bulk = endless();
  made.outbox.attach(bulk);
  await made.clock.advance(2_000);
  const begin = bulk.offset;
  for (let second = 0; second < 300; second++) {
    await made.clock.advance(1_000);
    expect(made.outbox.details().windowBytes).toBeLessThan(125 * 230);
  }
  expect(bulk.offset - begin).toBeGreaterThan(0.97 * 300 * 125_000);
});

test('313 a fast link opens the window by itself', async () => {
  const made = bench();
  shape(made, 12_500, 1);
  for (let ms = 0; ms < 150; ms++) {
    for (let index = 0; index < 20; index++)
      made.outbox.offer(message({ key: `k${index}`, label: 'x'.repeat(900), sizeBytes: 1_000, priority: 'HIGH' }));
    await made.clock.advance(1);
  }
  expect(made.outbox.details().windowBytes).toBeGreaterThan(500_000);
  expect(made.outbox.details().goodputBytesPerS).toBeGreaterThan(8e6);
});

test('313 the rate: a burst, then so many a second; CRITICAL passes', async () => {
  const { outbox, wire, clock } = bench({ rate: { perS: 100, burst: 50 } });
  for (let label = 0; label < 500; label++) outbox.offer(message({ label }));
  expect(wire.sent).toHaveLength(50);
  outbox.offer(message({ key: 'c', priority: 'CRITICAL' }));
  expect(wire.sent).toHaveLength(51);
  expect(outbox.connectionStats()).toMatchObject({ rate_limit_hits: 1, queue_size: 450 });
  await clock.advance(1_000);
  expect(wire.sent).toHaveLength(151);
  await clock.advance(3_500);
  expect(wire.sent).toHaveLength(501);
  outbox.configure({ rate: { perS: 10, burst: 5 } });
  await clock.advance(10_000);
  for (let label = 0; label < 20; label++) outbox.offer(message({ label }));
  expect(wire.sent).toHaveLength(506);
});

function legacy(): Bench {
  const made = bench({ hasAcks: false });
  made.wire.isStalled = true;
  return made;
}

test('a peer without acknowledgements: at most 64 KiB wait in the process', async () => {
  const { outbox, wire, clock } = legacy();
  for (let label = 0; label < 200; label++) outbox.offer(message({ label: 'x'.repeat(1022), sizeBytes: 1024 }));
  expect(wire.bufferedBytes).toBe(64 * 1024);
  expect(outbox.stats().state.paused).toBe(true);
  wire.bufferedBytes -= 10 * 1024;
  outbox.writable();
  expect(wire.sent).toHaveLength(74);
  // Without a word it looks by itself.
  wire.bufferedBytes = 0;
  await clock.advance(10);
  expect(wire.sent).toHaveLength(138);
  expect(outbox.ledger('k')).toMatchObject({ produced: 200, delivered: 74, inFlight: 64, queued: 62 });
});

test('a peer without acknowledgements: round trips 100 ms longer than the shortest hold LOW and BULK', () => {
  const { outbox, wire } = bench({ hasAcks: false });
  outbox.roundTrip(20);
  outbox.roundTrip(121);
  for (const priority of ['BULK', 'LOW', 'NORMAL'] as const) outbox.offer(message({ key: priority, priority }));
  expect(wire.texts).toEqual(['NORMAL:']);
  outbox.roundTrip(120);
  expect(wire.texts).toEqual(['NORMAL:', 'LOW:', 'BULK:']);
});

test('345 LabLink figures under their names', () => {
  const { outbox } = bench({ ...deliveryOptions(LABLINK_DELIVERY), rate: { perS: 100, burst: 50 }, hasAcks: true });
  for (let label = 0; label < 60; label++) outbox.offer(message({ label, priority: 'NORMAL' }));
  outbox.offer(message({ key: 'low', priority: 'LOW' }));
  expect(outbox.connectionStats()).toEqual({
    messages_queued: 61,
    messages_sent: 50,
    messages_dropped: 0,
    queue_overflows: 0,
    rate_limit_hits: 1,
    queue_size: 11,
    queue_size_by_priority: { critical: 0, high: 0, normal: 10, low: 1, bulk: 0 },
  });
});

test('345 VITAL figures under their names', async () => {
  const { outbox, clock, wire } = bench({ rate: { perS: 0.001, burst: 1_000 } });
  for (let second = 0; second < 5; second++) {
    for (let label = 0; label < 100; label++) outbox.offer(message({ label, key: 'a' }));
    outbox.ack(wire.sentBytes);
    await clock.advance(1_000);
  }
  expect(outbox.stats()).toEqual({
    buffer: { size: 0, utilization: 0, high_watermark: 0.8 },
    performance: { sent_messages: 500, dropped_messages: 0, drop_rate: 0, messages_per_second: 100 },
    state: { backpressure_active: false, emergency_mode: false, paused: false },
  });
  for (let label = 0; label < 10_500; label++)
    outbox.offer(message({ label, key: 'a', priority: 'HIGH', delivery: 'reply' }));
  const stats = outbox.stats();
  expect(stats.buffer).toEqual({ size: 10_000, utilization: 1, high_watermark: 0.8 });
  expect(stats.state).toMatchObject({ backpressure_active: true, emergency_mode: true });
  const { sent_messages: sent, dropped_messages: dropped, drop_rate: rate } = stats.performance;
  expect(sent + dropped).toBe(1_000);
  expect(rate).toBe(dropped / (sent + dropped));
  outbox.resetStats();
  expect(outbox.stats().performance).toMatchObject({ sent_messages: 0, dropped_messages: 0 });
  expect(outbox.ledger('a').produced).toBe(11_000);
});

test('339 what one dead client costs is bounded by its bytes', () => {
  const made = legacy();
  const plain = 'x'.repeat(1_000);
  for (let label = 0; label < 50_000; label++)
    made.outbox.offer(
      message({ key: `k${label % 20}`, sizeBytes: 4_096, label: plain, priority: 'HIGH', delivery: 'reply' }),
    );
  expect(made.outbox.connectionStats().queue_size * 4_096).toBeLessThanOrEqual(16 << 20);
  expect(made.wire.bufferedBytes).toBeLessThanOrEqual(64 * 1024);
});

test('drain: everything goes within the time, nothing new but replies and events; transfers stop', async () => {
  const { outbox, wire, clock } = bench({ rate: { perS: 100, burst: 1 } });
  for (let label = 0; label < 20; label++) outbox.offer(message({ label }));
  const drained = outbox.drain(1_000);
  expect(outbox.offer(message({ key: 'new' }))).toBe('dropped');
  expect(outbox.offer(message({ key: 'bye', delivery: 'reply', priority: 'HIGH' }))).toBe('queued');
  await clock.advance(500);
  outbox.ack(wire.sentBytes);
  expect(await drained).toBe(true);
  expect(wire.sent).toHaveLength(21);
  const late = bench();
  late.outbox.offer(message());
  const result = late.outbox.drain(1_000);
  await late.clock.advance(1_000);
  expect(await result).toBe(false);
});

test('a message that cannot be encoded is dropped and told; the others go on', async () => {
  const faults: string[] = [];
  const wire = new MemoryWire();
  const { clock } = bench();
  const outbox = new Outbox(wire, { clock, random: () => 0.5, onFault: ({ code }) => faults.push(code) });
  const bad = message({ label: 1 });
  outbox.offer({
    ...bad,
    encode: () => {
      throw new Error('no');
    },
  });
  outbox.offer({ ...bad, encode: () => Promise.reject(new Error('later')) });
  outbox.offer(message({ label: 3 }));
  await clock.advance(0);
  expect(wire.texts).toEqual(['k:3+2unknown']);
  expect(faults).toEqual(['internal.failed', 'internal.failed']);
  expect(outbox.ledger('k')).toMatchObject({ produced: 3, dropped: 2, inFlight: 1 });
});

test('337 what is compressed elsewhere keeps its place', async () => {
  const { outbox, wire, clock } = bench();
  const { promise, resolve } = createDeferred<string>();
  outbox.offer({ ...message(), encode: () => promise });
  outbox.offer(message({ label: 2 }));
  await clock.advance(1_000);
  expect(wire.texts).toEqual([]);
  resolve('first');
  await clock.advance(0);
  expect(wire.texts).toEqual(['first', 'k:2']);
});
