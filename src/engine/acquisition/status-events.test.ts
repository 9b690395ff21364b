import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { EventDraft } from '../state/event-log.ts';
import { StatusEvents } from './status-events.ts';

function watch(): { clock: ManualClock; events: EventDraft[]; trips: string[]; status: StatusEvents } {
  const clock = new ManualClock();
  const events: EventDraft[] = [];
  const trips: string[] = [];
  const place = { id: 'psu', label: 'Supply', channels: ['ch1.voltage', 'ch2.voltage'] };
  const status = new StatusEvents(place, {
    clock,
    event: (draft) => events.push(draft),
    tripped: (group) => trips.push(group),
  });
  return { clock, events, trips, status };
}

test('CC/CV, ranges and trips are events of their own kind, with group and channel', () => {
  const { events, trips, status } = watch();
  status.lamp({ key: 'ch1.mode', from: undefined, to: 'CV' });
  status.lamp({ key: 'ch1.mode', from: 'CV', to: 'CC' });
  status.lamp({ key: 'ch2.tripped', from: '', to: 'OVP' });
  status.lamp({ key: 'range', from: '10 V', to: '100 V' });
  status.lamp({ key: 'trigger.state', from: 'run', to: 'stop' });
  expect(events.map(({ kind, severity, text }) => [kind, severity, text])).toEqual([
    ['mode', undefined, 'Supply ch1 CV → CC'],
    ['trip', 'critical', 'Supply ch2 tripped: OVP'],
    ['range', undefined, 'Supply range 10 V → 100 V'],
    ['status', undefined, 'Supply trigger state run → stop'],
  ]);
  expect(events[0]).toMatchObject({
    instrument: 'psu',
    channel: 'psu/ch1.voltage',
    data: { group: 'ch1', from: 'CV', to: 'CC' },
  });
  expect(trips).toEqual(['ch2']);
});

test('a trip that is there at once is told; its end, too', async () => {
  const { clock, events, trips, status } = watch();
  status.lamp({ key: 'ch1.tripped', from: undefined, to: '' });
  status.lamp({ key: 'ch1.tripped', from: undefined, to: 'OCP' });
  await clock.advance(2000);
  status.lamp({ key: 'ch1.tripped', from: 'OCP', to: '' });
  expect(events.map(({ text }) => text)).toEqual(['Supply ch1 tripped: OCP', 'Supply ch1 OCP cleared']);
  expect(trips).toEqual(['ch1']);
});

test('what flutters is told once a second, and its last word always; every trip is acted on', async () => {
  const { clock, events, trips, status } = watch();
  for (let count = 0; count < 100; count++) {
    status.lamp({ key: 'ch1.tripped', from: count % 2 ? 'OVP' : '', to: count % 2 ? '' : 'OVP' });
    await clock.advance(50);
  }
  status.lamp({ key: 'ch1.tripped', from: '', to: 'OCP' });
  await clock.advance(5000);
  expect(events.length).toBeLessThanOrEqual(7);
  expect(events.at(-1)?.text).toContain('OCP');
  expect(events[1]?.data?.skipped).toBeGreaterThan(10);
  expect(trips).toHaveLength(51);
  expect(clock.pending).toBe(0);
});

test('what is held back is told of when it happened; nothing is told after the end', async () => {
  const { clock, events, status } = watch();
  status.lamp({ key: 'ch1.mode', from: 'off', to: 'CV' });
  await clock.advance(300);
  const atNs = clock.nowNs();
  status.lamp({ key: 'ch1.mode', from: 'CV', to: 'CC' });
  await clock.advance(1000);
  expect(events.map(({ text }) => text)).toEqual(['Supply ch1 off → CV', 'Supply ch1 CV → CC']);
  expect(events[1]?.atNs).toBe(atNs);
  status.lamp({ key: 'ch1.mode', from: 'CC', to: 'CV' });
  status[Symbol.dispose]();
  await clock.advance(5000);
  expect(events).toHaveLength(2);
});

test('the status byte is told at its edges; a new error in the queue is noticed', async () => {
  const { clock, events, status } = watch();
  expect(status.statusByte(0x44)).toBe(true);
  expect(status.statusByte(0x44)).toBe(false);
  await clock.advance(2000);
  expect(status.statusByte(0)).toBe(false);
  expect(status.statusByte(0x60)).toBe(false);
  expect(events.map(({ text, data }) => [text, data])).toEqual([
    ['Supply asks for service: error queue', { statusByte: 0x44 }],
    ['Supply asks for service: standard event', { statusByte: 0x60 }],
  ]);
});

test('overload is one event until the value is back', async () => {
  const { clock, events, status } = watch();
  for (const value of [1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, 1])
    status.value('voltage.dc', value);
  await clock.advance(2000);
  status.value('voltage.dc', Number.NEGATIVE_INFINITY);
  expect(events.map(({ kind, channel, data }) => [kind, channel, data?.sign])).toEqual([
    ['overload', 'psu/voltage.dc', 1],
    ['overload', 'psu/voltage.dc', -1],
  ]);
});

test('a flood of refusals, each of another command, is told once a second', async () => {
  const { clock, events, status } = watch();
  for (let count = 0; count < 200; count++) {
    status.error(new LabError('instrument.rejected', `refused ${count}: -222`, { codes: [-222] }));
    await clock.advance(10);
  }
  await clock.advance(2000);
  expect(events.length).toBeLessThanOrEqual(4);
  expect(events.at(-1)?.text).toContain('refused 199');
});

test('errors carry what the instrument said', () => {
  const { events, status } = watch();
  status.error(new LabError('instrument.rejected', 'refused: -222', { codes: [-222] }));
  status.operationComplete();
  expect(events.map(({ kind }) => kind)).toEqual(['instrument-error', 'operation-complete']);
  expect(events[0]).toMatchObject({ severity: 'warning', instrument: 'psu', data: { codes: [-222] } });
});
