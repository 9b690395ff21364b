import { afterEach, expect, test } from 'vitest';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openHub } from '../../src/hub/hub.ts';
import { createHubLog } from '../../src/hub/hub-log.ts';
import { decodeColumns } from '../../src/protocol/lab/labwire-columns.ts';
import type { LabwireFrame } from '../../src/protocol/lab/labwire-frame.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, compareRows, feed, keyOf, openHubClient, trueRows } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;

afterEach(() => lab[Symbol.asyncDispose]());

async function open(attach: string[]): Promise<string> {
  lab = await openHubLab({ attach });
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  return lab.token('developer');
}

test('the rate of a streaming device changes: its numbering begins anew, and everything of both is there', async () => {
  const token = await open(['daq']);
  const equipment = lab.bench.equipment[0];
  const name = equipment?.streams[0]?.name ?? '';
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await probe.hello({ desired: [{ equipment_id: equipment?.id, stream_type: name }] });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  const started = await probe.of('stream_started');
  await probe.until('rows', () => probe.frames.length > 3);
  const before = equipment?.streams[0]?.info.rateHz ?? 0;
  await lab.screen.client.call('instrument.set', {
    instrument: equipment?.instrument.id ?? '',
    control: 'rate',
    value: before / 2,
  });
  const reset = await probe.of('stream_reset');
  expect(reset).toMatchObject({ handle: started.handle, schema: { dt: 2 / before } });
  expect(reset.epoch).toBeGreaterThan(started.epoch as number);
  const at = probe.frames.length;
  await probe.until('rows of the new one', () => probe.frames.length > at + 3);
  const { key } = keyOf(lab, 'daq', name);
  const seen = checkSequence(probe.order, key, started.handle as number);
  expect(seen.skipped).toEqual({});
  // Rows that still waited when it happened are named; they are in the past like the others.
  const gaps = probe.heard.filter(({ type }) => type === 'gap');
  expect(gaps.filter(({ reason }) => reason !== 'The stream began anew.')).toEqual([]);
  // The old numbering is still to be had over REST, row by row as it was sent.
  const old = probe.frames.filter((frame) => probe.order.indexOf(frame) < probe.order.indexOf(reset));
  const from = old[0]?.seq ?? 0;
  const search = new URLSearchParams({ epoch: String(started.epoch), from: String(from), to: String(from + 9) });
  const answer = await fetch(`${lab.url()}/api/v1/streams/${encodeURIComponent(key)}/history?${search}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const page = (await answer.json()) as { epoch: number; rows: (number | null)[][]; missing: unknown[] };
  expect(page).toMatchObject({ epoch: started.epoch, missing: [] });
  expect(page.rows.map(([seq]) => seq)).toEqual(Array.from({ length: 10 }, (_, index) => from + index));
  const first = decodeColumns(old[0] as LabwireFrame, { dtype: 'f32' }, (bytes) => bytes);
  expect(page.rows[0]?.slice(2)).toEqual(first.columns.map((column) => column[0]));
  await probe.end();
});

test('the instrument is taken away and comes again: stopped, and started by itself, because it is still wanted', async () => {
  const token = await open(['supply']);
  const { key, info } = keyOf(lab, 'ps');
  const [equipment_id, stream_type] = key.split('/');
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await probe.hello({ desired: [{ equipment_id, stream_type }, { channel: 'status' }] });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  await probe.until('rows', () => probe.frames.length > 3);
  await lab.screen.client.call('instrument.close', { instrument: info.instrument });
  expect(await probe.of('stream_stopped')).toMatchObject({ key });
  await probe.until('it is told', () => probe.heard.some(({ event_type }) => event_type === 'instrument.removed'));
  const from = probe.heard.length;
  const rows = probe.frames.length;
  await lab.screen.client.call('instrument.open', { resource: lab.lab.resource('supply') });
  const again = await probe.of('stream_started', from);
  expect(again).toMatchObject({ key });
  await probe.until('rows again', () => probe.frames.length > rows + 3);
  checkSequence(probe.order.slice(probe.order.indexOf(again)), key, again.handle as number);
  await probe.end();
});

test('a hub that says goodbye begins no stream anew, whatever happens at the bench meanwhile', async () => {
  const token = await open(['supply']);
  const { key, info } = keyOf(lab, 'ps');
  await feed(lab, info.instrument);
  const [equipment_id, stream_type] = key.split('/');
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  await probe.hello({ desired: [{ equipment_id, stream_type }] });
  await probe.until('rows', () => probe.frames.length > 3);
  // Without acknowledgements the goodbye takes as long as it may.
  const closed = lab.hub.close({ reason: 'update', retryAfterS: 0 });
  await probe.of('reconnect');
  const [channel] = lab.screen.state.channels.filter(({ instrument }) => instrument === info.instrument);
  await lab.screen.client.call('channel.set', { channel: channel?.id ?? '', label: 'renamed' });
  await lab.bench.latest.read([channel?.id ?? '']);
  await closed;
  expect(probe.heard.filter(({ type }) => type === 'stream_started')).toHaveLength(1);
  await probe.end();
});

test('the hub is another process: the session is gone, the rows are not; our client has them from the past', async () => {
  const token = await open(['supply']);
  const { key, info } = keyOf(lab, 'ps');
  await feed(lab, info.instrument);
  const { host, port } = new URL(lab.url());
  await using own = openHubClient(host, { token });
  const { log, stream } = own.want(key, 0);
  await expect.poll(() => log.count > 10).toBe(true);
  const first = own.client.about.instance;
  await lab.hub.close({ reason: 'update', retryAfterS: 0 });
  const clock = createSystemClock();
  const hub = await openHub({
    clock,
    bench: lab.bench,
    access: lab.access,
    log: createHubLog(
      clock,
      (text) => text,
      () => {},
    ),
    id: 'hub-of-a-test',
    name: 'Test bench',
    version: '0.0.0-test',
    ports: [{ host: '127.0.0.1', port: Number(port), profile: 'native' }],
    drainMs: 500,
  });
  try {
    const before = log.count;
    await expect.poll(() => log.count > before + 15 && own.client.link.word === 'connected').toBe(true);
    expect(own.client.about.instance).not.toBe(first);
    const numbers = compareRows(log, await trueRows(lab, info));
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
    expect(stream.stats.filled + log.rowEntries.filter(({ source }) => source === 'polled').length).toBeGreaterThan(0);
  } finally {
    await hub[Symbol.asyncDispose]();
  }
});
