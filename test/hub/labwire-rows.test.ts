import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeColumns } from '../../src/protocol/lab/labwire-columns.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, compareRows, feed, isSame, keyOf, openHubClient, trueRows } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
let token: string;

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply', 'daq'] });
  token = await lab.token('developer');
  await lab.screen.until('streams', ({ streams }) => new Set(streams.map(({ instrument }) => instrument)).size === 2);
  await feed(lab, keyOf(lab, 'ps').info.instrument);
});

afterAll(() => lab[Symbol.asyncDispose]());

const hostOf = (): string => new URL(lab.url()).host;

test('101 108 two clients of our own at two rates: each row is one the engine has, the slow one lacks only what it did not ask for', async () => {
  const { key, info } = keyOf(lab, 'ps');
  await using fast = openHubClient(hostOf(), { token });
  await using slow = openHubClient(hostOf(), { token });
  const all = fast.want(key, 0);
  const some = slow.want(key, 1000);
  await expect.poll(() => all.log.count >= 40 && some.log.count >= 5).toBe(true);
  const truth = await trueRows(lab, info);
  const numbers = compareRows(all.log, truth);
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  const thinned = compareRows(some.log, truth);
  const timeOf = (seq: number | undefined): number => Number((truth.get(seq ?? -1)?.timeNs ?? 0n) / 1_000_000n) / 1000;
  // One a second by the times of the rows, however unevenly the instrument answered.
  expect(thinned.length).toBeLessThanOrEqual(timeOf(thinned.at(-1)) - timeOf(thinned[0]) + 2);
  const between = numbers.filter((seq) => seq >= (thinned[0] ?? 0) && seq <= (thinned.at(-1) ?? 0));
  expect(thinned.length).toBeLessThan(between.length);
  for (const { stream } of [all, some]) expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
  for (const { client } of [fast, slow])
    expect(client.traffic).toMatchObject({ malformed: 0, unaccounted: 0, dropped: 0 });
});

test('280 a streaming device: every sample arrives as it is, packed where its grid gives the float back, raw, and as text', async () => {
  const equipment = lab.bench.equipment.find(({ type }) => type === 'data_acquisition');
  const name = equipment?.streams[0]?.name ?? '';
  const { key, info } = keyOf(lab, 'daq', name);
  const forms = {
    packed: { binary: true, codecs: ['raw', 'i16d-rice'], ack: true },
    raw: { binary: true, codecs: ['raw'], ack: true },
    deflated: { binary: true, codecs: ['raw', 'deflate'], ack: true },
  };
  const probes = await Promise.all(
    Object.entries(forms).map(async ([form, accept]) => {
      const probe = new LabwireProbe(lab.socketUrl('/labwire'), { token });
      await probe.hello({ accept, desired: [{ equipment_id: equipment?.id, stream_type: name, interval_ms: 0 }] });
      probe.isAcking = true;
      probe.say({ type: 'ack', bytes: probe.bytes });
      return { form, probe, started: await probe.of('stream_started') };
    }),
  );
  await Promise.all(probes.map(({ probe }) => probe.until('rows', () => sum(probe) > 2000, 30_000)));
  // Of what has come by now: more comes while it is looked at.
  const taken = new Map(probes.map(({ probe }) => [probe, probe.frames.slice(0, 40)]));
  const truth = await trueRows(lab, info);
  for (const { form, probe, started } of probes) {
    const schema = started.schema as { channels: string[]; dtype: 'f32' | 'f64'; scale?: number[]; offset?: number[] };
    const seen = checkSequence(probe.order, key, started.handle as number);
    expect(seen.skipped).toEqual({});
    const grids = schema.scale?.map((scale, index) => ({ scale, offset: schema.offset?.[index] ?? 0 }));
    let checked = 0;
    for (const frame of taken.get(probe) ?? []) {
      const { columns, timesNs } = decodeColumns(frame, { dtype: schema.dtype, grids }, inflate);
      for (let row = 0; row < frame.rows; row++) {
        const known = truth.get(frame.seq + row);
        const values = columns.map((column) => column[row] ?? Number.NaN);
        expect(
          isSame(known?.values ?? [], values),
          `${form}, row ${frame.seq + row}: ${values} is ${known?.values}`,
        ).toBe(true);
        expect(Math.abs(Number((timesNs[row] ?? 0n) - (known?.timeNs ?? 0n)))).toBeLessThanOrEqual(2);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(500);
    if (form === 'raw') expect(new Set(probe.frames.map(({ codec }) => codec))).toEqual(new Set(['raw']));
    await probe.end();
  }
});

test('fewer samples of a streaming device: each so many one by its number, and what is between is skipped for the rate', async () => {
  const equipment = lab.bench.equipment.find(({ type }) => type === 'data_acquisition');
  const name = equipment?.streams[0]?.name ?? '';
  const { key, info } = keyOf(lab, 'daq', name);
  const probe = new LabwireProbe(lab.socketUrl('/api/v1/ws'), { token });
  await probe.hello();
  probe.isAcking = true;
  const started = await probe.ask({
    type: 'start_stream',
    id: 's',
    equipment_id: equipment?.id,
    stream_type: name,
    interval_ms: 50_000 / info.rateHz,
  });
  expect(started.interval_ms).toBeCloseTo(50_000 / info.rateHz, 6);
  await probe.until('rows', () => sum(probe) > 20, 30_000);
  const { numbers, skipped } = checkSequence(probe.order, key, started.handle as number);
  expect(numbers.every((seq) => seq % 50 === 0)).toBe(true);
  expect(Object.keys(skipped)).toEqual(['rate']);
  await probe.end();
});

test('a client without binary gets rows as text: missing is null, and the numbering holds', async () => {
  const { key, info } = keyOf(lab, 'ps');
  const [id, name] = key.split('/');
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await probe.hello({ accept: {}, desired: [{ equipment_id: id, stream_type: name }] });
  await probe.until('rows', () => probe.heard.filter(({ type }) => type === 'stream_data').length > 10, 30_000);
  const truth = await trueRows(lab, info);
  const { rows } = checkSequence(probe.order, key, -1);
  expect(rows).toBeGreaterThan(10);
  for (const said of probe.heard.filter(({ type }) => type === 'stream_data')) {
    const known = truth.get(said.seq as number);
    expect(said.data).toEqual(known?.values.map((value) => (Number.isFinite(value) ? value : null)));
    expect(Math.abs((said.t as number) - Number((known?.timeNs ?? 0n) / 1000n))).toBeLessThanOrEqual(1);
    expect(said.ep).toBe(info.epoch);
  }
  await probe.end();
});

function sum({ frames }: LabwireProbe): number {
  return frames.reduce((rows, frame) => rows + frame.rows, 0);
}
const inflate = (bytes: Uint8Array, maxBytes: number): Uint8Array =>
  inflateRawSync(bytes, { maxOutputLength: maxBytes });
