import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import { EventReader } from './event-reader.ts';

function open(): EventReader {
  const clock = new ManualClock();
  return new EventReader(new ServerClock(clock), () => clock.nowNs());
}

const base = { type: 'event', event_type: 'log.error', data: { message: 'Fan stopped' } } as const;

test('told once by its id, else by channel, epoch and number; events with neither are always new', () => {
  const reader = open();
  expect(reader.read({ ...base, channel: 'logs', id: 'a' })).toMatchObject({
    kind: 'note',
    topic: 'logs',
    severity: 'error',
    text: 'log.error: Fan stopped',
  });
  expect(reader.read({ ...base, channel: 'logs', id: 'a' })).toBeUndefined();
  expect(reader.read({ ...base, channel: 'logs', ep: 1, seq: 4 })).toBeDefined();
  expect(reader.read({ ...base, channel: 'logs', ep: 1, seq: 4 })).toBeUndefined();
  expect(reader.read({ ...base, channel: 'status', ep: 1, seq: 4 })).toBeDefined();
  expect(reader.read({ ...base, channel: 'logs', ep: 2, seq: 4 })).toBeDefined();
  expect(reader.read({ ...base, channel: 'logs' })).toBeDefined();
  expect(reader.read({ ...base, channel: 'logs' })).toBeDefined();
});

test('what is remembered of events is bounded, the oldest goes first', () => {
  const reader = open();
  for (let id = 0; id <= 2000; id++) reader.read({ ...base, channel: 'logs', id: `e${id}` });
  expect(reader.read({ ...base, channel: 'logs', id: 'e2000' })).toBeUndefined();
  expect(reader.read({ ...base, channel: 'logs', id: 'e0' })).toBeDefined();
});

test('data of channel alarms that is no alarm is a note', () => {
  expect(open().read({ ...base, channel: 'alarms' })).toMatchObject({ kind: 'note' });
  expect(
    open().read({ ...base, channel: 'alarms', data: { event_id: '1', message: 'Hot' }, t: 1_700_000_000_000_000 }),
  ).toMatchObject({
    kind: 'alarm',
    id: '1',
    severity: 'warning',
    atNs: 1_700_000_000_000_000_000n,
  });
});
