import { expect, test } from 'vitest';
import type { Priority } from '../../src/protocol/lab/priority.ts';
import { type Bench, bench, message, stalled } from './delivery-harness.ts';
import { RingOfRows, ringSource } from './shared-ring.ts';

function fill({ outbox }: Bench, count: number, priority: Priority = 'HIGH'): void {
  for (let index = 0; index < count; index++)
    outbox.offer(message({ key: 'fill', priority, delivery: 'reply', rows: 0 }));
}

test('329 LOW goes with p = (u − 0.2) / 0.75, within 2 %, the same for the same seed', () => {
  const run = (seed: number): { dropped: number; expected: number } => {
    const made = stalled({ maxMessages: 30_000, watermarks: { low: 0.2, high: 0.3, critical: 0.95 } }, seed);
    fill(made, 9_000);
    let dropped = 0;
    let expected = 0;
    for (let index = 0; index < 10_000; index++) {
      expected += (made.outbox.utilization - 0.2) / 0.75;
      if (made.outbox.offer(message({ key: 'low', priority: 'LOW' })) === 'dropped') dropped++;
    }
    return { dropped, expected };
  };
  const { dropped, expected } = run(5);
  expect(Math.abs(dropped - expected) / 10_000).toBeLessThan(0.02);
  expect(expected).toBeGreaterThan(1_500);
  expect(run(5).dropped).toBe(dropped);
  expect(run(6).dropped).not.toBe(dropped);
});

test('329 NORMAL is decimated evenly, by the square of the share, so that LOW loses more', () => {
  const made = stalled({ maxMessages: 100_000, watermarks: { low: 0.2, high: 0.5, critical: 0.95 } });
  fill(made, 50_000);
  const verdicts = Array.from({ length: 5_000 }, () => made.outbox.offer(message({ key: 'n' })));
  const kept = verdicts.filter((verdict) => verdict === 'queued').length;
  // Kept: 1 − 0.4² = 0.84, less as it fills: 0.79 at the end.
  expect(kept / 5_000).toBeGreaterThan(0.8);
  expect(kept / 5_000).toBeLessThan(0.83);
  for (let at = 0; at + 5 <= 5_000; at += 5) {
    const group = verdicts.slice(at, at + 5).filter((verdict) => verdict === 'queued').length;
    expect(Math.abs(group - 4)).toBeLessThanOrEqual(1);
  }
});

test('329 drop_low_priority off: LOW waits like the others', () => {
  const made = stalled({ dropLowPriority: false });
  fill(made, 8_000);
  for (let index = 0; index < 500; index++)
    expect(made.outbox.offer(message({ key: 'low', priority: 'LOW' }))).toBe('queued');
});

test('328 330 under backpressure HIGH waits while there is space, pushed BULK is dropped', () => {
  const made = stalled();
  fill(made, 8_000);
  expect(made.outbox.offer(message({ priority: 'BULK', delivery: 'bulk' }))).toBe('dropped');
  expect(made.outbox.offer(message({ priority: 'BULK' }))).toBe('dropped');
  for (let index = 0; index < 1_499; index++)
    expect(made.outbox.offer(message({ key: 'high', priority: 'HIGH' }))).toBe('queued');
});

test('330 a transfer is paused under pressure and goes on where it stood', async () => {
  const made = bench({ window: { minBytes: 400, maxBytes: 400, initialBytes: 400, targetMs: 100 }, maxMessages: 100 });
  const { outbox, wire } = made;
  const chunks: string[] = [];
  const bulk = {
    kind: 'bulk' as const,
    key: 'file',
    priority: 'BULK' as const,
    offset: 0,
    get isDone() {
      return this.offset >= 1_000;
    },
    take(maxBytes: number): string {
      const size = Math.min(maxBytes, 1_000 - this.offset);
      const chunk = `${this.offset}`.padEnd(size, '.');
      this.offset += size;
      chunks.push(chunk);
      return chunk;
    },
  };
  outbox.attach(bulk);
  // A chunk is a quarter of the window at most; the window holds four.
  expect(wire.sent.map((chunk) => chunk.length)).toEqual([100, 100, 100, 100]);
  for (let label = 0; label < 80; label++)
    outbox.offer(message({ key: 'high', priority: 'HIGH', sizeBytes: 10, label: `${label}`.padStart(2, '0') }));
  expect(outbox.state).toBe('BACKPRESSURE');
  outbox.ack(400);
  // Seven bytes each: as many as the window takes, and no chunk.
  expect(bulk.offset).toBe(400);
  for (let round = 0; round < 10; round++) outbox.ack(wire.sentBytes);
  expect(outbox.state).toBe('NORMAL');
  expect(bulk.offset).toBe(1_000);
  expect(chunks.map((chunk) => Number.parseInt(chunk, 10))).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
});

