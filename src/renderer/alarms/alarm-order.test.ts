import { expect, test } from 'vitest';
import type { AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import { activeAlarms, newAlarms, worst } from './alarm-order.ts';

const rule = (id: string, severity: AlarmRule['severity']): AlarmRule => ({
  id,
  name: id,
  channel: 'c',
  condition: { kind: 'above', limit: 1 },
  hysteresis: 0,
  delayS: 0,
  latch: false,
  severity,
  actions: [],
  enabled: true,
});
const state = (id: string, word: AlarmState['state'], sinceNs: string, shelved: string | null = null): AlarmState => ({
  rule: id,
  state: word,
  sinceNs,
  value: 1,
  acknowledged: false,
  shelvedUntilNs: shelved,
  did: [],
});

test('worst first, then newest; shelved last; what does not hold is not listed', () => {
  const bench = {
    rules: [rule('a', 'info'), rule('b', 'critical'), rule('c', 'critical'), rule('d', 'error'), rule('e', 'critical')],
    alarms: [
      state('a', 'active', '1'),
      state('b', 'active', '5'),
      state('c', 'latched', '9'),
      state('d', 'normal', '1'),
      state('e', 'active', '7', '100'),
      state('gone', 'active', '1'),
    ],
  };
  expect(activeAlarms(bench).map((row) => row.rule.id)).toEqual(['c', 'b', 'a', 'e']);
});

test('the worst of several', () => {
  expect(worst([])).toBeUndefined();
  expect(worst(['info', 'error', 'warning'])).toBe('error');
});

test('told are alarms that begin now, whose rule notifies and which nobody shelved', () => {
  const told = (id: string): AlarmRule => ({ ...rule(id, 'error'), actions: ['notify'] });
  const bench = {
    rules: [told('new'), told('known'), told('shelved'), told('latched'), rule('mute', 'error')],
    alarms: [
      state('new', 'active', '7'),
      state('known', 'active', '5'),
      state('shelved', 'active', '7', '100'),
      state('latched', 'latched', '7'),
      state('mute', 'active', '7'),
    ],
  };
  expect(newAlarms(bench, new Set(['known 5', 'new 3'])).map((row) => row.rule.id)).toEqual(['new']);
});
