import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import { openScopes } from '../../core/scope.ts';

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
