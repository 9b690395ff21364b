import { mkdtemp, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ABOUT, createTestClock, POLLED, polledBatch } from '../../../test/fixtures/recording-source.ts';
import { openRecorder } from '../../engine/recording/recorder.ts';
import type { BuiltFiles } from '../built-files.ts';
import { Arguments } from '../command.ts';
import { createOutput } from '../output.ts';
import { recordings } from './recordings.ts';

async function list(folder: string): Promise<string> {
  const stdout = new PassThrough();
  const shell = {
    files: {} as BuiltFiles,
    out: createOutput(stdout, () => undefined),
    say: () => undefined,
    signal: new AbortController().signal,
  };
  await recordings.run(new Arguments(recordings, [folder]), shell);
  stdout.end();
  return text(stdout);
}

test('labwire recordings finishes what was cut off, and leaves alone what a process still writes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-recordings-'));
  try {
    const open = async (name: string) => {
      const recorder = await openRecorder({ folder, name, clock: createTestClock(), about: ABOUT });
      recorder.streamOpened(POLLED);
      for (let row = 0; row < 10; row++) recorder.batch(polledBatch(row));
      return recorder;
    };
    const { paths } = await (await open('cut off')).stop('');
    const part = `${paths[0]}.part`;
    await rename(paths[0] ?? '', part);
    await truncate(part, (await stat(part)).size - 100);
    await using running = await open('running');
    const listed = await list(folder);
    expect(listed).toMatch(/recovered +cut off/);
    expect(listed).toMatch(/recording +running/);
    expect(running.state).toBe('recording');
    expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual(['running.mcap.part']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
