import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import type { PreflightCheck } from '../../contract/recording-schema.ts';
import type { HostServices } from '../host-services.ts';
import { emptyState } from '../state/empty-state.ts';
import { preflight, recordingBytesPerS } from './preflight.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-preflight-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function channel(name: string, rateGotHz: number, change: Partial<ChannelState> = {}): ChannelState {
  return {
    id: `daq/${name}`,
    instrument: 'daq',
    name,
    stream: 'daq/data',
    label: name,
    unit: 'V',
    shownUnit: 'V',
    scale: { gain: 1, offset: 0 },
    color: 1,
    resolution: null,
    rateAskedHz: 1000,
    rateGotHz,
    logIntervalS: null,
    recorded: true,
    ...change,
  };
}

function bench(change: Partial<BenchState> = {}): BenchState {
  const state = emptyState(folder);
  return {
    ...state,
    settings: { ...state.settings, recordingsFolder: join(folder, 'recordings'), diskReserveBytes: 0 },
    instruments: [{ id: 'daq', label: 'DAQ', state: 'live', waveforms: ['wave'] } as unknown as InstrumentState],
    channels: [channel('a', 1000), channel('b', 1000)],
    streams: [
      {
        id: 1,
        key: 'daq/data',
        instrument: 'daq',
        epoch: 1,
        kind: 'regular',
        columns: [
          { channel: 'a', unit: 'V' },
          { channel: 'b', unit: 'V' },
        ],
        rateHz: 1000,
      },
    ],
    ...change,
  };
}

const host = { host: 'node', unavailable: {} } as HostServices;

async function check(
  id: PreflightCheck['id'],
  state: BenchState,
  more: object = {},
): Promise<PreflightCheck | undefined> {
  const checks = await preflight({
    state,
    host,
    hours: 10,
    engineMs: 0,
    wallMs: 0,
    powerFolder: join(folder, 'power'),
    ...more,
  });
  return checks.find((one) => one.id === id);
}

test('what recording takes: values, and what a batch costs beside them', () => {
  // Two Float32 columns at 1 kHz are 8 kB/s; 60 batches of 130 bytes; a tenth on top.
  expect(recordingBytesPerS(bench())).toBeCloseTo((8000 + 60 * 130) * 1.1, 6);
  const thinned = bench({
    channels: [channel('a', 1000, { logIntervalS: 1 }), channel('b', 1000, { recorded: false, logIntervalS: 1 })],
  });
  expect(recordingBytesPerS(thinned)).toBeCloseTo((4 + 130) * 1.1, 6);
});

test('space is judged by the hours wanted', async () => {
  const perHour = recordingBytesPerS(bench()) * 3600;
  const free = (hours: number) => ({ freeBytes: async () => perHour * hours });
  expect(await check('space', bench(), free(9))).toMatchObject({
    verdict: 'bad',
    text: expect.stringContaining('9 h'),
  });
  expect(await check('space', bench(), free(12))).toMatchObject({ verdict: 'warning' });
  expect(await check('space', bench(), free(20))).toMatchObject({ verdict: 'good' });
  expect(await check('space', bench({ channels: [] }), free(20))).toMatchObject({ verdict: 'unknown' });
  expect(await check('space', bench(), { freeBytes: async () => undefined })).toMatchObject({ verdict: 'unknown' });
});

test('every channel must deliver, at about the rate asked', async () => {
  expect(await check('delivering', bench())).toMatchObject({ verdict: 'good' });
  const waiting = bench({ channels: [channel('a', 1000), channel('wave', 0)] });
  expect(await check('delivering', waiting), 'a waveform comes when it is taken').toMatchObject({ verdict: 'good' });
  expect(await check('delivering', bench({ channels: [channel('a', 1000), channel('b', 0)] }))).toMatchObject({
    verdict: 'bad',
    text: 'Delivering nothing: b.',
  });
  expect(
    await check('delivering', bench({ channels: [channel('a', 1000), channel('b', 0, { recorded: false })] })),
  ).toMatchObject({ verdict: 'good' });
  expect(await check('delivering', bench({ channels: [channel('a', 100)] }))).toMatchObject({ verdict: 'warning' });
  expect(await check('attached', bench({ instruments: [] }))).toMatchObject({ verdict: 'bad' });
  const away = [{ id: 'daq', label: 'DAQ', state: 'reconnecting', waveforms: [] } as unknown as InstrumentState];
  expect(await check('attached', bench({ instruments: away }))).toMatchObject({
    verdict: 'bad',
    text: 'Not live: DAQ (reconnecting).',
  });
});

