import { expect, test } from 'vitest';
import type { AlarmRule, AlarmState } from '../../contract/alarm-schema.ts';
import type { RecordingPlan } from '../../contract/plan-schema.ts';
import { createBatch } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { ChannelBook } from '../acquisition/channel-book.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry } from '../acquisition/stream-registry.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { PlanDesk } from './plan-desk.ts';
import { SweepDesk } from './sweep-desk.ts';

function open() {
  const clock = new ManualClock(BigInt(new Date('2026-03-10T21:59:30').getTime()) * 1_000_000n);
  const board = new StateBoard(emptyState('/x'));
  const events = new EventLog(clock, board);
  const channels = new ChannelBook(board);
  const fan = new SampleFan();
  const registry = new StreamRegistry(fan, clock);
  const columns = [{ channel: 'v', unit: 'V' }];
  channels.declare({ instrument: 'dut', instrumentLabel: 'DUT', stream: 's', columns, rateHz: 10 });
  const told: string[] = [];
  let isRecording = false;
  const tell = (state: 'recording' | 'idle'): void => {
    isRecording = state === 'recording';
    board.publish('recording.changed', { recording: { ...board.state.recording, state } });
  };
  const desk = new PlanDesk({
    clock,
    board,
    events,
    channels,
    fan,
    touched: () => told.push('touched'),
    wallMs: () => Number(clock.nowNs() / 1_000_000n),
    recorder: {
      get isRecording() {
        return isRecording;
      },
      async start({ name, preTriggerS }, why) {
        told.push(`start ${name} ${preTriggerS} ${why}`);
        tell('recording');
      },
      async stop(why) {
        told.push(`stop ${why}`);
        tell('idle');
      },
    },
  });
  const info = registry.open({
    instrument: 'dut',
    stream: 's',
    kind: 'regular',
    columns,
    rateHz: 10,
  });
  let seq = 0;
  const feed = (...values: number[]): void => {
    const t0Ns = clock.nowNs();
    const batch = createBatch({
      stream: info.id,
      rows: values.length,
      channels: 1,
      flags: 0,
      seq,
      lost: 0,
      t0Ns,
      arrivedNs: t0Ns,
      dtS: 0.1,
      xOriginS: 0,
    });
    batch.columns[0]?.set(values);
    seq += values.length;
    fan.batch(batch);
  };
  return { clock, board, desk, told, feed, tell, events };
}

const plan = (change: Partial<RecordingPlan>): RecordingPlan => ({
  id: 'p',
  name: 'P',
  start: [],
  stop: [],
  preTriggerS: 0,
  postTriggerS: 0,
  repeats: false,
  enabled: true,
  notes: '',
  tags: [],
  ...change,
});

test('above a threshold it records, below another it stops, with nobody watching; and again', async () => {
  const { clock, desk, told, feed } = open();
  desk.set([
    plan({
      start: [{ kind: 'threshold', channel: 'dut/v', condition: { kind: 'above', limit: 5 }, delayS: 0 }],
      stop: [{ kind: 'threshold', channel: 'dut/v', condition: { kind: 'below', limit: 1 }, delayS: 0 }],
      preTriggerS: 3,
      repeats: true,
    }),
  ]);
  for (let round = 0; round < 2; round++) {
    feed(3, 4);
    await clock.advance(500);
    feed(6);
    await clock.advance(500);
    expect(desk.states).toMatchObject([{ plan: 'p', state: 'recording', text: 'DUT v is above 5 V' }]);
    feed(4, 0.5);
    await clock.advance(500);
    expect(desk.states).toMatchObject([{ state: 'armed' }]);
  }
  expect(told.filter((text) => text !== 'touched')).toEqual([
    'start P 3 DUT v is above 5 V',
    'stop DUT v is below 1 V',
    'start P 3 DUT v is above 5 V',
    'stop DUT v is below 1 V',
  ]);
});

test('at a time of day, for a while', async () => {
  const { clock, desk, told } = open();
  desk.set([plan({ start: [{ kind: 'time', at: '22:00' }], stop: [{ kind: 'duration', seconds: 60 }] })]);
  await clock.advance(29_000);
  expect(told).toEqual(['touched']);
  await clock.advance(2000);
  expect(desk.states[0]?.state).toBe('recording');
  await clock.advance(61_000);
  expect(told.slice(1)).toEqual(['start P 0 The time of day has come', 'stop 60 s are over']);
});

