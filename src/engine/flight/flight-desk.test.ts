import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { openScopes } from '../../core/scope.ts';
import { rampCode } from '../../simulator/daq/signal.ts';
import { readExchanges } from '../recording/recorded-exchanges.ts';
import { openRecording, type Recording } from '../recording/recording.ts';

/** The flight recorder through the contract, on a real engine with a simulated digitizer. */
let lab: Lab;
let screen: LabScreen;
let daq = '';
let supply = '';
let firstRunNs = 0n;

const call: LabScreen['client']['call'] = (name, input, options) => screen.client.call(name, input, options);

beforeAll(async () => {
  lab = await openLab();
  screen = await lab.screen();
  for (const text of ['RATE 20000', 'SIGN RAMP']) await call('resource.query', { resource: lab.resource('daq'), text });
  daq = await screen.attach(lab.resource('daq'));
  supply = await screen.attach(lab.resource('supply'));
  firstRunNs = await rowsCame(30_000);
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

/** Resolves when so many rows of the digitizer have come; gives the time of the first. */
async function rowsCame(rows: number): Promise<bigint> {
  let fromNs: bigint | undefined;
  let seen = 0;
  const channel = await screen.until(
    'its channels',
    ({ channels }) => channels.find((one) => one.instrument === daq)?.id,
  );
  await screen.watch([channel], { kind: 'raw' }, (block) => {
    if (block.kind !== 'raw') return false;
    fromNs ??= block.batch.t0Ns;
    seen += block.batch.rows;
    return seen >= rows;
  });
  return fromNs ?? 0n;
}

/** Rows of the digitizer: without a hole, each with the value its number demands. */
async function checkRamp(recording: Recording): Promise<{ rows: number; firstRow: number; endRow: number }> {
  const stream = recording.streams.find(
    ({ info, rows }) => info.instrument === daq && info.kind === 'regular' && rows > 0,
  );
  if (!stream) throw new Error('the digitizer is not in the recording');
  const scale = stream.info.columns[0]?.scale ?? 1;
  let next: number | undefined;
  for await (const batch of recording.batches({ streams: [stream.info.id] })) {
    expect(batch.seq).toBe((next ?? batch.seq) + (next === undefined ? 0 : batch.lost));
    next = batch.seq + batch.rows;
    for (let row = 0; row < batch.rows; row += 97) {
      expect(batch.columns[0]?.[row]).toBeCloseTo(rampCode(batch.seq + row, 0) * scale, 3);
    }
  }
  return { rows: stream.rows, firstRow: stream.firstRow, endRow: next ?? 0 };
}

async function verified(row: RecordingRow): Promise<void> {
  const report = await call('recording.verify', { recording: row.id });
  expect(report.problems).toEqual([]);
}

test('it runs from the start, and says what it keeps', async () => {
  const flight = await screen.until('it records', ({ flight }) => flight.state === 'recording' && flight);
  expect(flight).toMatchObject({ limitBytes: 2 * 1024 ** 3, reason: '' });
  expect((await readdir(join(lab.folder, 'flight'))).some((name) => name.startsWith('flight'))).toBe(true);
});

test('a recording with seconds before its start holds them, and joins the present without a row twice or missing', async () => {
  const { recording } = await call('recording.start', { name: 'with past', preTriggerS: 1, tags: ['trigger'] });
  await rowsCame(20_000);
  const { paths } = await call('recording.stop', {});
  expect(paths.map((path) => path.slice(path.lastIndexOf('/') + 1))).toEqual(['with past-0002.mcap']);
  const { recordings } = await call('recording.list', {});
  const row = recordings.find(({ id }) => id === recording);
  expect(row).toMatchObject({ state: 'complete', name: 'with past', tags: ['trigger'] });
  expect(row?.paths).toHaveLength(2);
  if (row) await verified(row);
  await using opened = await openRecording(row?.paths[0] ?? '');
  const { rows } = await checkRamp(opened);
  // A second before, and what came since.
  expect(rows).toBeGreaterThan(39_000);
  const beforeS = Number(opened.info.startedNs - opened.info.fromNs) / 1e9;
  expect(beforeS).toBeGreaterThan(0.9);
  expect(beforeS).toBeLessThanOrEqual(1);
  expect(opened.info.events.filter(({ kind }) => kind === 'start').map(({ text }) => text)).toEqual([
    expect.stringContaining('from the flight recorder'),
    'Recording started',
  ]);
});

test('the last minutes become a recording while another one runs', async () => {
  await call('recording.start', { name: 'beside' });
  await call('instrument.query', { instrument: supply, text: '*IDN?' });
  await call('note.add', { text: 'look here' });
  const row = await call('recording.saveLast', { minutes: 10, tags: ['good'], notes: 'it smoked', operator: 'Ana' });
  expect(row).toMatchObject({
    state: 'complete',
    operator: 'Ana',
    name: expect.stringMatching(/^Bench 1 last 10 min \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d$/),
    tags: ['good'],
    notes: expect.stringMatching(/^it smoked\nThe last 10 min were asked for; the flight recorder held \d+ s\.$/),
    reason: expect.stringContaining('were asked for'),
    instruments: expect.arrayContaining([daq, supply]),
  });
  const { samples, lost } = await call('recording.stop', {});
  expect([samples > 0, lost]).toEqual([true, 0]);
  await verified(row);
  const info = await call('recording.info', { recording: row.id });
  expect(info).toMatchObject({ complete: true, missing: '' });
  expect(info.events.map(({ text }) => text)).toEqual(expect.arrayContaining(['look here']));
  await using opened = await openRecording(row.paths[0] ?? '');
  expect((await checkRamp(opened)).rows).toBeGreaterThan(50_000);
  const texts: string[] = [];
  for await (const { text, instrument } of readExchanges(opened)) if (instrument === supply) texts.push(text);
  expect(texts).toContain('*IDN?');
  expect(screen.state.jobs.find(({ kind }) => kind === 'save-last')).toMatchObject({ state: 'done', label: row.name });
});

test('switched off and on: at once', async () => {
  await call('settings.set', { flight: false });
  await screen.until('off', ({ flight }) => flight.state === 'off');
  await rowsCame(2000);
  const told: string[] = [];
  const stopHearing = screen.client.on('event.happened', ({ event }) => void told.push(event.text));
  const started = await call('recording.start', { name: 'while it is off', preTriggerS: 1 });
  const recording = started.recording ?? '';
  await call('recording.stop', {});
  stopHearing();
  // Whether it still has rows of that second depends on how long it has been off.
  const missing = /seconds before .*The flight recorder is off: what came since is missing\.$/;
  expect(told).toContainEqual(expect.stringMatching(missing));
  expect((await call('recording.verify', { recording })).problems).toEqual([]);
  await call('settings.set', { flight: true });
  await screen.until('on', ({ flight }) => flight.state === 'recording');
  await rowsCame(5000);
  await call('settings.set', { operator: 'Ben' });
  const row = await call('recording.saveLast', { minutes: 10, name: 'over the pause' });
  expect(row.operator).toBe('Ben');
  await verified(row);
  const saved = await call('recording.info', { recording: row.id });
  expect(saved.gaps.map(({ reason }) => reason)).toContain('The flight recorder was off');
});

test('after a restart of the engine what was measured before is in the history, and can be saved', async () => {
  await screen.until('nothing runs', ({ jobs }) => jobs.every(({ state }) => state !== 'running'));
  const beforeNs = BigInt(Date.now()) * 1_000_000n;
  await lab.restart();
  screen = await lab.screen();
  await screen.untilState(daq, 'live');
  await rowsCame(1000);
  const channel = screen.state.channels.find(({ instrument }) => instrument === daq)?.id ?? '';
  let columns = 0;
  const stop = screen.client.onFrame((bytes) => {
    for (const block of viewFrame(bytes).blocks) {
      if (block.kind === 'columns' && block.isReply && block.id === 77) columns += block.columns.length;
    }
  });
  const range = { fromNs: String(firstRunNs), toNs: String(beforeNs) };
  const answer = await call('history.read', { request: 77, origin: 'live', channels: [channel], width: 500, ...range });
  stop();
  expect(answer).toMatchObject({ exact: true, nextNs: null });
  expect(columns).toBeGreaterThanOrEqual(250);
  const live = new Set(screen.state.streams.map(({ id }) => id));
  expect(answer.streams.some(({ id }) => live.has(id))).toBe(false);

  const row = await call('recording.saveLast', { minutes: 5, name: 'both runs' });
  await verified(row);
  const info = await call('recording.info', { recording: row.id });
  expect(BigInt(info.fromNs)).toBeLessThan(beforeNs);
  expect(BigInt(info.toNs)).toBeGreaterThan(beforeNs);
});