test('both folders are tried, nothing is left in them, and none is made', async () => {
  const state = bench();
  expect(await check('folder', state)).toMatchObject({
    verdict: 'warning',
    text: expect.stringMatching(/not there yet: it is made when a recording starts. .*no second folder/),
  });
  expect(await readdir(folder)).toEqual([]);
  const recording = { ...state.recording, state: 'waiting' as const };
  expect(await check('folder', { ...state, recording }), 'its drive is gone').toMatchObject({ verdict: 'bad' });
  const first = join(folder, 'recordings');
  await mkdir(first);
  const second = join(folder, 'second');
  const with2 = { ...state, settings: { ...state.settings, fallbackFolder: second } };
  expect(await check('folder', with2)).toMatchObject({
    verdict: 'warning',
    text: expect.stringContaining('is not there'),
    fix: expect.stringContaining('Mount its drive'),
  });
  await mkdir(second);
  expect(await check('folder', with2)).toMatchObject({
    verdict: 'warning',
    text: expect.stringContaining('same disk'),
  });
  const full = { ...with2, settings: { ...with2.settings, diskReserveBytes: 1e18 } };
  expect(await check('folder', full)).toMatchObject({ verdict: 'warning', text: expect.stringContaining('is full') });
  const file = { ...with2, settings: { ...with2.settings, fallbackFolder: join(folder, 'second', 'file') } };
  await writeFile(join(folder, 'second', 'file'), '');
  expect(await check('folder', file)).toMatchObject({ text: expect.stringContaining('cannot be written (ENOTDIR)') });
  expect([await readdir(first), await readdir(second)]).toEqual([[], ['file']]);
  if (
    (await stat('/dev/shm').catch(() => undefined))?.dev !== (await stat(folder)).dev &&
    process.platform === 'linux'
  ) {
    const other = { ...with2, settings: { ...with2.settings, fallbackFolder: '/dev/shm' } };
    expect(await check('folder', other)).toMatchObject({
      verdict: 'good',
      text: expect.stringContaining('GB are free'),
    });
  }
  await writeFile(join(folder, 'file'), '');
  const wrong = { ...state, settings: { ...state.settings, recordingsFolder: join(folder, 'file') } };
  expect(await check('folder', wrong)).toMatchObject({ verdict: 'bad' });
});

test('sleep, clock, mains', async () => {
  expect(await check('sleep', bench())).toMatchObject({ verdict: 'good' });
  expect(await check('sleep', bench(), { host: { ...host, unavailable: { blockSleep: 'no desktop' } } })).toMatchObject(
    { verdict: 'warning' },
  );
  expect(await check('clock', bench(), { wallMs: 400 })).toMatchObject({ verdict: 'good' });
  expect(await check('clock', bench(), { wallMs: 5000 })).toMatchObject({
    verdict: 'warning',
    text: expect.stringContaining('5 s ahead'),
  });
  expect(await check('power', bench())).toMatchObject({ verdict: 'unknown' });
  const power = join(folder, 'power');
  for (const [name, files] of Object.entries({
    AC: { type: 'Mains', online: '0' },
    BAT0: { type: 'Battery', capacity: '71' },
  })) {
    await mkdir(join(power, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(power, name, file), `${text}\n`);
  }
  expect(await check('power', bench())).toMatchObject({
    verdict: 'bad',
    text: 'The computer runs on its battery (71 %).',
  });
  await writeFile(join(power, 'AC', 'online'), '1\n');
  expect(await check('power', bench())).toMatchObject({ verdict: 'good' });
});

test('alarms, limits, flight recorder and what did not confirm to be off', async () => {
  expect(await check('alarms', bench())).toMatchObject({ verdict: 'warning' });
  expect(await check('flight', bench())).toMatchObject({ verdict: 'warning' });
  expect(await check('safety', bench())).toMatchObject({ verdict: 'warning' });
  const outputsOff = { t: '0', results: [{ instrument: 'psu', group: 'ch1', confirmed: false }] };
  expect(await check('safety', bench({ outputsOff }))).toMatchObject({
    verdict: 'bad',
    text: expect.stringContaining('psu ch1'),
  });
  expect(await check('upload', bench())).toBeUndefined();
});
