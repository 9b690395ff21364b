import { beforeEach, describe, expect, test } from 'vitest';
import type { AlarmRule } from '../../contract/alarm-schema.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { AlarmEngine } from './alarm-engine.ts';

const INFO: StreamInfo = {
  id: 7,
  key: 'dmm/poll',
  instrument: 'dmm',
  epoch: 1,
  kind: 'timed',
  columns: [
    { channel: 'v', unit: 'V' },
    { channel: 'i', unit: 'A' },
  ],
  rateHz: 10,
};

let clock: ManualClock;
let engine: AlarmEngine;
let acts: string[];
let transitions: string[];
let shown: string[];
let scale: { gain: number; offset: number };
let seq: number;

beforeEach(() => {
  clock = new ManualClock();
  acts = [];
  transitions = [];
  shown = [];
  scale = { gain: 1, offset: 0 };
  seq = 0;
  engine = new AlarmEngine({
    clock,
    scaleOf: () => scale,
    changed: (rule, state) => shown.push(`${rule.id} ${state.state}${state.acknowledged ? ' acknowledged' : ''}`),
    transition: (rule, { from, to }) => transitions.push(`${rule.id} ${from} → ${to}`),
    act: (action, rule) => {
      acts.push(`${rule.id} ${action}`);
      return `${action} done`;
    },
  });
});

function rule(change: Partial<AlarmRule> = {}): AlarmRule {
  return {
    id: 'r',
    name: 'r',
    channel: 'dmm/v',
    condition: { kind: 'above', limit: 5 },
    hysteresis: 0,
    delayS: 0,
    latch: false,
    severity: 'warning',
    actions: ['notify'],
    enabled: true,
    ...change,
  };
}

/** A row of both channels each 100 ms, the last one now. */
function feed(values: readonly number[], currents: readonly number[] = values.map(() => 0)): void {
  const rows = values.length;
  const batch = createBatch({
    stream: INFO.id,
    rows,
    channels: 2,
    flags: BATCH_FLAG.float64 | BATCH_FLAG.timed,
    seq,
    lost: 0,
    t0Ns: clock.nowNs() - BigInt(rows - 1) * 100_000_000n,
    arrivedNs: clock.nowNs(),
    dtS: 0,
    xOriginS: 0,
  });
  seq += rows;
  batch.columns[0]?.set(values);
  batch.columns[1]?.set(currents);
  for (let row = 0; row < rows; row++) if (batch.times) batch.times[row] = row / 10;
  engine.batch(batch);
}

const stateOf = (id = 'r') => engine.states.find((state) => state.rule === id);

describe('routing', () => {
  test('a rule is fed by its channel alone, whatever comes first: rule or stream', () => {
    engine.set(rule());
    engine.streamOpened(INFO);
    engine.set(rule({ id: 'i', channel: 'dmm/i' }));
    feed([6], [0]);
    expect(transitions).toEqual(['r normal → active']);
    feed([6], [9]);
    expect(transitions).toEqual(['r normal → active', 'i normal → active']);
    expect(acts).toEqual(['r notify', 'i notify']);
    expect(stateOf()).toMatchObject({ state: 'active', value: 6, did: ['notify done'] });
  });

  test('limits are in what is shown: after the scale', () => {
    scale = { gain: 1000, offset: -500 };
    engine.set(rule({ condition: { kind: 'above', limit: 400 } }));
    engine.streamOpened(INFO);
    feed([0.8]);
    expect(transitions).toEqual([]);
    feed([0.95]);
    expect(stateOf()).toMatchObject({ state: 'active', value: 450 });
  });

  test('a rule that is off, a closed stream and waveforms feed nothing', () => {
    engine.set(rule({ enabled: false }));
    engine.streamOpened(INFO);
    feed([9]);
    engine.set(rule({ id: 'late' }));
    engine.streamClosed(INFO.id);
    feed([9]);
    engine.streamOpened({ ...INFO, kind: 'segment' });
    feed([9]);
    expect(transitions).toEqual([]);
  });

  test('a rule set anew begins anew; one removed is gone', () => {
    engine.streamOpened(INFO);
    engine.set(rule());
    feed([9]);
    engine.set(rule({ condition: { kind: 'above', limit: 20 } }));
    expect(stateOf()).toMatchObject({ state: 'normal', did: [] });
    engine.remove('r');
    feed([30]);
    expect(engine.rules).toEqual([]);
    expect(transitions).toEqual(['r normal → active']);
    for (const act of [() => engine.remove('r'), () => engine.acknowledge('r'), () => engine.shelve('r', 1)])
      expect(act).toThrow(LabError);
  });
});

