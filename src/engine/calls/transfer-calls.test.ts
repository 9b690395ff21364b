import { copyFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordFormula } from '../../../test/fixtures/formula-recording.ts';
import { bundleProgram } from '../../../test/fixtures/node-bundle.ts';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import type { Job } from '../../contract/recording-schema.ts';
import { openScopes } from '../../core/scope.ts';

/** Recordings that come and go: import and export through the contract, in the worker. */
let lab: Lab;
let screen: LabScreen;
let files: string;

beforeAll(async () => {
  const exportWorker = await bundleProgram('src/engine/export/export-worker.ts', 'transfer-worker');
  lab = await openLab({ startBench: false, exportWorker });
  screen = await lab.screen();
  await screen.client.call('settings.set', { recordingsFolder: join(lab.folder, 'recordings') });
  files = join(lab.folder, 'files');
  await mkdir(files);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

async function ended(job: Job): Promise<Job> {
  await screen.until(`${job.label} ends`, ({ jobs }) =>
    jobs.some(({ id, state }) => id === job.id && state !== 'running'),
  );
  return screen.state.jobs.find(({ id }) => id === job.id) ?? job;
}

test('a recording comes in once, and goes out in every format with its options, each under a name of its own', async () => {
  const path = await recordFormula(files);
  const job = await ended(await screen.client.call('recording.import', { path }));
  expect(job).toMatchObject({ kind: 'import', state: 'done', error: null });
  expect(basename(job.path ?? '')).toBe('formula.mcap');
  const again = await ended(await screen.client.call('recording.import', { path }));
  expect(again).toMatchObject({ state: 'failed', error: { code: 'import.failed' } });
  const { recordings } = await screen.client.call('recording.list', {});
  const [row] = recordings;
  expect(recordings.map(({ name }) => name)).toEqual(['formula']);
  const recording = row?.id ?? '';
  const jobs: Job[] = [];
  for (const format of [
    'csv',
    'jsonl',
    'json',
    'parquet',
    'hdf5',
    'npy',
    'npz',
    'wav',
    'mcap',
    'png',
    'svg',
    'lablink-csv',
  ] as const) {
    const options = { separator: ';', decimal: ',', gzip: true } as const;
    jobs.push(await ended(await screen.client.call('recording.export', { recording, format, options })));
  }
  expect(jobs.filter(({ state }) => state !== 'done')).toEqual([]);
  const names = jobs.map((one) => basename(one.path ?? ''));
  expect(names).toEqual([
    'formula.csv',
    'formula.jsonl',
    'formula.json',
    'formula.parquet',
    'formula.h5',
    'formula.npy',
    'formula.npz',
    'formula.zip',
    'formula.mcap',
    'formula.png',
    'formula.svg',
    'formula.csv.gz',
  ]);
  expect((await readFile(join(lab.folder, 'exports', 'formula.csv'), 'utf8')).slice(0, 20)).toBe(
    'time;elapsed [s];daq',
  );
  expect((await readFile(join(lab.folder, 'exports', 'formula.png'))).subarray(1, 4).toString()).toBe('PNG');
  // What a file could not hold is told.
  expect(screen.state.notices.map(({ text }) => text)).toContainEqual(expect.stringContaining('formula.zip: Left out'));
  const refused = await ended(
    await screen.client.call('recording.export', {
      recording,
      format: 'csv',
      options: { separator: ',', decimal: ',' },
    }),
  );
  expect(refused).toMatchObject({ state: 'failed', error: { code: 'export.unsupported' } });
  const few = await ended(
    await screen.client.call('recording.export', {
      recording,
      format: 'wav',
      channels: ['daq/ai0'],
      fromNs: row?.startedNs ?? '0',
    }),
  );
  expect(basename(few.path ?? '')).toBe('formula.wav');
  // A worker starts for each.
}, 180_000);

test('one that was cut off is finished when it comes in; a table is a recording like any other', async () => {
  const whole = await recordFormula(files, 'whole');
  const cut = join(files, 'cut.mcap.part');
  await copyFile(whole, cut);
  await truncate(cut, 100_000);
  const job = await ended(await screen.client.call('recording.import', { path: cut }));
  expect(job).toMatchObject({ state: 'done', path: join(lab.folder, 'recordings', 'cut.mcap') });
  const table = join(files, 'bench log.csv');
  await writeFile(table, 'time,U [V]\n2026-01-31T00:00:00Z,1.5\n2026-01-31T00:00:01Z,2.5\n');
  const imported = await ended(await screen.client.call('recording.import', { path: table, name: 'From the bench' }));
  expect(imported).toMatchObject({ state: 'done', path: join(lab.folder, 'recordings', 'From the bench.mcap') });
  const { recordings } = await screen.client.call('recording.list', {});
  const states = Object.fromEntries(recordings.map(({ name, state, channels }) => [name, [state, channels]]));
  expect(states).toMatchObject({ 'From the bench': ['complete', 1] });
  expect(recordings.find(({ paths }) => paths.some((path) => path.endsWith('cut.mcap')))?.state).toBe('recovered');
  const wrong = await ended(await screen.client.call('recording.import', { path: join(files, 'none.csv') }));
  expect(wrong).toMatchObject({
    state: 'failed',
    error: { code: 'import.failed', message: expect.stringContaining('not there') },
  });
  await expect(screen.client.call('recording.import', { path: 'relative.csv' })).rejects.toMatchObject({
    code: 'call.invalid',
  });
});
