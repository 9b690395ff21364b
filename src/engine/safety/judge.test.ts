import { describe, expect, test } from 'vitest';
import type { Envelope, ProtectedDevice } from '../../contract/safety-schema.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { judge, type OutputChange, type OutputState } from './judge.ts';
import { limitsOf, type OutputLimits } from './limits.ts';
import { rampSteps } from './slew.ts';

const limits = (envelope: Envelope, unarmed: string[] = []): OutputLimits => ({
  ...envelope,
  unarmed,
  device: 'Board',
});
const off = (V?: number, A?: number): OutputState => ({
  isOn: false,
  values: { ...(V === undefined ? {} : { V }), ...(A === undefined ? {} : { A }) },
});
const set = (quantity: 'V' | 'A' | 'W' | 'Ohm', value: number): OutputChange => ({ kind: 'set', quantity, value });
const on: OutputChange = { kind: 'switch', on: true };

describe('supply', () => {
  test.each<[string, OutputState, OutputChange, Envelope, string | undefined]>([
    ['up to the limit', off(0, 1), set('V', 5), { maxV: 5 }, undefined],
    ['a decimal that rounds to the limit', off(0, 1), set('V', 0.1 + 0.2), { maxV: 0.3 }, undefined],
    ['above it', off(0, 1), set('V', 5.001), { maxV: 5 }, 'above 5 V'],
    ['below zero without a lower limit', off(0, 1), set('V', -1), { maxV: 5 }, 'below 0 V'],
    ['below the lower limit', off(3, 1), set('V', 2), { minV: 2.5 }, 'below 2.5 V'],
    ['negative where it is allowed', off(0, 1), set('V', -4), { maxV: 5, minV: -5 }, undefined],
    ['current', off(1, 0), set('A', 2.1), { maxA: 2 }, 'above 2 A'],
    ['negative current', off(1, 0), set('A', -2.1), { maxA: 2 }, 'above 2 A'],
    ['no number', off(1, 1), set('V', Number.NaN), { maxV: 5 }, 'no number'],
    ['power by voltage', off(5, 2), set('V', 6), { maxW: 11 }, '12 W'],
    ['power by current', off(6, 1), set('A', 2), { maxW: 11 }, '12 W'],
    ['power, current unknown', off(5), set('V', 6), { maxW: 11 }, 'could not be read back'],
    ['on within', off(5, 1), on, { maxV: 5, maxA: 1, maxW: 5 }, undefined],
    ['on beyond: set at the front panel', off(12, 1), on, { maxV: 5 }, 'above 5 V'],
    ['on, power beyond', off(5, 2), on, { maxW: 5 }, '10 W'],
    ['on, voltage unknown', off(undefined, 1), on, { maxV: 5 }, 'could not be read back'],
    ['on, current unknown', off(5), on, { maxA: 1 }, 'could not be read back'],
    ['off, always', off(50, 50), { kind: 'switch', on: false }, { maxV: 5, maxA: 1 }, undefined],
    ['a lower voltage from beyond', off(50, 1), set('V', 4), { maxV: 5 }, undefined],
  ])('%s', (_, state, change, envelope, why) => {
    const verdict = judge('supply', state, change, limits(envelope));
    if (why === undefined) expect(verdict).toBeUndefined();
    else expect(verdict).toContain(why);
  });

  test('is switched on only armed, and always off', () => {
    expect(judge('supply', off(1, 1), on, limits({}, ['Board']))).toContain('must be armed');
    expect(judge('supply', off(1, 1), { kind: 'switch', on: false }, limits({}, ['Board']))).toBeUndefined();
    expect(judge('supply', off(1, 1), set('V', 3), limits({ maxV: 5 }, ['Board']))).toBeUndefined();
  });
});

