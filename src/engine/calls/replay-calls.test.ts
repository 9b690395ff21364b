import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { WatchMode } from '../../contract/calls.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { FrameBlock } from '../../contract/frames.ts';
import type { ReplayState } from '../../contract/replay-schema.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { openScopes } from '../../core/scope.ts';

/** Replays through the contract: what a recording of the simulated bench gives again. */
let lab: Lab;
let screen: LabScreen;
let daq: string;
let recording: string;
/** Rows of the recording as it lies in the file: number → time and value. */
let recorded: Map<number, { timeNs: bigint; value: number }>;
let channel: string;

/** A busy machine gets its time. */
const PATIENT = { timeout: 15_000 };
const END = '9223372036854775807';

function rowsOf(blocks: readonly FrameBlock[]): Map<number, { timeNs: bigint; value: number }> {
  const rows = new Map<number, { timeNs: bigint; value: number }>();
  for (const block of blocks) {
    if (block.kind !== 'raw') continue;
    for (let row = 0; row < block.batch.rows; row++) {
      const timeNs = rowTimeNs({ ...block.batch, buffer: new ArrayBuffer(0) }, row);
      const number = block.batch.seq + row;
      if (rows.has(number)) throw new Error(`row ${number} came twice`);
      rows.set(number, { timeNs, value: block.batch.columns[0]?.[row] ?? Number.NaN });
    }
  }
  return rows;
}

/** Takes the blocks of a watch until `stop`. */
async function watch(
  of: LabScreen,
  origin: string,
  channels: string[],
  mode: WatchMode,
): Promise<{ watch: number; blocks: FrameBlock[]; stop(): void }> {
  const blocks: FrameBlock[] = [];
  const early: FrameBlock[] = [];
  let id: number | undefined;
  const stop = of.client.onFrame((bytes) => {
    for (const block of viewFrame(bytes.slice(0)).blocks) {
      if (block.isReply) continue;
      if (id === undefined) early.push(block);
      else if (block.id === id) blocks.push(block);
    }
  });
  ({ watch: id } = await of.client.call('stream.watch', { origin, channels, mode }));
  blocks.push(...early.filter((block) => block.id === id));
  return { watch: id, blocks, stop };
}

async function readRaw(
  of: LabScreen,
  origin: string,
  fromNs = '0',
): Promise<Map<number, { timeNs: bigint; value: number }>> {
  const blocks: FrameBlock[] = [];
  const request = 77;
  const stop = of.client.onFrame((bytes) => {
    blocks.push(...viewFrame(bytes.slice(0)).blocks.filter((block) => block.isReply && block.id === request));
  });
  let next: string | null = fromNs;
  while (next !== null) {
    const answer: { nextNs: string | null } = await of.client.call('history.read', {
      request,
      origin,
      channels: [channel],
      fromNs: next,
      toNs: END,
      raw: true,
    });
    next = answer.nextNs;
  }
  stop();
  return rowsOf(blocks);
}

const untilReplay = (of: LabScreen, id: string, state: ReplayState['state']): Promise<ReplayState> =>
  of.until(`replay ${state}`, ({ replays }) => replays.find((replay) => replay.id === id && replay.state === state));

/** No row is missing, and all are 100 µs apart. */
function isEven(rows: Map<number, { timeNs: bigint }>): boolean {
  const all = [...rows].map(([row, { timeNs }]) => ({ row, timeNs }));
  return all.every(({ row, timeNs }, index) => {
    const before = all[index - 1];
    return !before || (row === before.row + 1 && Math.abs(Number(timeNs - before.timeNs) - 1e5) <= 10);
  });
}

