import { expect, test } from 'vitest';
import type { OutboundMessage } from '../../src/hub/delivery/outbound-message.ts';
import {
  encodeBatch,
  encodeFrame,
  FRAME_TYPE,
  framesOfBatch,
  parseFrame,
} from '../../src/protocol/lab/labwire-frame.ts';
import { PRIORITIES } from '../../src/protocol/lab/priority.ts';
import { bench, message, stalled } from './delivery-harness.ts';

const OPEN = { window: { minBytes: 8192, maxBytes: 4 << 20, initialBytes: 4 << 20, targetMs: 100 } };

test('326 what is offered while nothing waits goes at once', () => {
  const { outbox, wire } = bench();
  expect(outbox.offer(message({ label: 1 }))).toBe('sent');
  expect(outbox.offer(message({ label: 2, priority: 'BULK', delivery: 'reply' }))).toBe('sent');
  expect(wire.texts).toEqual(['k:1', 'k:2']);
});

test('307–311 enqueued BULK … CRITICAL, received CRITICAL … BULK', () => {
  const { outbox, wire } = stalled();
  for (const priority of PRIORITIES.toReversed())
    outbox.offer(message({ key: priority, priority, delivery: 'reply', rows: 0 }));
  expect(wire.texts).toEqual(['stall:']);
  outbox.configure(OPEN);
  expect(wire.texts.slice(1)).toEqual(['CRITICAL:', 'HIGH:', 'NORMAL:', 'LOW:', 'BULK:']);
});

test('312 strict order, FIFO inside each priority', () => {
  const { outbox, wire } = stalled();
  for (let label = 0; label < 40; label++) {
    const priority = PRIORITIES[(label * 7) % 5]!;
    outbox.offer(message({ key: `${priority}${label % 3}`, priority, delivery: 'reply', rows: 0, label }));
  }
  outbox.configure(OPEN);
  const labels = wire.texts.slice(1).map((text) => Number(text.split(':')[1]));
  const expected = PRIORITIES.flatMap((priority) =>
    Array.from({ length: 40 }, (_, label) => label).filter((label) => PRIORITIES[(label * 7) % 5] === priority),
  );
  expect(labels).toEqual(expected);
});

test('312 messages of one key never pass each other: an urgent one takes those before it along', () => {
  const { outbox, wire } = stalled();
  outbox.offer(message({ key: 'other', priority: 'HIGH', label: 0 }));
  outbox.offer(message({ key: 'a', priority: 'LOW', label: 1 }));
  outbox.offer(message({ key: 'b', priority: 'LOW', label: 2 }));
  outbox.offer(message({ key: 'a', priority: 'CRITICAL', label: 3 }));
  outbox.offer(message({ key: 'a', priority: 'LOW', label: 4 }));
  outbox.configure(OPEN);
  expect(wire.texts.slice(1)).toEqual(['a:1', 'a:3', 'other:0', 'b:2', 'a:4']);
});

test('312 a priority set later moves what waits', () => {
  const { outbox, wire } = stalled();
  outbox.offer(message({ key: 'a', priority: 'LOW', label: 1 }));
  outbox.offer(message({ key: 'b', priority: 'NORMAL', label: 2 }));
  outbox.setPriority('a', 'HIGH');
  outbox.configure(OPEN);
  expect(wire.texts.slice(1)).toEqual(['a:1', 'b:2']);
});

test('312 weighted: every class gets its share, CRITICAL first', () => {
  const { outbox, wire } = stalled({ fairness: 'weighted' });
  for (let label = 0; label < 400; label++)
    for (const priority of ['HIGH', 'NORMAL', 'LOW'] as const)
      outbox.offer(message({ key: priority, priority, label }));
  outbox.offer(message({ key: 'CRITICAL', priority: 'CRITICAL', rows: 0 }));
  outbox.configure(OPEN);
  const order = wire.texts.slice(1).map((text) => text.split(':')[0]);
  expect(order[0]).toBe('CRITICAL');
  const first = order.slice(1, 171);
  const count = (name: string): number => first.filter((key) => key === name).length;
  expect([count('HIGH'), count('NORMAL'), count('LOW')]).toEqual([100, 50, 20]);
});

test('349 what is not critical is gathered up to 50 ms or 10 messages; CRITICAL goes at once', async () => {
  const { outbox, wire, clock } = bench({ batching: { maxMs: 50, maxMessages: 10 } }, 1, { joinFrames: encodeBatch });
  for (let label = 0; label < 9; label++) outbox.offer(frame(label));
  expect(wire.sent).toHaveLength(0);
  outbox.offer(frame(9));
  expect(wire.sent.map(seqsOf)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  outbox.offer(frame(10));
  outbox.offer(frame(11));
  await clock.advance(49);
  expect(wire.sent).toHaveLength(1);
  await clock.advance(1);
  expect(wire.sent.map(seqsOf)).toEqual([expect.any(Array), [10, 11]]);
  outbox.offer(frame(12));
  outbox.offer(message({ key: 'alarm', priority: 'CRITICAL', rows: 0 }));
  expect(wire.sent.slice(2).map(seqsOf)).toEqual(['alarm:']);
  await clock.advance(50);
  expect(wire.sent.slice(3).map(seqsOf)).toEqual([[12]]);
});

test('349 a reply does not wait for a batch, and text goes alone in its place', async () => {
  const { outbox, wire, clock } = bench({ batching: { maxMs: 50, maxMessages: 10 } }, 1, { joinFrames: encodeBatch });
  outbox.offer(frame(0));
  outbox.offer(message({ key: 'text', label: 1 }));
  outbox.offer(frame(1));
  expect(wire.sent).toHaveLength(0);
  outbox.offer(message({ key: 'answer', delivery: 'reply', priority: 'HIGH', rows: 0 }));
  expect(wire.sent.map(seqsOf)).toEqual(['answer:']);
  await clock.advance(50);
  expect(wire.sent.slice(1).map(seqsOf)).toEqual([[0], 'text:1', [1]]);
});

/** A frame of one row. */
function frame(seq: number): OutboundMessage {
  return {
    key: 'rows',
    delivery: 'stream',
    priority: 'NORMAL',
    rows: 1,
    sizeBytes: 44,
    encode: () =>
      encodeFrame({
        type: FRAME_TYPE.samples,
        flags: 0,
        codec: 'raw',
        dtype: 'f32',
        handle: 1,
        channels: 1,
        seq,
        t0Ns: 0n,
        dtS: 1,
        rows: 1,
        skipped: undefined,
        payload: new Uint8Array(4),
      }),
  };
}

function seqsOf(data: string | Uint8Array): number[] | string {
  if (typeof data === 'string') return data;
  const parsed = parseFrame(data);
  return parsed.type === FRAME_TYPE.batch ? [...framesOfBatch(parsed)].map(({ seq }) => seq) : [parsed.seq];
}
