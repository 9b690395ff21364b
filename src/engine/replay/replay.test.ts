import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RecordedRun, recordRun } from '../../../test/fixtures/recorded-run.ts';
import { faultyDisk, systemError } from '../../../test/fixtures/recording-source.ts';
import type { AlarmRule } from '../../contract/alarm-schema.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { FrameBlock } from '../../contract/frames.ts';
import type { MathChannel } from '../../contract/math-schema.ts';
import type { ReplayState } from '../../contract/replay-schema.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import { openScopes } from '../../core/scope.ts';
import { RegularStream } from '../acquisition/regular-stream.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry } from '../acquisition/stream-registry.ts';
import { AlarmEngine } from '../alarm/alarm-engine.ts';
import { createWatchHub, type WatchHub } from '../history/watch-hub.ts';
import { createMathStage } from '../math/math-stage.ts';
import type { Disk } from '../recording/disk.ts';
import { openRecording } from '../recording/recording.ts';
import { Replay, type ReplayOptions } from './replay.ts';

const rule = (change: Pick<AlarmRule, 'id' | 'channel' | 'condition'> & Partial<AlarmRule>): AlarmRule => ({
  name: change.id,
  hysteresis: 0,
  delayS: 0,
  latch: false,
  severity: 'warning',
  actions: [],
  enabled: true,
  ...change,
});

const DAQ = 'daq/ai0';
/** Decided by samples alone: the same to the nanosecond. */
const EXACT: AlarmRule[] = [
  rule({ id: 'above', channel: DAQ, condition: { kind: 'above', limit: 4.5 }, hysteresis: 1 }),
  rule({ id: 'outside', channel: 'daq/ai1', condition: { kind: 'outside', low: -4.9, high: 4.9 } }),
  rule({ id: 'latched', channel: 'daq/ai2', condition: { kind: 'below', limit: -4 }, latch: true }),
  rule({ id: 'steep', channel: DAQ, condition: { kind: 'rate', perSecond: 60, windowS: 0.05 }, hysteresis: 20 }),
  rule({ id: 'overload', channel: 'supply/ch1.voltage', condition: { kind: 'above', limit: 1e6 } }),
];
/** Decided by the clock between samples: as exactly as the clock of the rules ticks, 250 ms. */
const TICKED: AlarmRule[] = [
  rule({ id: 'silent', channel: 'supply/ch1.current', condition: { kind: 'silent', seconds: 0.09 } }),
];

type Told = [rule: string, to: string, atNs: bigint];