describe('load', () => {
  const load = (mode: string, values: OutputState['values']): OutputState => ({ isOn: false, mode, values });
  test.each<[string, OutputState, OutputChange, Envelope, string | undefined]>([
    ['CC level', load('CC', {}), set('A', 3), { maxA: 2 }, 'above 2 A'],
    ['CC level, power at the highest voltage', load('CC', {}), set('A', 5), { maxV: 4.2, maxW: 15 }, '21 W'],
    ['CV level under the lowest voltage', load('CV', {}), set('V', 2), { minV: 2.5 }, 'below 2.5 V'],
    ['CP level', load('CP', {}), set('W', 20), { maxW: 15 }, 'above 15 W'],
    ['CP level, current at the lowest voltage', load('CP', {}), set('W', 10), { maxA: 2, minV: 3 }, '3.333 A'],
    ['CP level without a lowest voltage', load('CP', {}), set('W', 10), { maxA: 2 }, 'cannot be judged'],
    ['CR level', load('CR', {}), set('Ohm', 1), { maxA: 2, maxV: 4 }, '4 A'],
    ['CR level, power', load('CR', {}), set('Ohm', 1), { maxW: 10, maxV: 4 }, '16 W'],
    ['CR level without a highest voltage', load('CR', {}), set('Ohm', 1), { maxA: 2 }, 'cannot be judged'],
    ['CR level of zero', load('CR', {}), set('Ohm', 0), { maxA: 2, maxV: 4 }, 'zero'],
    ['on in CC', load('CC', { A: 1 }), on, { maxA: 2 }, undefined],
    ['on in CC beyond', load('CC', { A: 3 }), on, { maxA: 2 }, 'above 2 A'],
    ['on in CV with a limit of current', load('CV', { V: 3 }), on, { maxA: 2 }, 'use CC'],
    ['on in CV without', load('CV', { V: 3 }), on, { minV: 2 }, undefined],
    ['on in a mode nobody knows', load('LED', { A: 1 }), on, { maxA: 2 }, 'could not be read back'],
    [
      'another mode, its level beyond',
      load('CC', { A: 1, Ohm: 1 }),
      { kind: 'mode', mode: 'CR' },
      { maxA: 2, maxV: 4 },
      '4 A',
    ],
    [
      'another mode, its level unknown',
      load('CC', { A: 1 }),
      { kind: 'mode', mode: 'CR' },
      { maxA: 2, maxV: 4 },
      'level of CR',
    ],
    ['off', load('CV', { V: 0 }), { kind: 'switch', on: false }, { maxA: 2 }, undefined],
  ])('%s', (_, state, change, envelope, why) => {
    const verdict = judge('load', state, change, limits(envelope));
    if (why === undefined) expect(verdict).toBeUndefined();
    else expect(verdict).toContain(why);
  });
});

test('another function brings unknown setpoints: only while the output is off', () => {
  const change: OutputChange = { kind: 'function' };
  expect(judge('supply', off(1, 1), change, limits({ maxV: 5 }))).toBeUndefined();
  expect(judge('supply', { isOn: true, values: {} }, change, limits({ maxV: 5 }))).toContain('switch the output off');
  expect(judge('supply', { values: {} }, change, limits({ maxV: 5 }))).toContain('switch the output off');
});

test('several devices on one output: the tightest limits hold, and all must be armed', () => {
  const device = (id: string, envelope: Envelope, needsArming: boolean): ProtectedDevice => ({
    id,
    label: id,
    outputs: [{ instrument: 'psu', group: 'CH1' }],
    envelope,
    needsArming,
  });
  const devices = [
    device('a', { maxV: 5, minV: 1, slewVPerS: 2 }, true),
    device('b', { maxV: 4, minV: 2, maxA: 1 }, true),
  ];
  expect(limitsOf(devices, (id) => id === 'a', 'psu', 'ch1')).toEqual({
    maxV: 4,
    minV: 2,
    maxA: 1,
    slewVPerS: 2,
    unarmed: ['b'],
    device: 'a, b',
  });
  expect(limitsOf(devices, () => true, 'psu', 'ch2')).toBeUndefined();
  expect(limitsOf(devices, () => true, 'other', 'ch1')).toBeUndefined();
});

test('in any order of changes that are let through, no output is ever on beyond its limits', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const envelope = { maxV: 5, maxA: 2, maxW: 6 };
    let state: OutputState = { isOn: false, values: { V: random.below(20), A: random.below(5) } };
    for (let step = 0; step < 300; step++) {
      const kind = random.below(4);
      const change: OutputChange =
        kind === 0
          ? { kind: 'switch', on: random.below(2) === 1 }
          : set(kind === 1 ? 'V' : 'A', (random.below(1000) - 100) / 100);
      if (judge('supply', state, change, limits(envelope)) !== undefined) continue;
      state =
        change.kind === 'set'
          ? { ...state, values: { ...state.values, [change.quantity]: change.value } }
          : { ...state, isOn: change.kind === 'switch' && change.on };
      const { V = 0, A = 0 } = state.values;
      if (state.isOn) expect(V <= 5 && V >= 0 && A <= 2 && V * A <= 6 * (1 + 1e-9), JSON.stringify(state)).toBe(true);
    }
  }
});

test('a ramp ends exactly where it shall, in steps of at most what the limit allows', () => {
  expect(rampSteps(0, 1, 2)).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
  expect(rampSteps(1, 0.5, 5)).toEqual([0.5]);
  expect(rampSteps(1, 1, 5)).toEqual([]);
  expect(rampSteps(0, 0.002, 0.001, 0.001), 'no finer than the instrument').toEqual([0.001, 0.002]);
  for (let seed = 1; seed < 100; seed++) {
    const random = seededRandom(seed);
    const [from, to, perSecond] = [random.next() * 30, random.next() * 30, 0.5 + random.next() * 10];
    const steps = [from, ...rampSteps(from, to, perSecond)];
    expect(steps.at(-1)).toBe(to);
    steps.slice(1).forEach((value, index) => {
      expect(Math.abs(value - (steps[index] ?? 0))).toBeLessThanOrEqual(perSecond * 0.1 + 1e-6);
    });
  }
});
