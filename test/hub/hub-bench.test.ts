import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { HubBench } from '../../src/hub/bench/hub-bench.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import type { LabScreen } from '../lab/lab-screen.ts';

const scope = new Scope('shared bench');
let lab: Lab;
let screen: LabScreen;
let bench: HubBench;

beforeAll(async () => {
  lab = scope.use(await openLab());
  screen = await lab.screen('hub');
  bench = scope.use(
    await HubBench.open({
      client: screen.client,
      clock: createSystemClock(),
      onFault: (error) => {
        throw error;
      },
    }),
  );
  await screen.client.call('instrument.open', { resource: lab.resource('supply') });
  await screen.until('the supply is live', ({ instruments }) => instruments[0]?.state === 'live');
});

afterAll(() => scope[Symbol.asyncDispose]());

test('equipment has an id without secrets, its type, channels and streams', () => {
  const [supply] = bench.equipment;
  expect(supply?.id).toMatch(/^ps_[0-9a-f]{8}$/);
  expect(supply?.type).toBe('power_supply');
  expect(supply?.channels.length).toBeGreaterThan(3);
  expect(supply?.streams.map(({ name }) => name)).toContain('readings');
  expect(bench.find(supply?.id ?? '')).toBe(supply);
  expect(() => bench.find('ps_00000000')).toThrow(expect.objectContaining({ code: 'hub.no-equipment' }));
});

test('101 one reading of a stream for any number of holders, who see the same rows; the last one to leave ends it', async () => {
  const key = bench.equipment[0]?.streams.find(({ name }) => name === 'readings')?.info.key ?? '';
  const seen: number[][] = [[], []];
  const holds = seen.map((rows) => {
    const hold = bench.hold(key, {
      rows: () => void rows.push(hold.feed.endRow),
      reset: () => {},
      ended: () => {},
    });
    return hold;
  });
  expect(bench.feeds.size).toBe(1);
  expect(holds[0]?.feed).toBe(holds[1]?.feed);
  await expect.poll(() => seen.every((rows) => rows.length >= 5)).toBe(true);
  const [first, second] = seen;
  expect(first?.slice(0, 5)).toEqual(second?.slice(0, 5));
  const feed = holds[0]?.feed;
  expect(feed?.endRow).toBeGreaterThan(feed?.firstRow ?? 0);
  for (const hold of holds) hold[Symbol.dispose]();
  expect(bench.feeds.size).toBe(0);
});

test('newest values are there at the first question', async () => {
  const channels = bench.equipment[0]?.channels.map(({ id }) => id) ?? [];
  const values = await bench.latest.read(channels);
  expect(values.size).toBe(channels.length);
  for (const { timeNs } of values.values()) expect(timeNs).toBeGreaterThan(1_600_000_000_000_000_000n);
});

test('a stream that is none is said', () => {
  expect(() => bench.hold('nobody/readings', { rows() {}, reset() {}, ended() {} })).toThrow(
    expect.objectContaining({ code: 'hub.no-stream' }),
  );
});

test('101 the instrument is polled at the rate of its fastest client, as long as that one is there, and no row is lost by the change', async () => {
  const info = bench.equipment[0]?.streams.find(({ name }) => name === 'readings')?.info;
  const asked = (): number => bench.state.channels.find(({ stream }) => stream === info?.key)?.rateAskedHz ?? 0;
  const before = asked();
  const ears = { rows() {}, reset() {}, ended() {} };
  const slow = bench.hold(info?.key ?? '', ears, 1);
  await expect.poll(() => slow.feed.endRow > slow.feed.beginRow).toBe(true);
  const from = slow.feed.beginRow;
  const fast = bench.hold(info?.key ?? '', ears, before * 2);
  await expect.poll(asked).toBe(before * 2);
  await expect.poll(() => slow.feed.endRow - from).toBeGreaterThan(20);
  expect(slow.feed.gapsIn(from, slow.feed.endRow)).toEqual([]);
  fast[Symbol.dispose]();
  await expect.poll(asked).toBe(before);
  slow[Symbol.dispose]();
});
