import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { systemDisk } from '../disk.ts';
import { messageRows } from '../message-files.ts';
import { recoverFolder } from '../recovery.ts';
import { createMessageFile, MESSAGE_EXTENSIONS, type Message, type MessageFormat } from './message-format.ts';
import { openMessageLog } from './message-log.ts';

const START_NS = 1_763_044_222_000_000_000n;
const FORMATS = Object.keys(MESSAGE_EXTENSIONS) as MessageFormat[];
const COUNT = 12;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-mend-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What a reader finds in a whole file: of each message its number, or what it says. Throws if it is no such file. */
function readersView(format: MessageFormat, bytes: Buffer): unknown[] {
  const numberOf = ({ n, event_type }: { n?: number; event_type?: string }): unknown => n ?? event_type;
  const text = bytes.toString('utf8');
  switch (format) {
    case 'lablink-json':
      return JSON.parse(text).map(numberOf);
    case 'lablink-jsonl':
      expect(text === '' || text.endsWith('\n')).toBe(true);
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => numberOf(JSON.parse(line)));
    case 'lablink-csv':
      expect(text.endsWith('\r\n')).toBe(true);
      return text
        .split('\r\n')
        .filter(Boolean)
        .slice(1)
        .map((line) =>
          numberOf(
            JSON.parse(
              line
                .replace(/^"[^"]*","[^"]*","/, '')
                .slice(0, -1)
                .replaceAll('""', '"'),
            ),
          ),
        );
    case 'lablink-binary': {
      const found: unknown[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = bytes.readUInt32BE(at);
        expect(at + 4 + length).toBeLessThanOrEqual(bytes.length);
        found.push(numberOf(JSON.parse(bytes.toString('utf8', at + 4, at + 4 + length))));
        at += 4 + length;
      }
      return found;
    }
  }
}

const message = (n: number): Message => ({ type: 'x', n, text: 'µ "quoted", [brackets]\n' });

/** A session as an engine leaves it that dies after `COUNT` messages, each written as it came; and as one that stops leaves it. */
async function written(format: MessageFormat, gzip: boolean): Promise<{ path: string; cut: Buffer; whole: Buffer }> {
  const clock = new ManualClock(START_NS);
  const log = await openMessageLog({ folder, session: 'exp', format, gzip, clock, timestamps: false });
  const { path } = log.stats;
  for (let n = 0; n < COUNT; n++) {
    log.write(message(n));
    await clock.advance(1000);
    // The disk is real.
    await expect.poll(async () => wholeIn(format, gzip, await readFile(path)), { interval: 1 }).toBe(n + 1);
  }
  const cut = await readFile(path);
  expect(await readdir(folder)).toContain(`${basename(path)}.lock`);
  await log.stop();
  expect(await readdir(folder), 'whole: no lock').toEqual([basename(path)]);
  return { path, cut, whole: await readFile(path) };
}

/** Messages that are whole in the beginning of a file. */
function wholeIn(format: MessageFormat, gzip: boolean, bytes: Buffer): number {
  let plain = bytes;
  // What can be unpacked of it.
  if (gzip) plain = bytes.length < 18 ? Buffer.alloc(0) : gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  const file = createMessageFile(format);
  let end = file.head().length;
  let count = 0;
  while (count < COUNT) {
    end += file.message(message(count), undefined).length;
    if (end > plain.length) break;
    count++;
  }
  return count;
}

const stateOf = async (): Promise<string | undefined> =>
  (await messageRows(folder, await readdir(folder), systemDisk))[0]?.state;

describe.each(FORMATS)('%s', (format) => {
  test.each([false, true])(
    'cut off anywhere (packed: %s): listed as interrupted, mended at recovery, every whole message is there',
    async (gzip) => {
      const { path, cut } = await written(format, gzip);
      for (let length = 0; length <= cut.length; length += 1 + Math.floor(cut.length / 50)) {
        await writeFile(path, cut.subarray(0, length));
        // Its owner died.
        await writeFile(`${path}.lock`, '');
        expect(await stateOf(), `${length} bytes`).toBe('interrupted');
        const [result] = await recoverFolder(folder, new ManualClock(), systemDisk);
        expect(result).toMatchObject({ path, state: 'finished' });
        const bytes = await readFile(path);
        const found = readersView(format, gzip ? gunzipSync(bytes) : bytes);
        expect(found.at(-1)).toBe('interrupted');
        const kept = found.slice(0, -1);
        expect(kept, `${length} bytes`).toEqual(Array.from({ length: kept.length }, (_, n) => n));
        expect(kept.length, `${length} bytes`).toBe(wholeIn(format, gzip, cut.subarray(0, length)));
        expect(await readdir(folder)).toEqual([basename(path)]);
        expect(await stateOf()).toBe('recovered');
      }
    },
  );

  test.each([false, true])('one that had its end stays as it is, byte by byte (packed: %s)', async (gzip) => {
    const { path, whole } = await written(format, gzip);
    expect(await stateOf()).toBe('complete');
    await recoverFolder(folder, new ManualClock(), systemDisk);
    expect(await readFile(path)).toEqual(whole);
    if (!gzip && format !== 'lablink-json') return;
    // The engine ended before it could take the lock away: its end is seen.
    await writeFile(`${path}.lock`, '');
    await recoverFolder(folder, new ManualClock(), systemDisk);
    expect(await readFile(path)).toEqual(whole);
    expect(await stateOf()).toBe('complete');
  });
});

test('of a session whose writer lives nothing is touched', async () => {
  const log = await openMessageLog({
    folder,
    session: 'exp',
    format: 'lablink-json',
    clock: new ManualClock(START_NS),
  });
  expect(await stateOf()).toBe('recording');
  expect(await recoverFolder(folder, new ManualClock(), systemDisk)).toMatchObject([{ state: 'running' }]);
  await log.stop();
  expect(await stateOf()).toBe('complete');
});

test('files of engines that wrote no lock are called interrupted where their end tells', async () => {
  await writeFile(join(folder, 'stream_a_20251113_143022.json'), '[\n{"a":1},\n{"b":');
  expect(await stateOf()).toBe('interrupted');
  await writeFile(join(folder, 'stream_a_20251113_143022.json'), '[\n{"a":1}\n]\n');
  expect(await stateOf()).toBe('complete');
});
