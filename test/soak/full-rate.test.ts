import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rowsPerColumn } from '../../src/core/decimate.ts';
import { COLUMN_FLAG } from '../../src/core/extent.ts';
import { openScopes } from '../../src/core/scope.ts';
import { openRecording } from '../../src/engine/recording/recording.ts';
import { ColumnSet } from '../../src/renderer/plot/column-set.ts';
import { heldColumns } from '../fixtures/held-columns.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { type LabwireProcess, openScreen, startEngine, untilRecorded } from './labwire-process.ts';
import { RampCheck } from './ramp-check.ts';

const CHANNELS = 10;
const RATE_HZ = 1_000_000;
const SECONDS = Number(process.env.LABWIRE_SOAK_SECONDS ?? 60);
const FROZEN_S = 10;
const WINDOW = { windowS: 10, width: 1200 };

let folder: string;
let engine: LabwireProcess;
let screen: LabScreen;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-soak-'));
  engine = await startEngine(folder);
  screen = await openScreen(folder);
});

afterAll(async () => {
  screen?.[Symbol.dispose]();
  await engine?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
  expect(openScopes()).toEqual([]);
});

test(`10 channels at 1 MS/s for ${SECONDS} s, recorded while a screen watches and freezes: every sample is there and right`, async () => {
  const { client } = screen;
  const { instruments } = await client.call('bench.start', {});
  const resource = instruments.find(({ name }) => name === 'daq')?.resources[0] ?? '';
  for (const text of [`RATE ${RATE_HZ}`, `CHAN ${CHANNELS}`, 'SIGN RAMP'])
    await client.call('resource.query', { resource, text });
  const daq = await screen.attach(resource);
  const info = await screen.until('the stream', ({ streams }) => streams.find(({ instrument }) => instrument === daq));
  expect(info).toMatchObject({ rateHz: RATE_HZ, columns: { length: CHANNELS } });
  const names = info.columns.map(({ channel }) => `${daq}/${channel}`);
  const check = new RampCheck(info);

  const store = new ColumnSet(BigInt(info.epoch) * 1000n, 32_768, (id) => (id === info.id ? info : undefined));
  const seen = { frames: 0, columns: 0, isEnough: false };
  const watching = screen.watch(
    names,
    { kind: 'columns', ...WINDOW },
    (block) => {
      store.take(block);
      if (block.kind === 'columns') {
        seen.frames++;
        seen.columns += block.columns.length;
      }
      return seen.isEnough;
    },
    (SECONDS + 60) * 1000,
  );

  await client.call('recording.start', { name: 'full rate' });
  const enough = untilRecorded(screen, ({ samples }) => samples >= SECONDS * RATE_HZ * CHANNELS);
  // The page stands still: a time, not an event, is what is tested here.
  await untilRecorded(screen, ({ samples }) => samples >= RATE_HZ * CHANNELS);
  screen.isFrozen = true;
  await sleep(500);
  const atFreeze = seen.frames;
  await sleep(FROZEN_S * 1000 - 500);
  expect(seen.frames - atFreeze, 'frames to a screen that does not take them').toBeLessThanOrEqual(2);
  screen.thaw();
  await enough;
  const stopped = await client.call('recording.stop', {});
  seen.isEnough = true;
  await watching;

  expect(stopped.lost).toBe(0);
  expect(stopped.samples).toBeGreaterThanOrEqual(SECONDS * RATE_HZ * CHANNELS);
  expect(seen.columns).toBeGreaterThan(SECONDS * 60);
  checkScreen(store, names, check);

  const paths = stopped.paths;
  await using recording = await openRecording(paths[0] ?? '');
  expect(recording.info).toMatchObject({ complete: true, missing: '', lost: 0, gaps: [] });
  for await (const batch of recording.batches()) check.batch(batch);
  expect(check.fault).toBeUndefined();
  expect(check.samples).toBe(stopped.samples);
  console.log(
    `${(stopped.samples / 1e6).toFixed(0)} M samples in ${paths.length} parts, ${(recording.info.bytes / 1e9).toFixed(2)} GB; ${seen.frames} frames to the screen`,
  );
});

/** The window is whole again: column follows column, each with the least and greatest of its rows. */
function checkScreen(store: ColumnSet, names: readonly string[], check: RampCheck): void {
  const n = rowsPerColumn((WINDOW.windowS * RATE_HZ) / WINDOW.width);
  const wanted = Math.floor((Math.min(SECONDS, WINDOW.windowS) * RATE_HZ) / n) - 1;
  for (const [channel, name] of names.entries()) {
    const columns = heldColumns(store, name);
    const { length } = columns;
    expect(length, name).toBeGreaterThanOrEqual(wanted);
    let faults = 0;
    for (let index = length - wanted; index < length - 1; index++) {
      const first = columns.firstRow[index] ?? Number.NaN;
      if (index > length - wanted && columns.firstRow[index - 1] !== first - n) faults++;
      if (index > length - wanted && (columns.flags[index] ?? 0) & COLUMN_FLAG.gap) faults++;
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let row = first; row < first + n; row++) {
        const value = check.value(row, channel);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (columns.min[index] !== low || columns.max[index] !== high) faults++;
    }
    expect(faults, name).toBe(0);
  }
}
