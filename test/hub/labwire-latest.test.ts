import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LabwireFrame } from '../../src/protocol/lab/labwire-frame.ts';
import { RowLog } from '../lab/row-log.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, compareRows, feed, keyOf, openHubClient, trueRows } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
let token: string;
let key: string;
let wish: Record<string, unknown>;

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply', 'daq'] });
  token = await lab.token('developer');
  await lab.screen.until('streams', ({ streams }) => new Set(streams.map(({ instrument }) => instrument)).size === 2);
  await feed(lab, keyOf(lab, 'ps').info.instrument);
  const daq = lab.bench.equipment.find(({ type }) => type === 'data_acquisition');
  const name = daq?.streams[0]?.name ?? '';
  key = `${daq?.id}/${name}`;
  wish = { equipment_id: daq?.id, stream_type: name, interval_ms: 0 };
});

afterAll(() => lab[Symbol.asyncDispose]());

/** A client that takes all it gets. */
async function enter(hello: Record<string, unknown> = {}): Promise<LabwireProbe> {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await probe.hello(hello);
  acknowledge(probe);
  return probe;
}

function acknowledge(probe: LabwireProbe): void {
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
}

const endOf = (frame: LabwireFrame | undefined): number => (frame ? frame.seq + frame.rows : 0);
const lastOf = ({ frames }: LabwireProbe): number => endOf(frames.at(-1)) - 1;

/** Until rows have come to `fast` that are so many beyond what `slow` has: its window is full. */
async function untilBehind(slow: LabwireProbe, fast: LabwireProbe, rows: number): Promise<void> {
  await slow.until('a first frame', () => slow.frames.length > 0);
  await fast.until('the slow one is behind', () => lastOf(fast) > lastOf(slow) + rows, 60_000);
}

/** The first rows after more than 10,000 that were left out. */
function afterHole(slow: LabwireProbe): Promise<LabwireFrame> {
  return slow.until('rows after the hole', () => slow.frames.find(({ skipped }) => (skipped?.n ?? 0) > 10_000));
}

test('delivery latest: what a client did not take is replaced by the newest value in its place and counted; nothing waits', async () => {
  const fast = await enter({ desired: [wish] });
  const slow = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await slow.hello();
  slow.say({ type: 'start_stream', id: 1, ...wish, delivery: 'latest' });
  const started = await slow.of('stream_started');
  expect(started).toMatchObject({ re: 1, delivery: 'latest' });
  // Nothing is acknowledged: the window fills, and then rows only take each other's place.
  await untilBehind(slow, fast, 20_000);
  const known = lastOf(fast);
  acknowledge(slow);
  const next = await afterHole(slow);
  expect(next.rows).toBe(1);
  expect(next.seq).toBeGreaterThanOrEqual(known);
  const before = slow.frames[slow.frames.indexOf(next) - 1];
  expect(next.skipped).toEqual({ n: next.seq - endOf(before), reason: 'conflated' });
  const seen = checkSequence(slow.order, key, started.handle as number, started.seq as number);
  expect(Object.keys(seen.skipped)).toEqual(['conflated']);
  expect(slow.frames.every(({ rows }) => rows === 1)).toBe(true);
  const stats = await slow.ask({ type: 'get_stats', id: 's' });
  const ledger = (stats.streams as Record<string, Record<string, number>>)[key] ?? {};
  const { produced = 0, delivered = 0, conflated = 0, decimated = 0, dropped = 0, queued = 0, inFlight = 0 } = ledger;
  expect(produced).toBe(delivered + conflated + decimated + dropped + queued + inFlight);
  expect(conflated).toBeGreaterThanOrEqual(20_000);
  expect(dropped + decimated).toBe(0);
  expect(queued).toBeLessThanOrEqual(1);
  // Changed on the stream as it stands: every row again.
  await slow.ask({ type: 'start_stream', id: 2, ...wish, delivery: 'stream' });
  const from = slow.frames.length;
  await slow.until('frames of many rows', () => slow.frames.slice(from).some(({ rows }) => rows > 20));
  checkSequence(slow.order, key, started.handle as number, started.seq as number);
  await Promise.all([fast.end(), slow.end()]);
});