describe('time', () => {
  test('no data: raised by the clock, ended by the next row', async () => {
    engine.set(rule({ condition: { kind: 'silent', seconds: 3 } }));
    engine.streamOpened(INFO);
    await clock.advance(2900);
    feed([1]);
    await clock.advance(2700);
    expect(transitions).toEqual([]);
    await clock.advance(600);
    expect(stateOf()).toMatchObject({ state: 'active', value: null });
    feed([1]);
    expect(transitions).toEqual(['r normal → active', 'r active → normal']);
  });

  test('a delay ends between two rows, too', async () => {
    engine.set(rule({ delayS: 1 }));
    engine.streamOpened(INFO);
    feed([9]);
    expect(acts).toEqual([]);
    await clock.advance(1300);
    expect(transitions).toEqual(['r normal → pending', 'r pending → active']);
    expect(acts).toEqual(['r notify']);
  });

  test('overload is above every limit, and is said so', () => {
    engine.set(rule({ condition: { kind: 'above', limit: 1e30 } }));
    engine.streamOpened(INFO);
    feed([Number.POSITIVE_INFINITY]);
    expect(stateOf()).toMatchObject({ state: 'active', value: 'overload' });
  });

  test('disposed, no timer is left', () => {
    engine[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});

describe('people', () => {
  test('acknowledged while latched: normal; shown at once', () => {
    engine.set(rule({ latch: true }));
    engine.streamOpened(INFO);
    feed([9, 1]);
    expect(stateOf()?.state).toBe('latched');
    engine.acknowledge('r');
    expect(stateOf()?.state).toBe('normal');
    expect(shown.at(-1)).toBe('r normal');
  });

  test('shelved: raised without acting; when the shelf ends it acts, if it still is raised', async () => {
    engine.set(rule());
    engine.streamOpened(INFO);
    engine.shelve('r', 1);
    feed([9]);
    expect(stateOf()?.state).toBe('active');
    expect(acts).toEqual([]);
    await clock.advance(60_500);
    expect(acts).toEqual(['r notify']);
    expect(stateOf()?.shelvedUntilNs).toBeNull();
    feed([1]);
    engine.shelve('r', 1);
    feed([9]);
    feed([1]);
    await clock.advance(60_500);
    expect(acts, 'over before the shelf ended').toEqual(['r notify']);
    engine.shelve('r', 5);
    feed([9]);
    engine.shelve('r', 0);
    expect(acts).toEqual(['r notify', 'r notify']);
  });

  test('a fluttering value acts once a second, but outputs go off each time', async () => {
    engine.set(rule({ actions: ['notify', 'outputs.off'] }));
    engine.streamOpened(INFO);
    for (let count = 0; count < 10; count++) {
      feed([9]);
      feed([1]);
      await clock.advance(50);
    }
    expect(acts.filter((act) => act === 'r notify')).toHaveLength(1);
    expect(acts.filter((act) => act === 'r outputs.off')).toHaveLength(10);
    expect(transitions).toHaveLength(20);
    await clock.advance(1000);
    feed([9]);
    expect(acts.filter((act) => act === 'r notify')).toHaveLength(2);
  });
});

test.each([1, 2, 3, 4, 5])(
  'seeded %d: values, ticks and people in any order; each transition follows from the state before',
  async (seed) => {
    const random = seededRandom(seed);
    engine.set(rule({ latch: seed % 2 === 0, delayS: seed % 3 ? 0.3 : 0, hysteresis: 1, actions: ['outputs.off'] }));
    engine.streamOpened(INFO);
    for (let step = 0; step < 2000; step++) {
      const dice = random.below(20);
      if (dice < 12) feed(Array.from({ length: 1 + random.below(5) }, () => random.below(11)));
      else if (dice < 16) await clock.advance(random.below(400));
      else if (dice < 18) engine.acknowledge('r');
      else if (dice < 19) engine.shelve('r', random.below(2) * 0.01);
      else feed([Number.NaN]);
    }
    let word = 'normal';
    for (const text of transitions) {
      const [from, to] = text.slice(2).split(' → ');
      expect(from).toBe(word);
      expect(to).not.toBe(word);
      word = to ?? '';
    }
    expect(stateOf()?.state).toBe(word);
    expect(transitions.length).toBeGreaterThan(100);
    // Never without having been raised; shelved ones are owed.
    expect(acts.length).toBeLessThanOrEqual(transitions.filter((text) => text.endsWith('active')).length);
    expect(acts.length).toBeGreaterThan(0);
  },
);
