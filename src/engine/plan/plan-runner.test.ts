import { expect, test } from 'vitest';
import type { RecordingPlan } from '../../contract/plan-schema.ts';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { type PlanRecorder, PlanRunner } from './plan-runner.ts';

const PLAN: RecordingPlan = {
  id: 'p',
  name: 'Plan',
  start: [{ kind: 'alarm', rule: 'r' }],
  stop: [],
  preTriggerS: 0,
  postTriggerS: 0,
  repeats: false,
  enabled: true,
  notes: '',
  tags: [],
};

/** A recording that takes a while to start and stop. */
class SlowRecorder implements PlanRecorder {
  isRecording = false;
  starts = 0;
  stops = 0;
  failNext = false;
  /** Every start fails. */
  isBroken = false;
  tries = 0;
  readonly #clock: ManualClock;
  readonly #delayMs: number;

  constructor(clock: ManualClock, delayMs = 0) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  async start(): Promise<void> {
    this.tries++;
    await this.#wait();
    if (this.failNext || this.isBroken) {
      this.failNext = false;
      throw new LabError('recording.disk-full', 'The disk is full.');
    }
    this.isRecording = true;
    this.starts++;
  }

  async stop(): Promise<void> {
    await this.#wait();
    if (!this.isRecording) throw new LabError('recording.idle', 'No recording is running.');
    this.isRecording = false;
    this.stops++;
  }

  #wait(): Promise<void> {
    if (this.#delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#clock.after(this.#delayMs, resolve));
  }
}

function run(plan: Partial<RecordingPlan> = {}, delayMs = 0) {
  const clock = new ManualClock();
  const recorder = new SlowRecorder(clock, delayMs);
  const states: string[] = [];
  const rearmed: string[] = [];
  const runner = new PlanRunner({
    plan: { ...PLAN, ...plan },
    clock,
    recorder,
    changed: ({ state }) => states.push(state),
    rearmed: () => rearmed.push(runner.state.text),
  });
  return { clock, recorder, runner, states, rearmed };
}

test('starts, stops after the time behind, is done', async () => {
  const { clock, recorder, runner, states } = run({ postTriggerS: 5 });
  await runner.begin('Alarm');
  expect(runner.state).toMatchObject({ state: 'recording', text: 'Alarm' });
  runner.end('Alarm over');
  await clock.advance(4999);
  expect(recorder.isRecording).toBe(true);
  await clock.advance(1);
  expect(recorder.isRecording).toBe(false);
  expect(states).toEqual(['recording', 'ending', 'done']);
  await runner.begin('Alarm');
  expect(recorder.starts, 'once').toBe(1);
});

test('the shortest duration ends it; armed again when it repeats', async () => {
  const stop: RecordingPlan['stop'] = [
    { kind: 'duration', seconds: 60 },
    { kind: 'duration', seconds: 10 },
  ];
  const { clock, recorder, runner, states } = run({ stop, repeats: true });
  for (let round = 1; round <= 3; round++) {
    await runner.begin('again');
    await clock.advance(10_000);
    expect(recorder.stops).toBe(round);
  }
  expect(states).toEqual([
    'recording',
    'ending',
    'armed',
    'recording',
    'ending',
    'armed',
    'recording',
    'ending',
    'armed',
  ]);
});

test('another recording runs: blocked until it ends; a start that fails: blocked, with the reason', async () => {
  const { recorder, runner } = run();
  recorder.isRecording = true;
  await runner.begin('Alarm');
  expect(runner.state).toMatchObject({ state: 'blocked', text: expect.stringContaining('another recording') });
  recorder.isRecording = false;
  runner.ended();
  expect(runner.state.state).toBe('armed');
  recorder.failNext = true;
  await runner.begin('Alarm');
  expect(runner.state).toMatchObject({ state: 'blocked', text: expect.stringContaining('The disk is full') });
});

test('a start that fails is tried again, by itself, until it succeeds', async () => {
  const { clock, recorder, runner, states } = run();
  recorder.isBroken = true;
  await runner.begin('Time');
  await clock.advance(60_000);
  expect(recorder.tries, 'at 0, 5, 15 and 35 s').toBe(4);
  expect(states, 'the same again is not said again').toEqual(['blocked']);
  recorder.isBroken = false;
  await clock.advance(60_000);
  expect(runner.state).toMatchObject({ state: 'recording', text: 'Time' });
  expect(recorder.starts).toBe(1);
});

