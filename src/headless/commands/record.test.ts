import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import { openRecording } from '../../engine/recording/recording.ts';
import type { BuiltFiles } from '../built-files.ts';
import { runCommandLine } from '../command-line.ts';
import { createOutput } from '../output.ts';

let lab: Lab;
let folder: string;

beforeAll(async () => {
  lab = await openLab();
  folder = await mkdtemp(join(tmpdir(), 'labwire-record-'));
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A command on no data folder: it opens an engine of its own. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; said: string[] }> {
  const stdout = new PassThrough();
  const said: string[] = [];
  const shell = {
    files: { version: '0.0.0-test', exportWorker: '' } as unknown as BuiltFiles,
    out: createOutput(stdout, () => undefined),
    say: (line: string) => void said.push(line),
    signal: new AbortController().signal,
  };
  const code = await runCommandLine([...args, '--data', join(folder, 'none')], shell);
  stdout.end();
  return { code, stdout: await text(stdout), said };
}

const linesOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('labwire record writes messages live in several formats at once, beside the native one', async () => {
  const out = join(folder, 'several');
  const formats = ['labwire', 'lablink-jsonl', 'lablink-csv', 'lablink-json', 'lablink-binary'];
  const args = [...formats.flatMap((format) => ['--format', format]), '--name', 'both ways', '--operator', 'Ada'];
  const { code, stdout, said } = await run(
    ...['record', lab.resource('supply'), '--out', out, '--duration', '1s', '--json'],
    ...args,
  );
  expect([code, said.filter((line) => !line.startsWith('Recording '))]).toEqual([0, []]);
  const [native, ...sessions] = linesOf(stdout);
  expect(native).toMatchObject({ lost: 0, paths: [join(out, 'both ways.mcap')] });
  await using recording = await openRecording(native.paths[0]);
  expect(recording.info.complete).toBe(true);
  expect(sessions.map(({ session, format }) => [session, format])).toEqual(
    formats.slice(1).map((format) => [`both ways ${format.replace('lablink-', '')}`, format]),
  );
  for (const { paths, messages } of sessions) {
    expect(messages).toBeGreaterThan(3);
    expect(dirname(paths[0])).toBe(out);
  }
  const lines = linesOf(await readFile(sessions[0].paths[0], 'utf8'));
  expect(lines).toHaveLength(sessions[0].messages + 1);
  expect(lines[0]).toMatchObject({ type: 'metadata', metadata: { operator: 'Ada' } });
  expect(lines.some(({ stream_type }) => stream_type === 'readings')).toBe(true);
  // All of them are whole: no lock is left, and the folder is a library.
  expect((await readdir(out)).filter((name) => !/\.(mcap|pyramid|jsonl|csv|json|bin)$/.test(name))).toEqual([]);
  const listed = await run('recordings', out, '--search', 'both csv', '--json');
  expect(linesOf(listed.stdout).map(({ name }) => name)).toEqual(['both ways csv']);
});

test('labwire record --before says when the flight recorder has nothing of that time', async () => {
  const wish = ['--out', join(folder, 'before'), '--name', 'late', '--duration', '200ms', '--before', '5s'];
  const { code, said } = await run('record', lab.resource('supply'), ...wish);
  expect(code).toBe(0);
  expect(said).toContainEqual(
    expect.stringMatching(/^“late” is recorded from its start on; .* held nothing of the 5 s before .* is off/),
  );
});

test('labwire record with choices of messages only: packed, without times and head', async () => {
  const out = join(folder, 'bare');
  const choices = [
    '--format',
    'lablink-jsonl',
    '--gzip',
    '--no-times',
    '--no-head',
    '--rotate',
    '10 kB',
    '--name',
    'bare',
  ];
  const { code, stdout } = await run('record', lab.resource('daq'), '--out', out, '--duration', '2s', ...choices);
  expect(code).toBe(0);
  const paths = stdout.trimEnd().split('\n');
  expect(paths.length).toBeGreaterThan(1);
  const stem = /^stream_bare_\d{8}_\d{6}/.exec(basename(paths[0] ?? ''))?.[0] ?? '';
  const numbered = paths.map((_, index) => (index === 0 ? '' : `_${String(index + 1).padStart(4, '0')}`));
  expect(paths).toEqual(numbered.map((number) => join(out, `${stem}${number}.jsonl.gz`)));
  for (const path of paths)
    for (const line of linesOf(gunzipSync(await readFile(path)).toString())) {
      expect(line.type).not.toBe('metadata');
      expect(line).not.toHaveProperty('_timestamp');
    }
});

test.each([
  [['--gzip'], '--gzip is for one of the lablink formats'],
  [['--format', 'lablink-csv', '--compression', 'lz4'], '--compression is for the labwire format'],
  [['--format', 'lablink-csv', '--before', '5s'], '--before is for the labwire format'],
  [['--format', 'xml'], '--format is one of labwire, lablink-jsonl'],
  [['--format', 'lablink-csv', '--rotate', '1kB'], 'At least 10 kB.'],
])('labwire record %j is refused before anything is attached', async (args, why) => {
  const { code, said } = await run('record', 'TCPIP0::192.0.2.1::5025::SOCKET', '--out', join(folder, 'no'), ...args);
  expect([code, said]).toEqual([2, [expect.stringContaining(why)]]);
});