beforeAll(async () => {
  lab = await openLab({ usePtys: false });
  screen = await lab.screen();
  daq = await screen.attach(lab.resource('daq'));
  await screen.attach(lab.resource('supply'));
  channel = `${daq}/load.voltage`;
  // On a busy machine the device may lose rows, and set its time anew: then once more.
  do {
    await screen.client.call('recording.start', { name: 'again' });
    const { startedNs } = await screen.until(
      'recording',
      ({ recording: { state, startedNs } }) => state === 'recording' && { startedNs },
    );
    const enoughNs = BigInt(startedNs ?? 0) + 2_000_000_000n;
    await screen.watch(
      [channel],
      { kind: 'latest', rateHz: 60 },
      (block) => block.kind === 'latest' && block.timeNs > enoughNs,
    );
    ({ recording } = await screen.client.call('recording.stop', {}));
    recorded = await readRaw(screen, recording);
  } while (!isEven(recorded));
  expect(recorded.size).toBeGreaterThan(1000);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

afterEach(async () => {
  for (const { id } of screen.state.replays) await screen.client.call('replay.close', { replay: id }).catch(() => {});
});

const open = (of: LabScreen = screen): Promise<ReplayState> => of.client.call('replay.open', { recording });

describe('what was recorded comes again', () => {
  test.each(['max', 20] as const)('a raw watch at %s delivers exactly the recorded rows and times', async (speed) => {
    const { id, state, name, fromNs, positionNs } = await open();
    expect({ state, name, positionNs }).toEqual({ state: 'paused', name: 'again', positionNs: fromNs });
    const seen = await watch(screen, id, [channel], { kind: 'raw' });
    await screen.client.call('replay.set', { replay: id, speed, play: true });
    await untilReplay(screen, id, 'ended');
    await expect.poll(() => rowsOf(seen.blocks).size, PATIENT).toBe(recorded.size);
    expect(seen.blocks.filter(({ kind }) => kind === 'skipped')).toEqual([]);
    for (const [row, { timeNs, value }] of rowsOf(seen.blocks)) {
      const wanted = recorded.get(row);
      expect(value).toBe(wanted?.value);
      expect(Math.abs(Number(timeNs - (wanted?.timeNs ?? 0n)))).toBeLessThanOrEqual(10);
    }
    seen.stop();
    await screen.client.call('replay.close', { replay: id });
    expect(screen.state.replays.map(({ id }) => id)).toEqual([]);
  });

  test('history of a replay is what was played; before that there is none', async () => {
    const { id, fromNs, toNs } = await open();
    expect((await readRaw(screen, id)).size).toBe(0);
    const middle = String((BigInt(fromNs) + BigInt(toNs)) / 2n);
    await screen.client.call('replay.set', { replay: id, positionNs: middle });
    await screen.client.call('replay.set', { replay: id, speed: 'max', play: true });
    await untilReplay(screen, id, 'ended');
    const played = await readRaw(screen, id);
    const first = [...recorded].findLast(([, { timeNs }]) => timeNs <= BigInt(middle))?.[0] ?? 0;
    expect([...played.keys()]).toEqual([...recorded.keys()].filter((row) => row >= first));
    await screen.client.call('replay.close', { replay: id });
    await expect(readRaw(screen, id)).rejects.toMatchObject({ code: 'recording.unknown' });
  });

  test('steps: a row on, a row back', async () => {
    const { id } = await open();
    const times = [...recorded.values()].map(({ timeNs }) => timeNs);
    // Where the fastest stream has begun.
    await screen.client.call('replay.set', { replay: id, positionNs: String((times[1000] ?? 0n) + 50_000n) });
    const step = async (step: 1 | -1): Promise<bigint> =>
      BigInt((await screen.client.call('replay.set', { replay: id, step })).positionNs);
    const at = await step(1);
    expect(Math.abs(Number(at - (times[1001] ?? 0n)))).toBeLessThanOrEqual(10);
    const next = await step(1);
    const nearest = (timeNs: bigint): number => times.findIndex((each) => Math.abs(Number(each - timeNs)) <= 10);
    expect(nearest(next)).toBe(nearest(at) + 1);
    expect(await step(-1)).toBe(at);
    await screen.client.call('replay.close', { replay: id });
  });
});

describe('numbers and origins', () => {
  test('watches of live and of a replay are numbered together; set, close and credit reach the right one', async () => {
    const { id } = await open();
    const mode = { kind: 'latest', rateHz: 60 } as const;
    const live = await watch(screen, 'live', [channel], mode);
    const again = await watch(screen, id, [channel], mode);
    expect(again.watch).not.toBe(live.watch);
    await screen.client.call('replay.set', { replay: id, play: true });
    await expect.poll(() => live.blocks.length > 0 && again.blocks.length > 0, PATIENT).toBe(true);
    const [one, other] = [live, again].map(({ blocks }) => new Set(blocks.map(({ stream }) => stream)));
    expect([...(one ?? [])].some((stream) => other?.has(stream))).toBe(false);
    const latest = again.blocks.findLast((block) => block.kind === 'latest');
    expect(latest?.kind === 'latest' && recorded.get(latest.row)?.value).toBe(
      latest?.kind === 'latest' && Math.fround(latest.values[0] ?? 0),
    );
    const { streams } = await screen.client.call('watch.set', { watch: again.watch, mode: { kind: 'raw' } });
    expect(streams.map((stream) => stream.id)).toEqual([...(other ?? [])]);
    await screen.client.call('watch.close', { watch: again.watch });
    await expect(screen.client.call('watch.set', { watch: again.watch, mode })).rejects.toMatchObject({
      code: 'call.invalid',
    });
    expect((await screen.client.call('watch.set', { watch: live.watch, mode })).streams.map(({ key }) => key)).toEqual([
      `${daq}/samples`,
    ]);
    await screen.client.call('watch.close', { watch: live.watch });
    for (const { stop } of [live, again]) stop();
    await screen.client.call('replay.close', { replay: id });
  });

  test('a replay that is not there is refused, and its watches end with it', async () => {
    const { id } = await open();
    const mode = { kind: 'raw' } as const;
    const { watch: number, stop } = await watch(screen, id, [channel], mode);
    await screen.client.call('replay.close', { replay: id });
    await expect(screen.client.call('watch.set', { watch: number, mode })).rejects.toMatchObject({
      code: 'call.invalid',
    });
    for (const call of [
      () => screen.client.call('stream.watch', { origin: id, channels: [channel], mode }),
      () => screen.client.call('replay.set', { replay: id, play: true }),
      () => screen.client.call('replay.close', { replay: id }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'replay.unknown' });
    }
    await expect(screen.client.call('replay.open', { recording: 'none' })).rejects.toMatchObject({
      code: 'recording.unknown',
    });
    expect(screen.state.replays.map(({ id }) => id)).toEqual([]);
    stop();
  });

  test('all screens see it; it goes with the screen that opened it; four at once', async () => {
    const other = await lab.screen('other');
    const ids = [(await open(other)).id, (await open(other)).id, (await open()).id, (await open()).id];
    await expect(open()).rejects.toMatchObject({ code: 'call.limit' });
    await screen.until('four replays', ({ replays }) => replays.length === 4);
    const seen = await watch(screen, ids[0] ?? '', [channel], { kind: 'raw' });
    await screen.client.call('replay.set', { replay: ids[0] ?? '', speed: 'max', play: true });
    await expect.poll(() => rowsOf(seen.blocks).size, PATIENT).toBe(recorded.size);
    seen.stop();
    other[Symbol.dispose]();
    await screen.until('the other screen took its replays along', ({ replays }) => replays.length === 2);
    expect(screen.state.replays.map(({ id }) => id)).toEqual(ids.slice(2));
    for (const id of ids.slice(2)) await screen.client.call('replay.close', { replay: id });
  });
});

describe('nothing real happens', () => {
  const rule: AlarmRule = {
    id: 'always',
    name: 'always',
    channel: '',
    condition: { kind: 'above', limit: -1e9 },
    hysteresis: 0,
    delayS: 0,
    latch: false,
    severity: 'critical',
    actions: ['outputs.off', 'recording.start', 'notify', 'mark'],
    enabled: true,
  };

  test('a rule of the bench raises in the replay, and switches, records and notifies nothing', async () => {
    // The instrument is away: the rule has nothing live to look at.
    await screen.client.call('instrument.close', { instrument: daq });
    await screen.client.call('alarm.set', { rule: { ...rule, channel } });
    const { id, rules } = await open();
    expect(rules.map((each) => each.id)).toEqual(['always']);
    const before = { notices: lab.host.notices.length, events: screen.state.events.length };
    await screen.client.call('replay.set', { replay: id, speed: 'max', play: true });
    const { alarms, happened } = await untilReplay(screen, id, 'ended');
    const [firstNs] = [...recorded.values()].map(({ timeNs }) => timeNs);
    expect(alarms).toMatchObject([
      {
        rule: 'always',
        state: 'active',
        did: [
          'replay: would have switched the outputs off',
          'replay: would have started a recording',
          'replay: shown here only',
          'replay: marked here only',
        ],
      },
    ]);
    expect(Math.abs(Number(BigInt(alarms[0]?.sinceNs ?? 0) - (firstNs ?? 0n)))).toBeLessThanOrEqual(10);
    expect(happened.map(({ text }) => text)).toEqual([expect.stringContaining('always: raised')]);
    expect(screen.state.outputsOff).toBeNull();
    expect(screen.state.recording.state).toBe('idle');
    expect(screen.state.alarms.find((alarm) => alarm.rule === 'always')?.state).toBe('normal');
    expect({ notices: lab.host.notices.length, events: screen.state.events.length }).toEqual(before);
    await screen.client.call('alarm.remove', { rule: 'always' });
    await screen.until(
      'the rule is gone from the replay',
      ({ replays }) => replays.find((replay) => replay.id === id)?.rules.length === 0,
    );
    await screen.client.call('replay.close', { replay: id });
  });

  test('a recording that runs beside a replay holds nothing of it', async () => {
    daq = await screen.attach(lab.resource('daq'));
    const { id, toNs } = await open();
    await screen.client.call('recording.start', { name: 'beside' });
    await screen.client.call('replay.set', { replay: id, speed: 'max', play: true });
    await untilReplay(screen, id, 'ended');
    await screen.untilValue(channel, () => true);
    const beside = await screen.client.call('recording.stop', {});
    const info = await screen.client.call('recording.info', { recording: beside.recording });
    expect(BigInt(info.fromNs) > BigInt(toNs)).toBe(true);
    await screen.client.call('replay.close', { replay: id });
  });

  test('compared with live, live channels come beside the recorded ones', async () => {
    const { id, toNs } = await open();
    await screen.client.call('replay.set', { replay: id, compare: true, play: true });
    const seen = await watch(screen, id, [`live:${channel}`, channel], { kind: 'raw' });
    const { streams } = await screen.until('a live stream', ({ replays }) =>
      replays.find(
        (replay) => replay.id === id && replay.streams.some(({ instrument }) => instrument === `live:${daq}`),
      ),
    );
    const live = streams.find(({ instrument }) => instrument === `live:${daq}`)?.id;
    await expect
      .poll(() => seen.blocks.filter(({ kind, stream }) => kind === 'raw' && stream === live).length, PATIENT)
      .toBeGreaterThan(3);
    for (const block of seen.blocks) if (block.kind === 'raw') expect(block.batch.t0Ns <= BigInt(toNs)).toBe(true);
    seen.stop();
    await screen.client.call('replay.close', { replay: id });
  });
});

test('opened and closed a hundred times, also by screens that go while it opens: nothing stays', async () => {
  for (let round = 0; round < 100; round++) {
    if (round % 10 === 0) {
      const passing = await lab.screen('passing');
      const opening = open(passing).catch(() => undefined);
      passing[Symbol.dispose]();
      await opening;
      continue;
    }
    const { id } = await open();
    await screen.client.call('replay.set', { replay: id, speed: 'max', play: true });
    await screen.client.call('replay.close', { replay: id });
  }
  await screen.until('no replay', ({ replays }) => replays.length === 0);
  await expect.poll(() => openScopes().filter((name) => name.startsWith('replay')), PATIENT).toEqual([]);
});