test('after ten minutes it is armed again, and what holds then counts; a stop condition ends the tries', async () => {
  const long = run();
  long.recorder.isBroken = true;
  await long.runner.begin('Alarm');
  await long.clock.advance(700_000);
  expect(long.runner.state).toMatchObject({ state: 'armed', text: expect.stringContaining('The disk is full') });
  expect(long.rearmed).toHaveLength(1);
  expect(long.clock.pending).toBe(0);
  await long.runner.begin('Alarm of the next day');
  expect(long.runner.state.state).toBe('blocked');
  long.runner.end('Alarm over');
  expect(long.runner.state).toMatchObject({ state: 'armed', text: expect.stringContaining('Alarm over') });
  expect(long.clock.pending).toBe(0);
  expect(long.rearmed, 'what a stop condition ended is over').toHaveLength(1);
});

test('a cause that comes back in the time behind the stop goes on; one that comes while it is being stopped, after it', async () => {
  const back = run({ postTriggerS: 10, repeats: true });
  await back.runner.begin('Alarm');
  back.runner.end('Alarm over');
  await back.clock.advance(3000);
  await back.runner.begin('Alarm again');
  await back.clock.advance(60_000);
  expect(back.runner.state).toMatchObject({ state: 'recording', text: 'Alarm again' });
  expect(back.recorder).toMatchObject({ starts: 1, stops: 0 });
  const late = run({ repeats: true }, 100);
  const starting = late.runner.begin('Alarm');
  await late.clock.advance(100);
  await starting;
  late.runner.end('Alarm over');
  await late.clock.advance(50);
  void late.runner.begin('Alarm again');
  await late.clock.advance(200);
  expect(late.runner.state).toMatchObject({ state: 'recording', text: 'Alarm again' });
  expect(late.recorder).toMatchObject({ starts: 2, stops: 1 });
});

test('a stop that comes while it is being started is not lost; nor is an end by another hand', async () => {
  const first = run({}, 100);
  const starting = first.runner.begin('Alarm');
  first.runner.end('Alarm over');
  await first.clock.advance(100);
  await starting;
  await first.clock.advance(200);
  expect(first.recorder).toMatchObject({ isRecording: false, starts: 1, stops: 1 });
  const second = run({}, 100);
  const again = second.runner.begin('Alarm');
  await second.clock.advance(100);
  second.recorder.isRecording = false;
  second.runner.ended();
  await again;
  expect(second.runner.state).toMatchObject({ state: 'done', text: expect.stringContaining('another hand') });
});

test('seeded orders of everything: never two recordings, never one without an owner, nothing left behind', async () => {
  let started = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const stop: RecordingPlan['stop'] = random.next() < 0.5 ? [{ kind: 'duration', seconds: 1 + random.below(5) }] : [];
    const plan = { stop, postTriggerS: random.below(3), repeats: random.next() < 0.7 };
    const { clock, recorder, runner, states } = run(plan, random.below(3) * 100);
    for (let step = 0; step < 60; step++) {
      const what = random.below(5);
      if (what === 0) void runner.begin('start');
      else if (what === 1) runner.end('stop');
      else if (what === 2 && recorder.isRecording && random.next() < 0.3) {
        recorder.isRecording = false;
        runner.ended();
      } else if (what === 3 && random.next() < 0.2) recorder.failNext = true;
      await clock.advance(random.below(1500));
      const { state } = runner.state;
      if (state === 'recording') expect(recorder.isRecording, `seed ${seed}`).toBe(true);
      if (state === 'armed' || state === 'done')
        expect(recorder.isRecording && recorder.starts === recorder.stops, `seed ${seed}`).toBe(false);
      if (state === 'blocked' && !recorder.isRecording) runner.ended();
    }
    runner.end('stop');
    await clock.advance(20_000);
    expect(recorder.isRecording, `seed ${seed}: it can always be ended`).toBe(false);
    const begun = states.filter((state, index) => state === 'recording' && states[index - 1] !== 'ending');
    expect(begun.length).toBe(recorder.starts);
    started += recorder.starts;
    runner[Symbol.dispose]();
    expect(clock.pending, 'no timer is left').toBe(0);
  }
  expect(started).toBeGreaterThan(300);
});