test('with an alarm, also one that is active already, until it is over; a person may end it before', async () => {
  const { clock, board, desk, told, tell } = open();
  const rule = { id: 'r', name: 'Hot' } as AlarmRule;
  const raise = (state: AlarmState['state']): void =>
    board.publish('alarm.changed', { rule, state: { rule: 'r', state } as AlarmState });
  raise('active');
  desk.set([
    plan({
      start: [{ kind: 'alarm', rule: 'r' }],
      stop: [{ kind: 'alarm-over', rule: 'r' }],
      postTriggerS: 10,
      repeats: true,
    }),
  ]);
  await clock.advance(1);
  expect(desk.states).toMatchObject([{ state: 'recording', text: 'Alarm Hot is active' }]);
  raise('normal');
  await clock.advance(10_000);
  raise('active');
  await clock.advance(1);
  tell('idle');
  expect(desk.states).toMatchObject([{ state: 'armed', text: expect.stringContaining('another hand') }]);
  expect(told.filter((text) => text.startsWith('stop'))).toEqual(['stop Alarm Hot is over']);
});

test('what holds when the recording in its way has ended begins then', async () => {
  const { clock, desk, told, tell, feed } = open();
  tell('recording');
  desk.set([
    plan({ start: [{ kind: 'threshold', channel: 'dut/v', condition: { kind: 'above', limit: 5 }, delayS: 0 }] }),
  ]);
  feed(6);
  await clock.advance(500);
  expect(desk.states).toMatchObject([{ state: 'blocked' }]);
  tell('idle');
  await clock.advance(1);
  expect(desk.states).toMatchObject([{ state: 'recording', text: 'DUT v is above 5 V' }]);
  expect(told.at(-1)).toBe('start P 0 DUT v is above 5 V');
});

test('with a sweep, to its end; each step is sent and confirmed, and Outputs off ends it where it is', async () => {
  const { clock, board, desk, told, events } = open();
  const sent: number[] = [];
  await using sweeps = new SweepDesk({
    clock,
    board,
    events,
    setControl: async (_instrument, _control, value) => void sent.push(value),
  });
  const sweep = { id: 's', name: 'Up', instrument: 'psu', control: 'ch1.voltage', values: [1, 2, 3], dwellS: 2 };
  desk.set([
    plan({ start: [{ kind: 'sweep', sweep: 's' }], stop: [{ kind: 'sweep-end', sweep: 's' }], repeats: true }),
  ]);
  sweeps.start(sweep, 'test');
  expect(() => sweeps.start({ ...sweep, id: 'other' }, 'test')).toThrowError(
    expect.objectContaining({ code: 'sweep.running' }),
  );
  await clock.advance(3000);
  expect(sent).toEqual([1, 2]);
  expect(desk.states[0]?.state).toBe('recording');
  await clock.advance(3500);
  expect(sent).toEqual([1, 2, 3]);
  expect(board.state.sweeps).toMatchObject([{ state: 'done', step: 3 }]);
  expect(desk.states[0]?.state).toBe('armed');
  expect(told.slice(1)).toEqual(['start P 0 Sweep Up', 'stop Sweep Up has ended']);
  sweeps.start(sweep, 'test');
  await clock.advance(1000);
  board.publish('outputs.changed', { outputsOff: { t: '0', results: [] } });
  await clock.advance(5000);
  expect(board.state.sweeps).toMatchObject([
    { state: 'stopped', step: 1, text: expect.stringContaining('Outputs off') },
  ]);
  expect(sent).toEqual([1, 2, 3, 1]);
});

test('a step that is refused ends the sweep with the reason', async () => {
  const { clock, board, events } = open();
  await using sweeps = new SweepDesk({
    clock,
    board,
    events,
    setControl: async (_instrument, _control, value) => {
      if (value > 1) throw new LabError('safety.refused', 'Above the limit of 1 V.');
    },
  });
  sweeps.start({ id: 's', name: 'Up', instrument: 'psu', control: 'v', values: [1, 2, 3], dwellS: 1 }, 'test');
  await clock.advance(1500);
  expect(board.state.sweeps).toMatchObject([{ state: 'failed', step: 1, text: 'Above the limit of 1 V.' }]);
});

test('a plan that is as it was goes on when another is added; ids are unique', async () => {
  const { clock, desk } = open();
  const first = plan({ start: [{ kind: 'time', at: '22:00' }] });
  desk.set([first]);
  await clock.advance(31_000);
  expect(desk.states[0]?.state).toBe('recording');
  desk.set([first, plan({ id: 'q', name: 'Q', start: [{ kind: 'time', at: '23:00' }] })]);
  expect(desk.states.map(({ state }) => state)).toEqual(['recording', 'armed']);
  expect(() => desk.set([first, first])).toThrowError(expect.objectContaining({ code: 'call.invalid' }));
});
