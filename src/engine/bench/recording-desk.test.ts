import { mkdir, mkdtemp, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ABOUT, createTestClock, POLLED, polledBatch } from '../../../test/fixtures/recording-source.ts';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import { openScopes } from '../../core/scope.ts';
import { openRecorder } from '../recording/recorder.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await openLab({ usePtys: false });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

/** What an engine that was killed while it recorded leaves in its data folder. */
function note(folder: string): Promise<void> {
  const underway = { id: 'rec-night', name: 'night', folder, notes: '', startedNs: '1700000000000000000', part: 1 };
  return writeFile(join(lab.folder, 'recording.json'), JSON.stringify(underway));
}

test('an engine that starts before the drive of its recording waits for it, loudly, and records on when it comes', async () => {
  const before = await lab.screen();
  const supply = await before.attach(lab.resource('supply'));
  await before.client.call('bench.save', {});
  const folder = join(lab.folder, 'drive', 'recordings');
  await note(folder);
  await lab.restart();
  const screen = await lab.screen();
  const waiting = await screen.until('waiting', ({ recording }) => recording.state === 'waiting' && recording);
  expect(waiting).toMatchObject({ recording: 'rec-night', part: 1, error: { code: 'recording.folder-gone' } });
  expect(lab.host.notices.join()).toContain('“night” cannot be written');
  expect(lab.host.isAwake).toBe(true);
  await screen.untilValue(`${supply}/ch1.voltage`, () => true);
  expect(await readdir(lab.folder)).not.toContain('drive');
  await mkdir(folder, { recursive: true });
  const again = await screen.until('going on', ({ recording }) => recording.state === 'recording' && recording);
  expect(again).toMatchObject({ recording: 'rec-night', part: 2, error: null });
  const { paths } = await screen.client.call('recording.stop', {});
  expect(paths).toEqual([join(folder, 'night-0002.mcap')]);
});

/** A recording whose engine was killed: a part without end, and nobody's. */
async function leaveBehind(folder: string, name: string): Promise<{ id: string; startedNs: bigint }> {
  const recorder = await openRecorder({ folder, name, clock: createTestClock(), about: ABOUT });
  recorder.streamOpened(POLLED);
  for (let row = 0; row < 10; row++) recorder.batch(polledBatch(row));
  const { paths } = await recorder.stop('');
  for (const path of paths) {
    await rename(path, `${path}.part`);
    await truncate(`${path}.part`, (await stat(`${path}.part`)).size - 100);
  }
  return recorder;
}

test('what was cut off in the second folder, or in a folder of its own, is finished and listed', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'labwire-elsewhere-'));
  try {
    const screen = await lab.screen();
    const second = join(elsewhere, 'second');
    const cut = await leaveBehind(second, 'on the second');
    const state = async (id: string): Promise<string | undefined> =>
      (await screen.client.call('recording.list', {})).recordings.find((row) => row.id === id)?.state;
    expect(await state(cut.id)).toBeUndefined();
    await screen.client.call('settings.set', { fallbackFolder: second });
    await expect.poll(() => state(cut.id), { timeout: 20_000 }).toBe('recovered');

    const own = join(elsewhere, 'own');
    const { id, startedNs } = await leaveBehind(own, 'night');
    await leaveBehind(own, 'of somebody');
    const underway = { id, name: 'night', folder: own, notes: '', startedNs: String(startedNs), part: 1 };
    await writeFile(join(lab.folder, 'recording.json'), JSON.stringify(underway));
    await lab.restart();
    const after = await lab.screen();
    await after.until('it goes on', ({ recording }) => recording.state === 'recording' && recording.part === 2);
    await after.client.call('recording.stop', {});
    const { recordings } = await after.client.call('recording.list', {});
    expect(recordings.map(({ name, paths }) => [name, paths.length]).sort()).toEqual([
      ['night', 2],
      ['on the second', 1],
    ]);
    expect((await readdir(own)).filter((name) => name.endsWith('.part'))).toEqual([]);
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
});