test('330 a transfer goes on from its offset on the next connection', () => {
  const made = stalled();
  const bulk = {
    kind: 'bulk' as const,
    key: 'file',
    priority: 'BULK' as const,
    offset: 700,
    isDone: false,
    take: () => undefined,
  };
  made.outbox.attach(bulk);
  expect(made.outbox.takeUnsent().sources).toEqual([bulk]);
});

test('314 319 emergency: CRITICAL, events and replies; a HIGH stream once a second with what is newest', async () => {
  const made = stalled();
  fill(made, 9_500);
  const { outbox, clock } = made;
  expect(outbox.offer(message({ key: 'n', priority: 'NORMAL' }))).toBe('dropped');
  expect(outbox.offer(message({ key: 'l', priority: 'LOW' }))).toBe('dropped');
  expect(outbox.offer(message({ key: 'c', priority: 'CRITICAL' }))).toBe('queued');
  expect(outbox.offer(message({ key: 'e', priority: 'LOW', delivery: 'event', id: 'e1' }))).toBe('queued');
  expect(outbox.offer(message({ key: 'r', priority: 'NORMAL', delivery: 'reply' }))).toBe('queued');
  const size = outbox.connectionStats().queue_size;
  for (let round = 0; round < 10; round++) {
    outbox.offer(message({ key: 'high', priority: 'HIGH' }));
    await clock.advance(100);
  }
  expect(outbox.connectionStats().queue_size).toBe(size + 1);
  expect(outbox.ledger('high')).toMatchObject({ produced: 10, conflated: 9, queued: 1 });
});

test('319 350 emergency_mode off: backpressure is all there is', () => {
  const made = stalled({ emergencyMode: false });
  fill(made, 9_900);
  expect(made.outbox.state).toBe('BACKPRESSURE');
  expect(made.outbox.offer(message({ key: 'high', priority: 'HIGH' }))).toBe('queued');
});

test('314 315 ten times too much: 100 % of CRITICAL, and the order of loss is BULK, LOW, NORMAL, HIGH', async () => {
  const { outbox, wire, clock } = bench({
    window: { minBytes: 1, maxBytes: 1, initialBytes: 1, targetMs: 1 },
    criticalExcessBytes: 0,
  });
  const classes = ['CRITICAL', 'HIGH', 'NORMAL', 'LOW', 'BULK'] as const;
  const offered = { CRITICAL: 0, HIGH: 0, NORMAL: 0, LOW: 0, BULK: 0 };
  // 1,000 a second of each in turn fit ten times into what is offered; CRITICAL is a twentieth.
  for (let ms = 0; ms < 6_000; ms++) {
    for (let index = 0; index < 10; index++) {
      const priority = index === 0 && ms % 2 === 0 ? 'CRITICAL' : classes[1 + ((ms + index) % 4)]!;
      offered[priority]++;
      outbox.offer(message({ key: `${priority}${index}`, priority }));
    }
    outbox.ack(wire.sentBytes);
    if (ms % 10 === 0) await clock.advance(10);
  }
  const kept = (priority: Priority): number => {
    let sum = 0;
    for (const [key, { delivered, inFlight, queued }] of outbox.ledgers())
      if (key.startsWith(priority)) sum += delivered + inFlight + queued;
    return sum / offered[priority];
  };
  expect(kept('CRITICAL')).toBe(1);
  expect(kept('HIGH')).toBeGreaterThan(kept('NORMAL'));
  expect(kept('NORMAL')).toBeGreaterThan(kept('LOW'));
  expect(kept('LOW')).toBeGreaterThanOrEqual(kept('BULK'));
  expect(wire.closed).toBeUndefined();
});

test('30 s of emergency without an acknowledgement close with 4508; each acknowledgement gives 30 s more', async () => {
  const made = stalled();
  fill(made, 9_990);
  const { outbox, clock, wire } = made;
  await clock.advance(29_000);
  outbox.ack(3);
  await clock.advance(29_999);
  expect(wire.closed).toBeUndefined();
  expect(outbox.state).toBe('EMERGENCY');
  await clock.advance(1);
  expect(wire.closed).toEqual({ code: 4508, reason: 'The client took nothing for 30 s.' });
});

