import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { inTurn } from '../../src/hub/access/file-turn.ts';

/** Counts on in a file, 20 times, each in a turn of its own: `FOLDER`. */
const [, , folder = ''] = process.argv;
const path = join(folder, 'count');
const clock = createSystemClock();
for (let round = 0; round < 20; round++) {
  await inTurn(join(folder, 'lock'), clock, async () => {
    const count = Number(await readFile(path, 'utf8'));
    await new Promise((resolve) => setImmediate(resolve));
    await writeFile(path, String(count + 1));
  });
}
