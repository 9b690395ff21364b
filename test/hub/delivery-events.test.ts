import { expect, test } from 'vitest';
import type { OutboundMessage } from '../../src/hub/delivery/outbound-message.ts';
import { bench, message, stalled } from './delivery-harness.ts';

const OPEN = { window: { minBytes: 8192, maxBytes: 8192, initialBytes: 8192, targetMs: 100 } };

function event(id: string, changes: Partial<OutboundMessage> & { label?: string | number } = {}): OutboundMessage {
  return message({ key: 'alarms', delivery: 'event', priority: 'CRITICAL', id, label: id, ...changes });
}

test('320 three more tries after 1, 2 and 4 s, then held, then undelivered', async () => {
  const { outbox, wire, clock, undelivered } = bench();
  outbox.offer(event('a'));
  const times: number[] = [];
  for (let ms = 0; ms < 20_000; ms += 100) {
    await clock.advance(100);
    if (wire.sent.length > times.length + 1) times.push(ms + 100);
  }
  expect(times).toEqual([1_000, 3_000, 7_000]);
  expect(wire.texts).toEqual(['alarms:a', 'alarms:a', 'alarms:a', 'alarms:a']);
  await clock.advance(286_999);
  expect(undelivered).toEqual([]);
  expect(outbox.ledger('alarms')).toMatchObject({ produced: 1, inFlight: 1 });
  await clock.advance(1);
  expect(undelivered.map(({ id }) => id)).toEqual(['a']);
  expect(outbox.ledger('alarms')).toMatchObject({ produced: 1, inFlight: 0, dropped: 1 });
});

test('320 an acknowledgement ends it, may come twice, and late', async () => {
  const { outbox, wire, clock } = bench();
  outbox.offer(event('a'));
  await clock.advance(1_500);
  outbox.ackEvents(['a', 'nobody']);
  outbox.ackEvents(['a']);
  await clock.advance(60_000);
  expect(wire.sent).toHaveLength(2);
  expect(outbox.ledger('alarms')).toMatchObject({ delivered: 1, inFlight: 0 });
  expect(outbox.details().unackedEvents).toBe(0);
});

test('320 an id that was never sent cannot be acknowledged, and the same event is not taken twice', () => {
  const { outbox, wire } = stalled();
  expect(outbox.offer(event('a', { priority: 'NORMAL' }))).toBe('queued');
  outbox.offer(event('a', { priority: 'NORMAL' }));
  outbox.ackEvents(['a']);
  expect(outbox.connectionStats().queue_size).toBe(1);
  outbox.configure(OPEN);
  expect(wire.texts.slice(1)).toEqual(['alarms:a']);
});

test('320 acknowledged bytes are no acknowledged event', async () => {
  const { outbox, wire, clock } = bench();
  outbox.offer(event('a'));
  outbox.ack(wire.sentBytes);
  expect(outbox.ledger('alarms')).toMatchObject({ delivered: 0, inFlight: 1 });
  await clock.advance(1_000);
  expect(wire.sent).toHaveLength(2);
});

test('320 each try tells the same rows left out before it', async () => {
  const { outbox, wire, clock } = bench();
  outbox.offer(event('a', { before: { n: 3, reason: 'rate' } }));
  outbox.offer(event('b'));
  await clock.advance(1_000);
  expect(wire.texts).toEqual(['alarms:a+3rate', 'alarms:b', 'alarms:a+3rate', 'alarms:b']);
});

test('320 an event pushed out of a full queue is held for the next connection, told as left out on this one', () => {
  const { outbox, wire } = stalled({ maxMessages: 100, isEnabled: false });
  for (let label = 0; label < 101; label++) outbox.offer(event(`e${label}`, { priority: 'LOW', label }));
  expect(outbox.connectionStats()).toMatchObject({ queue_size: 100 });
  expect(outbox.ledger('alarms')).toMatchObject({ produced: 101, queued: 101, dropped: 0 });
  outbox.configure(OPEN);
  expect(wire.texts[1]).toBe('alarms:1+1overflow');
  const { messages } = outbox.takeUnsent();
  expect(messages.find(({ message: { id } }) => id === 'e0')).toMatchObject({ isKnown: true, skipped: undefined });
});

test('the oldest beyond the limit of unacknowledged events are given up and said', () => {
  const { outbox, undelivered } = bench({ maxUnackedEvents: 3 });
  for (const id of ['a', 'b', 'c', 'd', 'e']) outbox.offer(event(id));
  expect(undelivered.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(outbox.details().unackedEvents).toBe(3);
});

test('267 what a connection leaves goes on with the next: unsent, unacknowledged events, what was left out', async () => {
  const first = stalled();
  first.outbox.offer(message({ key: 's', label: 0 }));
  first.outbox.offer(event('waits', { priority: 'NORMAL', before: { n: 2, reason: 'rate' } }));
  first.outbox.configure({ watermarks: { low: 0, high: 0.000_01, critical: 2 } });
  first.outbox.offer(message({ key: 'low', priority: 'BULK', rows: 7 }));
  const sent = bench();
  sent.outbox.offer(event('sent', { key: 'e2', before: { n: 1, reason: 'rate' } }));
  const second = bench();
  second.outbox.adopt(sent.outbox.takeUnsent());
  second.outbox.adopt(first.outbox.takeUnsent());
  second.outbox.offer(message({ key: 'low', priority: 'BULK', label: 'x' }));
  expect(second.wire.texts).toEqual(['e2:sent+1rate', 's:0', 'alarms:waits+2rate', 'low:x+7overflow']);
  second.outbox.ackEvents(['sent']);
  expect(second.outbox.ledger('e2')).toMatchObject({ produced: 1, delivered: 1 });
  // The one that ended takes nothing and sends nothing any more.
  expect(first.outbox.offer(message())).toBe('dropped');
  await first.clock.advance(600_000);
  expect(first.wire.sent).toHaveLength(1);
});
