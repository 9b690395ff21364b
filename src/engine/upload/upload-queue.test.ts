import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { UploadDesk } from './upload-desk.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-queue-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function deskAt(path: string): { desk: UploadDesk; texts: () => string[] } {
  const clock = new ManualClock();
  const board = new StateBoard(emptyState(folder));
  const events = new EventLog(clock, board);
  const row = () => Promise.reject(new Error('none'));
  const desk = new UploadDesk({ clock, board, events, path, secrets: undefined, row, uploaded() {} });
  return { desk, texts: () => events.between(0n, 1n << 62n).map(({ text }) => text) };
}

it('a queue that cannot be read is told and left alone', async () => {
  const path = join(folder, 'uploads.json');
  await mkdir(path);
  const { desk, texts } = deskAt(path);
  await desk.open();
  expect(texts()).toEqual([expect.stringMatching(/cannot be read from .*uploads\.json \(EISDIR\)/)]);
  await rmdir(path);
  await writeFile(path, 'as it was');
  await desk.setTarget(null, undefined);
  await desk[Symbol.asyncDispose]();
  expect(await readFile(path, 'utf8')).toBe('as it was');
});

it('a damaged queue is set aside', async () => {
  const path = join(folder, 'uploads.json');
  await writeFile(path, '{');
  const { desk, texts } = deskAt(path);
  await desk.open();
  await desk.setTarget(null, undefined);
  await desk[Symbol.asyncDispose]();
  expect(texts()).toEqual([expect.stringContaining('uploads.json.bad')]);
  expect((await readdir(folder)).sort()).toEqual(['uploads.json', 'uploads.json.bad']);
});