test('drop reports: at most one a second, each loss once, with the state and since when', async () => {
  const made = stalled();
  const { outbox, clock, reports } = made;
  fill(made, 8_000);
  await clock.advance(0);
  expect(reports).toEqual([{ state: 'BACKPRESSURE', sinceNs: expect.any(BigInt), by_class: {}, by_stream: {} }]);
  let offered = 0;
  for (let ms = 0; ms < 3_000; ms += 50) {
    outbox.offer(message({ key: `bulk${ms % 3}`, priority: 'BULK', rows: 3 }));
    offered += 3;
    await clock.advance(50);
  }
  await clock.advance(1_000);
  expect(reports.length).toBeLessThanOrEqual(5);
  let told = 0;
  let toldByStream = 0;
  for (const { by_class, by_stream } of reports) {
    told += by_class.BULK?.dropped ?? 0;
    for (const { dropped } of Object.values(by_stream)) toldByStream += dropped;
  }
  expect([told, toldByStream]).toEqual([offered, offered]);
  const count = reports.length;
  await clock.advance(10_000);
  expect(reports.length).toBe(count);
});

test('drop reports name so many streams and add up the rest', async () => {
  const made = stalled({ maxReportedStreams: 2 });
  fill(made, 8_000);
  await made.clock.advance(2_000);
  for (let index = 0; index < 5; index++) made.outbox.offer(message({ key: `s${index}`, priority: 'BULK' }));
  await made.clock.advance(0);
  const loss = { dropped: 1, conflated: 0, decimated: 0 };
  expect(made.reports.at(-1)?.by_stream).toEqual({ s0: loss, s1: loss, other: { ...loss, dropped: 3 } });
});

test('latest: the newest stays in the place of the one before, and tells what it replaced', () => {
  const { outbox, wire } = stalled();
  outbox.offer(message({ key: 'v', delivery: 'latest', label: 1 }));
  outbox.offer(message({ key: 'w', label: 'w' }));
  outbox.offer(message({ key: 'v', delivery: 'latest', label: 2, before: { n: 4, reason: 'rate' } }));
  outbox.offer(message({ key: 'v', delivery: 'latest', label: 3 }));
  outbox.configure({ window: { minBytes: 8192, maxBytes: 8192, initialBytes: 8192, targetMs: 100 } });
  expect(wire.texts.slice(1)).toEqual(['v:3+6conflated', 'w:w']);
  expect(outbox.ledger('v')).toMatchObject({ produced: 3, conflated: 2, inFlight: 1 });
});

test('a message that waited longer than its max age is dropped and told as expired', async () => {
  const { outbox, wire, clock } = stalled();
  outbox.offer(message({ key: 'v', label: 1, maxAgeMs: 100 }));
  outbox.offer(message({ key: 'v', label: 2 }));
  await clock.advance(101);
  outbox.configure({ window: { minBytes: 8192, maxBytes: 8192, initialBytes: 8192, targetMs: 100 } });
  expect(wire.texts.slice(1)).toEqual(['v:2+1expired']);
});

test('329 a ring under pressure: thinned with min and max, in emergency one snapshot a second; NORMAL not at all', async () => {
  const made = stalled({ maxMessages: 100, watermarks: { low: 0.2, high: 0.5, critical: 0.9 } });
  const { outbox, clock, wire } = made;
  const rows = { high: new RingOfRows(10_000), normal: new RingOfRows(10_000) };
  const high = outbox.attach(ringSource('high', rows.high, { priority: 'HIGH' }));
  const normal = outbox.attach(ringSource('normal', rows.normal));
  fill(made, 50);
  rows.normal.append(100);
  normal.changed();
  const open = { window: { minBytes: 100_000, maxBytes: 100_000, initialBytes: 100_000, targetMs: 100 } };
  outbox.configure({ watermarks: { low: 0, high: 0.5, critical: 2 } });
  outbox.configure(open);
  expect(wire.texts.some((text) => /^normal:\d+,\d+\+\d+decimated$/.test(text))).toBe(true);
  expect(outbox.ledger('normal').decimated).toBeGreaterThan(0);

  outbox.configure({ watermarks: { low: 0, high: 0.000_01, critical: 0.000_02 } });
  outbox.configure({ maxMessages: 10_000 });
  const before = wire.sent.length;
  for (let ms = 0; ms < 3_000; ms += 100) {
    rows.high.append(100);
    high.changed();
    rows.normal.append(10);
    normal.changed();
    outbox.ack(wire.sentBytes);
    await clock.advance(100);
  }
  const texts = wire.texts.slice(before);
  const snapshots = texts.filter((text) => text.startsWith('high'));
  expect(snapshots.length).toBeGreaterThanOrEqual(3);
  expect(snapshots.length).toBeLessThanOrEqual(4);
  expect(snapshots.at(-1)).toMatch(/^high:\d+,1\+999conflated$/);
  expect(texts.filter((text) => text.startsWith('normal'))).toEqual([]);
});
