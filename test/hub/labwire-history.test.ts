import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeColumns } from '../../src/protocol/lab/labwire-columns.ts';
import { FRAME_FLAG } from '../../src/protocol/lab/labwire-frame.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { feed, isSame, keyOf, trueRows } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
let token: string;
let key: string;

interface Page {
  key: string;
  epoch: number;
  schema: { channels: string[] };
  rows: (number | null)[][];
  states: [number, number, string][];
  missing: { from: number; to: number; reason: string }[];
  next?: number;
}

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply'] });
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  const found = keyOf(lab, 'ps');
  key = found.key;
  await feed(lab, found.info.instrument);
  token = await lab.token('viewer');
  await lab.screen.untilValue(`${found.info.instrument}/ch1.voltage`, (value) => value > 4);
  let rows = 0;
  await lab.screen.watch([`${found.info.instrument}/ch1.voltage`], { kind: 'raw' }, (block) => {
    if (block.kind === 'raw') rows += block.batch.rows;
    return rows > 20;
  });
});

afterAll(() => lab[Symbol.asyncDispose]());

async function read(query: Record<string, number> = {}, as = token): Promise<{ status: number; page: Page }> {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const answer = await fetch(`${lab.url()}/api/v1/streams/${encodeURIComponent(key)}/history?${search}`, {
    headers: as === '' ? {} : { authorization: `Bearer ${as}` },
  });
  return { status: answer.status, page: (await answer.json()) as Page };
}

test('REST: rows by their numbers, though nobody holds the stream: they are the engine’s own', async () => {
  const { info } = keyOf(lab, 'ps');
  const truth = await trueRows(lab, info);
  const last = Math.max(...truth.keys());
  const first = Math.min(...truth.keys());
  expect(lab.bench.feeds.size).toBe(0);
  for (const [from, to] of [
    [first, last],
    [last - 5, last - 2],
    [first + 3, first + 3],
  ] as const) {
    const { status, page } = await read({ epoch: info.epoch, from, to });
    expect(status).toBe(200);
    expect(page).toMatchObject({ key, epoch: info.epoch, missing: [] });
    expect(page.rows.map(([seq]) => seq)).toEqual(Array.from({ length: to - from + 1 }, (_, index) => from + index));
    for (const [seq, t, ...values] of page.rows) {
      const known = truth.get(seq ?? -1);
      expect(
        isSame(
          (known?.values ?? []).map((value) => (Number.isFinite(value) ? value : 0)),
          values.map((value) => value ?? 0),
        ),
      ).toBe(true);
      expect(Math.abs((t ?? 0) - Number(known?.timeNs ?? 0n) / 1000)).toBeLessThanOrEqual(1);
    }
  }
  expect(lab.bench.feeds.size).toBe(0);
});

test('REST: pages follow each other; what never was is named as missing; without a range the newest row', async () => {
  const { info } = keyOf(lab, 'ps');
  const { page: whole } = await read({ epoch: info.epoch, from: 0, to: 15 });
  const { page: one } = await read({ epoch: info.epoch, from: 0, to: 15, limit: 6 });
  expect(one.rows).toHaveLength(6);
  expect(one.next).toBe((one.rows.at(-1)?.[0] ?? 0) + 1);
  const { page: two } = await read({ epoch: info.epoch, from: one.next ?? 0, to: 15 });
  expect([...one.rows, ...two.rows]).toEqual(whole.rows);
  const { page: newest } = await read();
  expect(newest.rows).toHaveLength(1);
  expect(newest.rows[0]?.[0]).toBeGreaterThan(15);
  const { page: other } = await read({ epoch: 5, from: 0, to: 3 });
  expect(other).toMatchObject({ rows: [], missing: [{ from: 0, to: 3 }] });
  const { page: future } = await read({ epoch: info.epoch, from: 1_000_000, to: 1_000_010 });
  expect(future).toMatchObject({ rows: [], missing: [{ from: 1_000_000, to: 1_000_010 }] });
});

test('REST: who may not read values is refused; numbers that are none are 422', async () => {
  expect((await read({}, '')).status).toBe(403);
  expect((await read({ from: -1 })).status).toBe(422);
  const answer = await fetch(`${lab.url()}/api/v1/streams/${encodeURIComponent('ps_0/readings')}/history`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.status).toBe(404);
});

test('by message: rows before the answer, flagged as replay, also those from before the client came', async () => {
  const { info } = keyOf(lab, 'ps');
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const [equipment_id, stream_type] = key.split('/');
  await probe.hello({ desired: [{ equipment_id, stream_type }] });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  await probe.until('rows', () => probe.frames.length > 2);
  const live = probe.frames[0]?.seq ?? 0;
  const answer = await probe.ask({ type: 'history', id: 1, key, epoch: info.epoch, from: live - 8, to: live + 1 });
  expect(answer).toMatchObject({ type: 'history', key, epoch: info.epoch, n: 10, missing: [] });
  const truth = await trueRows(lab, info);
  const replayed = probe.frames.filter(({ flags }) => flags & FRAME_FLAG.replay);
  const numbers = replayed.flatMap((frame) => Array.from({ length: frame.rows }, (_, row) => frame.seq + row));
  expect(numbers).toEqual(Array.from({ length: 10 }, (_, index) => live - 8 + index));
  for (const frame of replayed) {
    const { columns } = decodeColumns(frame, { dtype: 'f64' }, (bytes) => bytes);
    for (let row = 0; row < frame.rows; row++)
      expect(
        isSame(
          truth.get(frame.seq + row)?.values ?? [],
          columns.map((column) => column[row] ?? Number.NaN),
        ),
      ).toBe(true);
  }
  expect(probe.order.indexOf(answer)).toBeGreaterThan(Math.max(...replayed.map((frame) => probe.order.indexOf(frame))));
  expect(await probe.ask({ type: 'history', id: 2, key, epoch: 5, from: 0, to: 9 })).toMatchObject({
    n: 0,
    missing: [{ from: 0, to: 9 }],
  });
  expect(await probe.ask({ type: 'history', id: 3, key: 'ps_0/readings', epoch: 5, from: 0, to: 9 })).toMatchObject({
    type: 'error',
    code: 'not_found',
  });
  await probe.end();
});