let folder: string;
let run: RecordedRun;
const live: Told[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-replay-'));
  run = await recordRun(folder, {
    seed: 7,
    watch: (clock) => {
      const engine = new AlarmEngine({
        clock,
        scaleOf: () => ({ gain: 1, offset: 0 }),
        changed: () => {},
        transition: ({ id }, { to, atNs }) => void live.push([id, to, atNs]),
        act: () => '',
      });
      for (const each of [...EXACT, ...TICKED]) engine.set(each);
      return engine;
    },
  });
});
afterAll(async () => {
  expect(openScopes()).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

interface Playing extends AsyncDisposable {
  replay: Replay;
  clock: ManualClock;
  fan: SampleFan;
  states: ReplayState[];
  rules: AlarmRule[];
  /** Goes on by real reads and time of the clock until something is so. */
  until(what: () => boolean): Promise<void>;
}

type PlayOptions = Partial<Pick<ReplayOptions, 'compute' | 'limits' | 'backlog'>> & { disk?: Disk };

async function play(rules: AlarmRule[] = [], { disk, ...options }: PlayOptions = {}): Promise<Playing> {
  const clock = new ManualClock(1_800_000_000_000_000_000n);
  const fan = new SampleFan();
  const states: ReplayState[] = [];
  const it = { clock, fan, states, rules };
  const recording = await openRecording(run.path, { disk });
  const replay = await Replay.open({
    id: 'replay-1',
    recording,
    clock,
    live: fan,
    firstStream: 1_000_000,
    rules: () => it.rules,
    ...options,
    changed: (state) => states.push(state),
  });
  return {
    ...it,
    replay,
    get rules() {
      return it.rules;
    },
    set rules(next) {
      it.rules = next;
    },
    async until(what) {
      for (let turn = 0; !what(); turn++) {
        if (turn > 20_000) throw new Error(`in vain; the replay is ${JSON.stringify(replay.state).slice(0, 2000)}`);
        await clock.advance(4);
        await setImmediate();
      }
    },
    [Symbol.asyncDispose]: () => replay[Symbol.asyncDispose](),
  };
}

test('it opens paused at its beginning, with its streams and no row given', async () => {
  await using it = await play(EXACT);
  const { state, streams, ...rest } = it.replay.state;
  expect(state).toBe('paused');
  expect(streams.map(({ key }) => key).sort()).toEqual(['daq/samples', 'scope/waveform', 'supply/polled']);
  expect(rest).toMatchObject({
    id: 'replay-1',
    name: 'run 7',
    speed: 1,
    speedGot: 0,
    isCompared: false,
    run: 1,
    text: '',
  });
  expect(rest.positionNs).toBe(rest.fromNs);
  expect(rest.rules).toEqual(EXACT);
  for (const { id } of streams) expect(it.replay.origin.history.stream(id)?.endRow ?? 0).toBe(0);
});

describe('rules', () => {
  const happened = ({ replay }: Playing): Told[] =>
    replay.state.happened.map(({ t, data }) => [String(data?.rule), String(data?.to), BigInt(t)]);

  test.each(EXACT.flatMap((each) => (['max', 3] as const).map((speed) => [each.id, speed] as const)))(
    '%s at %s: raised and ended at the very times it was live',
    async (id, speed) => {
      const expected = live.filter(([name]) => name === id);
      expect(expected.length).toBeGreaterThan(0);
      await using it = await play(EXACT.filter((each) => each.id === id));
      await it.replay.set({ play: true, speed });
      await it.until(() => it.replay.state.state === 'ended');
      expect(happened(it), 'the newest of them').toEqual(expected.slice(-50));
    },
  );

  test('silence is noticed within a tick of the rules', async () => {
    await using it = await play(TICKED);
    await it.replay.set({ play: true, speed: 'max' });
    await it.until(() => it.replay.state.state === 'ended');
    const expected = live.filter(([name]) => name === 'silent');
    expect(happened(it).length).toBeGreaterThan(0);
    for (const [, to, atNs] of happened(it)) {
      const near = expected.some(([, word, liveNs]) => word === to && Math.abs(Number(atNs - liveNs)) <= 250e6);
      expect(near, `silent ${to} at ${atNs}`).toBe(true);
    }
  });

  test('what a rule does is said, and not done', async () => {
    const actions: AlarmRule['actions'] = ['notify', 'mark', 'outputs.off', 'recording.start', 'recording.stop'];
    const once = rule({ id: 'once', channel: DAQ, condition: { kind: 'above', limit: 4 }, hysteresis: 100, actions });
    await using it = await play([once]);
    await it.replay.set({ play: true, speed: 'max' });
    await it.until(() => it.replay.state.state === 'ended');
    expect(it.replay.state.alarms[0]?.did).toEqual([
      'replay: shown here only',
      'replay: marked here only',
      'replay: would have switched the outputs off',
      'replay: would have started a recording',
      'replay: would have stopped the recording',
    ]);
  });

  test('a rule that is changed meanwhile begins anew, the others go on; one of another channel is none of the replay', async () => {
    const [above, outside] = EXACT as [AlarmRule, AlarmRule];
    await using it = await play([
      above,
      outside,
      rule({ id: 'other', channel: 'nobody/x', condition: { kind: 'above', limit: 0 } }),
    ]);
    expect(it.replay.state.rules.map(({ id }) => id)).toEqual(['above', 'outside']);
    await it.replay.set({ speed: 'max', play: true });
    await it.until(() => it.replay.state.state === 'ended');
    const before = it.replay.state.alarms.find(({ rule: id }) => id === 'outside');
    it.rules = [{ ...above, condition: { kind: 'above', limit: 100 } }, outside];
    it.replay.applyRules();
    const { alarms } = it.replay.state;
    expect(alarms.find(({ rule: id }) => id === 'outside')).toEqual(before);
    expect(alarms.find(({ rule: id }) => id === 'above')).toMatchObject({ state: 'normal', did: [] });
    it.rules = [];
    it.replay.applyRules();
    expect(it.replay.state.alarms).toEqual([]);
  });
});

describe('math', () => {
  const double = (factor: number): MathChannel => ({
    name: 'times',
    label: '',
    expression: `{${DAQ}} * ${factor}`,
    unit: 'V',
  });

  test('computed channels run on it, are seen like the others, and rules run on them', async () => {
    const above = live.filter(([id]) => id === 'above');
    const rules = [rule({ id: 'above', channel: 'math/times', condition: { kind: 'above', limit: 9 }, hysteresis: 2 })];
    const channels = [double(2)];
    await using it = await play(rules, { compute: (place) => createMathStage({ channels, ...place }) });
    expect(it.replay.state.rules).toEqual(rules);
    await it.replay.set({ speed: 'max', play: true });
    await it.until(() => it.replay.state.state === 'ended');
    const { streams, happened } = it.replay.state;
    expect(happened.map(({ t, data }) => ['above', data?.to, BigInt(t)])).toEqual(above.slice(-50));
    expect(happened[0]?.text).toContain(' V)');
    const { history } = it.replay.origin;
    const of = (key: string) => history.stream(streams.find((stream) => stream.key === key)?.id ?? 0);
    const [source, computed] = [of('daq/samples'), of('math/times')];
    expect([computed?.firstRow, computed?.endRow]).toEqual([source?.firstRow, source?.endRow]);
    expect(computed?.latest()?.valueOf(0)).toBe(2 * (source?.latest()?.valueOf(0) ?? 0));
    // Others from here on: as another stream.
    channels[0] = double(-1);
    it.replay.applyMath();
    const again = it.replay.state.streams.filter(({ key }) => key === 'math/times');
    expect(again.length).toBe(2);
    await it.replay.set({ positionNs: it.replay.state.fromNs });
    expect(it.replay.state.streams.filter(({ key }) => key === 'math/times').length).toBe(1);
  });
});

describe('what a screen gets', () => {
  test.each(['max', 100, 10] as const)('a raw watch at %s: exactly the recorded rows and times', async (speed) => {
    await using it = await play();
    const blocks: FrameBlock[] = [];
    const { history, clock } = it.replay.origin;
    using hub = createWatchHub({
      history,
      clock,
      send: (bytes) => {
        const frame = viewFrame(bytes);
        blocks.push(...frame.blocks);
        hub.seen(frame.number);
      },
    });
    const names = ['ai0', 'ai1', 'ai2'].map((name) => `daq/${name}`);
    hub.watch([...names, 'supply/ch1.voltage'], { kind: 'raw' });
    await it.replay.set({ speed, play: true });
    await it.until(() => it.replay.state.state === 'ended');
    // A few rounds of the hub later it has sent all.
    for (let seen = -1; seen !== blocks.length; await it.clock.advance(100)) seen = blocks.length;
    expect(blocks.filter(({ kind }) => kind === 'skipped')).toEqual([]);
    const infos = new Map(it.replay.state.streams.map((info) => [info.id, info]));
    const got = new Map<string, { row: number; timeNs: bigint; values: number[] }[]>();
    for (const block of blocks) {
      if (block.kind !== 'raw') continue;
      const info = infos.get(block.stream);
      const name = `${info?.key} ${info?.epoch}`;
      const rows = got.get(name) ?? [];
      got.set(name, rows);
      const { batch } = block;
      for (let row = 0; row < batch.rows; row++) {
        const timeNs = rowTimeNs({ ...batch, buffer: new ArrayBuffer(0) }, row);
        rows.push({ row: batch.seq + row, timeNs, values: batch.columns.map((column) => column[row] ?? Number.NaN) });
      }
    }
    for (const [name, rows] of run.kept.byName()) {
      if (name.startsWith('scope/')) continue;
      const mine = got.get(name) ?? [];
      const channels = name.startsWith('daq/') ? 3 : 1;
      expect(mine.map(({ row, values }) => [row, ...values])).toEqual(
        rows.map(({ row, values }) => [row, ...values.slice(0, channels)]),
      );
      // History counts regular rows on from an anchor: some nanoseconds.
      for (const [index, { timeNs }] of mine.entries()) {
        expect(Math.abs(Number(timeNs - (rows[index]?.timeNs ?? 0n)))).toBeLessThanOrEqual(10);
      }
    }
    const gaps = blocks.flatMap((block) => (block.kind === 'gap' ? [block.reason] : []));
    for (const { reason, stream } of run.kept.gaps)
      if (!run.kept.infos.get(stream)?.key.startsWith('scope')) expect(gaps).toContain(reason);
  });

  test('at max it waits for a screen that wants every row, and not for one that takes nothing', async () => {
    let hub: WatchHub | undefined;
    const limits = { historyBytes: 200_000, backlogSamples: 1000, patienceMs: 2000 };
    const rows = [...run.kept.byName()].find(([name]) => name.startsWith('daq/'))?.[1].length ?? 0;
    for (const isFrozen of [false, true]) {
      const blocks: FrameBlock[] = [];
      await using it = await play([], { limits, backlog: () => hub?.backlog ?? 0 });
      using watching = createWatchHub({
        ...it.replay.origin,
        limits: { creditFrames: 1, creditMs: 0 },
        send: (bytes) => {
          const frame = viewFrame(bytes);
          blocks.push(...frame.blocks);
          if (!isFrozen) watching.seen(frame.number);
        },
      });
      hub = watching;
      watching.watch(['daq/ai0'], { kind: 'raw' });
      const startMs = it.clock.monotonicMs();
      await it.replay.set({ speed: 'max', play: true });
      await it.until(() => it.replay.state.state === 'ended');
      const got = blocks.reduce((sum, block) => sum + (block.kind === 'raw' ? block.batch.rows : 0), 0);
      const skipped = blocks.filter(({ kind }) => kind === 'skipped');
      if (isFrozen) {
        expect(got).toBeLessThan(rows);
        // It gave up once, and once more for the last.
        expect(it.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(limits.patienceMs);
        expect(it.clock.monotonicMs() - startMs).toBeLessThan(3 * limits.patienceMs);
      } else expect([got, skipped]).toEqual([rows, []]);
    }
  });

  test('state and position are told, the state at once and the position now and then', async () => {
    await using it = await play();
    await it.replay.set({ play: true });
    await it.until(() => it.replay.state.positionNs !== it.replay.state.fromNs);
    const [before, startMs] = [it.states.length, it.clock.monotonicMs()];
    await it.until(() => it.states.length >= before + 8);
    expect(it.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(7 * 200);
    expect(it.states.at(-1)?.speedGot).toBeGreaterThan(0);
    await it.replay.set({ play: false });
    expect(it.states.at(-1)).toMatchObject({ state: 'paused', speedGot: 0 });
    const { positionNs } = it.replay.state;
    await it.clock.advance(5000);
    expect(it.replay.state.positionNs).toBe(positionNs);
  });

  test('a seek begins another run, with other streams and nothing remembered of before', async () => {
    await using it = await play();
    await it.replay.set({ speed: 'max', play: true });
    await it.until(() => it.replay.state.state === 'ended');
    const before = it.replay.state;
    const at = (BigInt(before.fromNs) + BigInt(before.toNs)) / 2n;
    await it.replay.set({ positionNs: String(at) });
    const after = it.replay.state;
    expect(after).toMatchObject({ run: 2, state: 'paused', positionNs: String(at) });
    for (const { id } of before.streams) expect(it.replay.origin.history.stream(id)).toBeUndefined();
    const daq = after.streams.find(({ key }) => key === 'daq/samples');
    const history = it.replay.origin.history.stream(daq?.id ?? 0);
    // The row that holds there, and no other.
    const rows = [...run.kept.byName()].find(([name]) => name.startsWith('daq/'))?.[1] ?? [];
    const holds = rows.findLast(({ timeNs }) => timeNs <= at);
    expect([history?.firstRow, history?.endRow]).toEqual([holds?.row, (holds?.row ?? 0) + 1]);
  });
});

describe('compare', () => {
  /** A live digitizer of a channel of the recording, and of one that is not. */
  function liveStreams({ clock, fan, replay }: Playing): { feed(ms: number): Promise<void> } {
    const registry = new StreamRegistry(fan, clock);
    const place = { registry, sink: fan, clock };
    const shape = (instrument: string) => ({
      instrument,
      stream: 'samples',
      columns: [{ channel: 'ai0', unit: 'V' }],
      rateHz: 1000,
      float64: false,
    });
    const streams = [new RegularStream(place, shape('daq')), new RegularStream(place, shape('other'))];
    let value = 0;
    return {
      async feed(ms) {
        // Longer than a beat of the player.
        for (let passed = 0; passed < ms; passed += 20) {
          const { positionNs } = replay.state;
          await clock.advance(20);
          // The clock waits for the disk, or the replay would be late.
          for (let turn = 0; replay.state.state === 'playing' && replay.state.positionNs === positionNs; turn++) {
            if (turn > 100_000) throw new Error('the replay stands still');
            await setImmediate();
          }
          const column = Float32Array.from({ length: 20 }, () => value++);
          for (const stream of streams) stream.add({ columns: [column], rows: 20, lost: 0, arrivedNs: clock.nowNs() });
        }
      },
    };
  }

  test('live rows of the same channels lie where the replay is: both begin together; nothing comes before its time', async () => {
    await using it = await play();
    const source = liveStreams(it);
    await source.feed(500);
    await it.replay.set({ compare: true });
    expect(it.replay.state).toMatchObject({ isCompared: true, streams: [{}, {}, {}] });
    await it.replay.set({ play: true });
    const [own] = it.replay.state.streams.filter(({ instrument }) => instrument === 'live:daq');
    expect(own).toMatchObject({ key: 'live:daq/samples', columns: [{ channel: 'ai0' }] });
    expect(it.replay.state.streams.some(({ instrument }) => instrument === 'live:other')).toBe(false);
    const begunNs = it.clock.nowNs();
    const { positionNs: placeNs } = it.replay.state;
    await source.feed(1000);
    const history = it.replay.origin.history.stream(own?.id ?? 0);
    const latest = history?.latest();
    expect(latest && latest.timeNs <= BigInt(it.replay.state.positionNs)).toBe(true);
    // The last row was measured so long after the beginning as it lies behind the place.
    const behindNs = it.clock.nowNs() - begunNs - ((latest?.timeNs ?? 0n) - BigInt(placeNs));
    expect(Number(behindNs) / 1e6).toBeLessThan(60);
    expect(history?.timeOf(history.firstRow ?? 0)).toBeGreaterThanOrEqual(BigInt(placeNs));
    // Paused, nothing comes; then both begin together again, as another stream.
    await it.replay.set({ play: false });
    const { endRow } = history ?? { endRow: -1 };
    await source.feed(300);
    expect(history?.endRow).toBe(endRow);
    await it.replay.set({ play: true });
    await source.feed(300);
    const again = it.replay.state.streams.filter(({ instrument }) => instrument === 'live:daq').at(-1);
    expect(again?.id).not.toBe(own?.id);
    expect(it.replay.origin.history.stream(again?.id ?? 0)?.endRow).toBeGreaterThan(endRow);
  });

  test('only at 1×; a seek or another speed ends it and says so', async () => {
    await using it = await play();
    const source = liveStreams(it);
    await it.replay.set({ speed: 2 });
    await expect(it.replay.set({ compare: true })).rejects.toMatchObject({ code: 'call.invalid' });
    expect(it.replay.state).toMatchObject({ isCompared: false, speed: 2 });
    await it.replay.set({ speed: 1, compare: true, play: true });
    await source.feed(100);
    await it.replay.set({ speed: 10 });
    expect(it.replay.state).toMatchObject({
      isCompared: false,
      text: 'Comparing with live ended: the speed is not 1× any more.',
    });
    await it.replay.set({ speed: 1, compare: true });
    expect(it.replay.state).toMatchObject({ isCompared: true, text: '' });
    await it.replay.set({ positionNs: it.replay.state.fromNs });
    expect(it.replay.state).toMatchObject({
      isCompared: false,
      text: 'Comparing with live ended: the replay went to another place.',
    });
    expect(it.replay.state.streams.some(({ instrument }) => instrument === 'live:daq')).toBe(false);
    await it.replay.set({ compare: true });
    await it.replay.set({ compare: false });
    expect(it.replay.state).toMatchObject({ isCompared: false, text: '' });
  });

  test('with no live stream of its channels it says so', async () => {
    await using it = await play();
    await it.replay.set({ compare: true, play: true });
    expect(it.replay.state.text).toContain('No live stream has a channel of this recording');
  });
});

test('a disk that fails while it plays: it stops where it is and says so; closing it is clean', async () => {
  let isBroken = false;
  const disk = faultyDisk({}, (file) => ({
    ...file,
    read: async (target, position) => {
      if (isBroken) throw systemError('EIO');
      return file.read(target, position);
    },
  }));
  await using it = await play([], { disk });
  isBroken = true;
  await it.replay.set({ speed: 100, play: true });
  await it.until(() => it.replay.state.state === 'failed');
  expect(it.states.at(-1)?.state).toBe('failed');
  const { text, positionNs, toNs } = it.replay.state;
  expect(BigInt(positionNs) < BigInt(toNs)).toBe(true);
  expect(text).toContain('EIO');
  expect(text).toContain('open the recording again');
  await expect(it.replay.set({ play: true })).rejects.toMatchObject({ code: 'recording.failed' });
});

test('a hundred opened and closed, in any state, leave no file, timer or scope open', async () => {
  const files = async (): Promise<number> => (await readdir('/proc/self/fd').catch(() => [])).length;
  {
    await using _warm = await play();
  }
  const before = await files();
  for (let round = 0; round < 100; round++) {
    const it = await play(EXACT);
    if (round % 3 > 0) void it.replay.set({ speed: round % 2 ? 'max' : 10, play: true }).catch(() => undefined);
    if (round % 3 === 2) void it.replay.set({ positionNs: it.replay.state.toNs }).catch(() => undefined);
    if (round % 5 === 0) await it.clock.advance(50);
    await it.replay[Symbol.asyncDispose]();
    expect(it.clock.pending).toBe(0);
    expect(openScopes()).toEqual([]);
  }
  expect(await files()).toBeLessThanOrEqual(before);
});
