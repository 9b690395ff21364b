import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLab } from '../../../test/lab/lab.ts';

test('a file in the place of the folder of own definitions is said, and the engine opens', async () => {
  await using lab = await openLab({ startBench: false });
  await lab.screen();
  const place = join(lab.folder, 'instruments');
  await rm(place, { recursive: true });
  await writeFile(place, 'a note');
  await lab.restart();
  const screen = await lab.screen();
  const told = screen.state.events.filter(({ text }) => text.includes('own definitions'));
  expect(told).toMatchObject([{ severity: 'warning', text: expect.stringContaining('EEXIST') }]);
});
