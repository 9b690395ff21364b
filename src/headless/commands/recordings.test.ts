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

async function list(...args: string[]): Promise<string> {
  const stdout = new PassThrough();
  const shell = {
    files: {} as BuiltFiles,
    out: createOutput(stdout, () => undefined),
    say: () => undefined,
    signal: new AbortController().signal,
  };
  await recordings.run(new Arguments(recordings, args), shell);
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

test('labwire recordings --search finds by name, notes, tags, operator, instrument and channel, whatever their case', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-recordings-'));
  try {
    const write = async (name: string, about: Partial<typeof ABOUT>, tags: string[] = []) => {
      const options = { folder, name, clock: createTestClock(), about: { ...ABOUT, ...about }, labels: { tags } };
      const recorder = await openRecorder(options);
      recorder.streamOpened(POLLED);
      recorder.batch(polledBatch(0));
      await recorder.stop('');
    };
    await write('night', { notes: 'the fan was off', operator: 'Ada', instruments: [], channels: [] }, ['board 7']);
    await write('day', { notes: '' });
    const found = async (text: string) =>
      (await list(folder, '--search', text))
        .split('\n')
        .filter(Boolean)
        .map((line) => /(night|day) {2}/.exec(line)?.[1]);
    for (const text of ['NIGHT', 'fan off', 'ada', 'board 7']) expect(await found(text), text).toEqual(['night']);
    for (const text of ['maker', 'rail']) expect(await found(text), text).toEqual(['day']);
    expect((await found('ch1.current')).sort()).toEqual(['day', 'night']);
    expect(await found('fan rail')).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
