import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLab } from '../../../test/lab/lab.ts';

test('settings that could not be read at the start are not overwritten, and the person is told', async () => {
  await using lab = await openLab({ startBench: false });
  const path = join(lab.folder, 'settings.json');
  await rm(path, { force: true });
  await mkdir(path);
  await lab.restart();
  const screen = await lab.screen();
  const { events } = await screen.client.call('event.list', { fromNs: '0', toNs: '9223372036854775807' });
  expect(events.map(({ text }) => text)).toContainEqual(expect.stringMatching(/settings cannot be read.*EISDIR/));
  // It can be read again, and what stands there is not what this run knows.
  await rmdir(path);
  await writeFile(path, '{"theme":"light"}');
  await expect(screen.client.call('settings.set', { timeoutMs: 700 })).rejects.toMatchObject({
    code: 'settings.unwritable',
    message: expect.stringMatching(/start Labwire again/),
  });
  expect(await readFile(path, 'utf8')).toBe('{"theme":"light"}');
  await lab.restart();
  const again = await lab.screen();
  expect(again.state.settings.theme).toBe('light');
  expect(await again.client.call('settings.set', { timeoutMs: 700 })).toMatchObject({ theme: 'light', timeoutMs: 700 });
});

test('a note of a recording that was cut off and cannot be read is told', async () => {
  await using lab = await openLab({ startBench: false });
  await mkdir(join(lab.folder, 'recording.json'));
  await lab.restart();
  const screen = await lab.screen();
  // It begins behind the first screen.
  await expect
    .poll(async () => {
      const { events } = await screen.client.call('event.list', { fromNs: '0', toNs: '9223372036854775807' });
      return events.map(({ text }) => text);
    })
    .toContainEqual(expect.stringMatching(/Whether a recording was cut off cannot be read \(EISDIR\)/));
});