test('max_age_ms: rows that became too old while they waited are left out, and the next one says how many', async () => {
  const fast = await enter({ desired: [wish] });
  const slow = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await slow.hello({ desired: [{ ...wish, max_age_ms: 300 }] });
  const started = await slow.of('stream_started');
  expect(started).toMatchObject({ delivery: 'stream', max_age_ms: 300 });
  await untilBehind(slow, fast, 20_000);
  const newest = fast.frames.at(-1);
  const newestNs = (newest?.t0Ns ?? 0n) + BigInt(Math.round(((newest?.rows ?? 1) - 1) * (newest?.dtS ?? 0) * 1e9));
  acknowledge(slow);
  const next = await afterHole(slow);
  expect(next.skipped?.reason).toBe('expired');
  // When its turn came the newest row of the other was known: none is older than it by more than was said, and by what the clock of the device is ahead.
  expect(next.t0Ns).toBeGreaterThanOrEqual(newestNs - 400_000_000n);
  checkSequence(slow.order, key, started.handle as number, started.seq as number);
  await Promise.all([fast.end(), slow.end()]);
});

test('delivery latest over a cut: the answer is a snapshot, nothing is sent again, and what was between is counted', async () => {
  const first = await enter({ desired: [{ ...wish, delivery: 'latest' }] });
  await first.until('rows', () => first.frames.length > 10);
  const { epoch } = await first.of('stream_started');
  const { resume } = (await first.of('connected')) as unknown as { resume: { token: string } };
  const last = lastOf(first);
  first.socket.terminate();
  const other = await enter({ desired: [wish] });
  await other.until('time passes', () => lastOf(other) > last + 5000, 60_000);
  const known = lastOf(other);
  const again = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await again.hello({
    desired: [{ ...wish, delivery: 'latest' }],
    resume: { token: resume.token, streams: [{ key, epoch, seq: last }] },
  });
  expect(connected).toMatchObject({ reconnected: true, streams: [{ key, result: 'snapshot', seq: last + 1, n: 0 }] });
  acknowledge(again);
  await again.until('the newest', () => again.frames.length > 3);
  expect(again.heard.some(({ type }) => type === 'gap')).toBe(false);
  expect(again.frames[0]?.seq).toBeGreaterThanOrEqual(known);
  expect(again.frames[0]?.skipped?.reason).toBe('conflated');
  const { handle } = await again.of('stream_started');
  expect(checkSequence(again.order, key, handle as number, last + 1).replayed).toBe(0);
  await Promise.all([other.end(), again.end()]);
});

test('delivery latest as text: one row at a time, what was left out is said in it', async () => {
  const probe = await enter({ accept: { ack: true }, desired: [{ ...wish, delivery: 'latest' }] });
  const rows = (): LabwireProbe['heard'] => probe.heard.filter(({ type }) => type === 'stream_data');
  await probe.until('rows', () => rows().length > 30);
  const seen = checkSequence(probe.order, key, -1, (await probe.of('stream_started')).seq as number);
  expect(seen.skipped.conflated).toBeGreaterThan(0);
  expect(Object.keys(seen.skipped)).toEqual(['conflated']);
  await probe.end();
});

test('our own client: a display takes the newest rows and loses none by it; who wants every row has it for both', async () => {
  const { key: polled, info } = keyOf(lab, 'ps');
  await using host = openHubClient(new URL(lab.url()).host, { token });
  const [equipment = '', stream = ''] = key.split('/');
  const shown = new RowLog();
  const display = host.client.openStream(equipment, stream, 0, shown, { delivery: 'latest' });
  await expect.poll(() => shown.count).toBeGreaterThan(20);
  expect(display.stats).toMatchObject({ lost: 0, unaccounted: 0 });
  expect(host.client.traffic).toMatchObject({ unaccounted: 0, malformed: 0, dropped: 0 });
  expect((display.stats as unknown as { thinned: number }).thinned).toBeGreaterThan(1000);
  await display[Symbol.asyncDispose]();
  const [supply = '', readings = ''] = polled.split('/');
  const [one, other] = [new RowLog(), new RowLog()];
  const lazy = host.client.openStream(supply, readings, 0, one, { delivery: 'latest', maxAgeMs: 1 });
  const whole = host.client.openStream(supply, readings, 0, other);
  await expect.poll(() => other.count).toBeGreaterThan(15);
  const numbers = compareRows(other, await trueRows(lab, info));
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  await whole[Symbol.asyncDispose]();
  await lazy[Symbol.asyncDispose]();
});
