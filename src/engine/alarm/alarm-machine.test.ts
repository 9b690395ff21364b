import { describe, expect, it } from 'vitest';
import { type AlarmRule, alarmRule } from '../../contract/alarm-schema.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { AlarmMachine, type AlarmTransition } from './alarm-machine.ts';

const T0 = 1_700_000_000_000_000_000n;

function rule(change: Partial<AlarmRule> & Pick<AlarmRule, 'condition'>): AlarmRule {
  return alarmRule.parse({ id: 'r', name: 'rule', channel: 'a/b/c/v', severity: 'warning', actions: [], ...change });
}

/** Feeds values one second apart from `atS`; gives `from>to@s`. */
function feed(machine: AlarmMachine, values: number[], atS = 0, scale = { gain: 1, offset: 0 }): string[] {
  const t0Ns = T0 + BigInt(Math.round(atS * 1e9));
  const samples = { column: Float64Array.from(values), t0Ns, times: undefined, dtS: 1, ...scale, afterGap: false };
  return words(machine.feed(samples, t0Ns + BigInt(values.length) * 1_000_000_000n));
}

function words(transitions: AlarmTransition[]): string[] {
  return transitions.map(({ from, to, atNs }) => `${from}>${to}@${Number(atNs - T0) / 1e9}`);
}

describe('alarm machine', () => {
  it('raises above the limit and clears below limit minus hysteresis', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 10 }, hysteresis: 2 }), T0);
    expect(feed(machine, [9, 10, 10.1, 9, 8.1, 8, 7])).toEqual(['normal>active@2', 'active>normal@5']);
  });

  it('raises below the limit', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'below', limit: 1 } }), T0);
    expect(feed(machine, [2, 0.5, 1])).toEqual(['normal>active@1', 'active>normal@2']);
  });

  it.each([
    ['inside', [0, 5, 11], ['normal>active@1', 'active>normal@2']],
    ['outside', [5, 11, 5], ['normal>active@1', 'active>normal@2']],
  ] as const)('knows %s', (kind, values, expected) => {
    const machine = new AlarmMachine(rule({ condition: { kind, low: 1, high: 10 } }), T0);
    expect(feed(machine, [...values])).toEqual(expected);
  });

  it('takes overload for above every limit, also scaled, and missing values for nothing', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 1e30 } }), T0);
    expect(feed(machine, [Number.NaN, Number.POSITIVE_INFINITY, Number.NaN, 0])).toEqual([
      'normal>active@1',
      'active>normal@3',
    ]);
    const inverted = new AlarmMachine(rule({ condition: { kind: 'below', limit: -1e30 } }), T0);
    expect(feed(inverted, [Number.POSITIVE_INFINITY], 0, { gain: -1, offset: 0 })).toEqual(['normal>active@0']);
  });

  it('judges the value as shown', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 50 } }), T0);
    expect(feed(machine, [0.4, 0.6], 0, { gain: 100, offset: 0 })).toEqual(['normal>active@1']);
  });

  it('waits for the delay, and starts anew when the value comes back', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 10 }, delayS: 3 }), T0);
    expect(feed(machine, [11, 11, 9, 11, 11, 11, 11])).toEqual([
      'normal>pending@0',
      'pending>normal@2',
      'normal>pending@3',
      'pending>active@6',
    ]);
  });

  it('ends a delay by the clock when no sample comes', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 10 }, delayS: 3 }), T0);
    feed(machine, [11]);
    expect(machine.tick(T0 + 2_900_000_000n)).toEqual([]);
    expect(words(machine.tick(T0 + 3_000_000_000n))).toEqual(['pending>active@3']);
  });

  it('latches until acknowledged', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 10 }, latch: true }), T0);
    expect(feed(machine, [11, 9])).toEqual(['normal>active@0', 'active>latched@1']);
    expect(words(machine.acknowledge(T0 + 5_000_000_000n))).toEqual(['latched>normal@5']);
  });

  it('does not latch when acknowledged while active', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 10 }, latch: true }), T0);
    feed(machine, [11]);
    expect(machine.acknowledge(T0)).toEqual([]);
    expect(feed(machine, [9], 1)).toEqual(['active>normal@1']);
  });

  it('raises again from latched, and goes back to latched from a pending that did not hold', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'above', limit: 10 }, latch: true, delayS: 2 }), T0);
    expect(feed(machine, [11, 11, 11, 9, 11, 9])).toEqual([
      'normal>pending@0',
      'pending>active@2',
      'active>latched@3',
      'latched>pending@4',
      'pending>latched@5',
    ]);
  });

  it('raises on silence and clears with the first data', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'silent', seconds: 5 } }), T0);
    expect(machine.tick(T0 + 4_900_000_000n)).toEqual([]);
    expect(words(machine.tick(T0 + 5_000_000_000n))).toEqual(['normal>active@5']);
    expect(feed(machine, [1], 6)).toEqual(['active>normal@7']);
  });

  it('judges the rate of change over its window, whatever the sample rate', () => {
    const machine = new AlarmMachine(rule({ condition: { kind: 'rate', perSecond: 2, windowS: 4 } }), T0);
    const ramp = (perSecond: number, count: number, from: number): number[] =>
      Array.from({ length: count }, (_, index) => from + index * perSecond);
    expect(feed(machine, ramp(1, 20, 0))).toEqual([]);
    const raised = feed(machine, ramp(3, 20, 20), 20);
    expect(raised).toHaveLength(1);
    expect(raised[0]).toMatch(/^normal>active@2[0-9]$/);
  });

  it('keeps its invariants over seeded random values, ticks and acknowledgements', () => {
    const { next: random } = seededRandom(7);
    for (let round = 0; round < 300; round++) {
      const latch = random() < 0.5;
      const delayS = random() < 0.5 ? 0 : 3;
      const machine = new AlarmMachine(
        rule({ condition: { kind: 'above', limit: 10 }, latch, delayS, hysteresis: 1 }),
        T0,
      );
      let word = 'normal';
      let timeS = 0;
      const check = (transitions: AlarmTransition[]): void => {
        for (const { from, to } of transitions) {
          expect(from).toBe(word);
          expect(to).not.toBe(from);
          expect(`${from}>${to}`).not.toBe('normal>latched');
          if (!latch) expect(to).not.toBe('latched');
          if (delayS > 0) expect(`${from}>${to}`).not.toBe('normal>active');
          word = to;
        }
        expect(machine.word).toBe(word);
      };
      for (let step = 0; step < 40; step++) {
        const what = random();
        timeS += 1;
        const atNs = T0 + BigInt(timeS) * 1_000_000_000n;
        const column = Float64Array.from({ length: 3 }, () => random() * 20);
        if (what < 0.7)
          check(
            machine.feed({ column, t0Ns: atNs, times: undefined, dtS: 0.1, gain: 1, offset: 0, afterGap: false }, atNs),
          );
        else if (what < 0.85) check(machine.tick(atNs));
        else check(machine.acknowledge(atNs));
      }
    }
  });
});
