import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../core/clock.ts';
import { seededRandom } from '../../../core/seeded-random.ts';
import type { Disk } from '../disk.ts';
import { systemDisk } from '../disk.ts';
import { createMessageFile, isoTime, type Message, type MessageFormat } from './message-format.ts';
import { openMessageLog } from './message-log.ts';

const START_NS = 1_763_044_222_123_456_789n; // 2025-11-13T14:30:22.123456789Z
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-messages-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const FORMATS: MessageFormat[] = ['lablink-jsonl', 'lablink-json', 'lablink-csv', 'lablink-binary'];

describe('the formats, byte by byte', () => {
  const message = { type: 'stream_data', value: 1.23, note: 'a "b", c' };

  test('JSONL: one object a line, the time first', () => {
    const file = createMessageFile('lablink-jsonl');
    expect(show(file.message(message, START_NS))).toBe(
      '{"_timestamp":"2025-11-13T14:30:22.123456Z","type":"stream_data","value":1.23,"note":"a \\"b\\", c"}\n',
    );
    expect(show(file.message({ type: 'x' }, undefined))).toBe('{"type":"x"}\n');
  });

  test('JSON: one array', () => {
    const file = createMessageFile('lablink-json');
    const all = [file.head(), file.message({ a: 1 }, undefined), file.message({ b: 2 }, undefined), file.tail()];
    expect(all.map(show).join('')).toBe('[\n{"a":1},\n{"b":2}\n]\n');
    const empty = createMessageFile('lablink-json');
    expect(JSON.parse(show(empty.head()) + show(empty.tail()))).toEqual([]);
  });

  test('CSV: timestamp, type and the rest as JSON, quotes doubled (RFC 4180)', () => {
    const file = createMessageFile('lablink-csv');
    expect(show(file.head())).toBe('timestamp,message_type,data\r\n');
    expect(show(file.message(message, START_NS))).toBe(
      '"2025-11-13T14:30:22.123456Z","stream_data","{""value"":1.23,""note"":""a \\""b\\"", c""}"\r\n',
    );
  });

  test('binary: length, big endian, then the message', () => {
    const bytes = createMessageFile('lablink-binary').message({ t: 'µ' }, undefined);
    expect([...bytes]).toEqual([0, 0, 0, 10, ...Buffer.from('{"t":"µ"}', 'utf8')]);
  });

  test('missing is null, overload a word, ns a text', () => {
    const file = createMessageFile('lablink-jsonl');
    const odd = { a: Number.NaN, b: Number.POSITIVE_INFINITY, c: [Number.NEGATIVE_INFINITY], d: 5n };
    expect(show(file.message(odd, undefined))).toBe('{"a":null,"b":"overload","c":["-overload"],"d":"5"}\n');
  });

  test('times before 1970 too', () => {
    expect(isoTime(-1n)).toBe('1969-12-31T23:59:59.999999Z');
    expect(isoTime(0n)).toBe('1970-01-01T00:00:00.000000Z');
  });
});

/** What a file holds, by the rules of the format alone. */
function readMessages(format: MessageFormat, path: string, bytes: Uint8Array): Message[] {
  const plain = path.endsWith('.gz') ? gunzipSync(bytes) : Buffer.from(bytes);
  const text = plain.toString('utf8');
  switch (format) {
    case 'lablink-json':
      return JSON.parse(text) as Message[];
    case 'lablink-jsonl':
      return text
        .trimEnd()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Message);
    case 'lablink-csv':
      return text
        .trimEnd()
        .split('\r\n')
        .slice(1)
        .map((line) => {
          const [, time, type, data] = /^"([^"]*)","([^"]*)","((?:[^"]|"")*)"$/.exec(line) ?? [];
          const rest = JSON.parse((data ?? '').replaceAll('""', '"')) as Message;
          return { ...(time ? { _timestamp: time } : {}), type, ...rest };
        });
    case 'lablink-binary': {
      const messages: Message[] = [];
      for (let at = 0; at < plain.length; ) {
        const length = plain.readUInt32BE(at);
        messages.push(JSON.parse(plain.toString('utf8', at + 4, at + 4 + length)) as Message);
        at += 4 + length;
      }
      return messages;
    }
  }
}

describe.each(FORMATS.flatMap((format) => [false, true].map((gzip) => ({ format, gzip }))))(
  'a log in $format, gzip $gzip',
  ({ format, gzip }) => {
    test('every message is in one file, once and in order, and each file can be read alone', async () => {
      const clock = new ManualClock(START_NS);
      const random = seededRandom(7);
      const noise = (length: number): string => Array.from({ length }, () => random.below(36).toString(36)).join('');
      const log = await openMessageLog({
        folder,
        session: 'experiment_001',
        format,
        clock,
        gzip,
        rotateBytes: 20_000,
        about: { operator: 'someone' },
      });
      const sent: Message[] = [];
      for (let count = 0; count < 2000; count++) {
        const message = { type: 'stream_data', number: count, text: noise(random.below(100)) };
        sent.push(message);
        expect(log.write(message)).toBe(true);
        if (count % 50 === 0) {
          // The disk and the packer are real: how full a packed file is, is known once it is written.
          const before = log.stats.bytes_written;
          clock.advance(1000);
          await expect.poll(() => log.stats.bytes_written, { interval: 2 }).toBeGreaterThan(before);
        }
      }
      const stats = await log.stop();
      expect(log.write({ type: 'late' })).toBe(false);
      expect(stats).toMatchObject({ session: 'experiment_001', message_count: 2000, error: null });
      expect(stats.paths.length).toBeGreaterThan(1);
      const found: Message[] = [];
      let bytes = 0;
      for (const [index, path] of stats.paths.entries()) {
        const content = await readFile(path);
        bytes += content.byteLength;
        const [head, ...messages] = readMessages(format, path, content);
        expect(head).toMatchObject({
          type: 'metadata',
          session_id: 'experiment_001',
          part: index + 1,
          metadata: { operator: 'someone' },
        });
        found.push(...messages);
      }
      expect(found.map(({ _timestamp, ...message }) => message)).toEqual(sent);
      expect(found.every(({ _timestamp }) => typeof _timestamp === 'string')).toBe(true);
      expect(stats.bytes_written).toBe(bytes);
      expect(stats.duration_seconds).toBeCloseTo(40, 6);
      expect(stats.messages_per_second).toBeCloseTo(50, 6);
      expect((await readdir(folder)).length).toBe(stats.paths.length);
    });
  },
);

test('without times and head there are neither', async () => {
  const log = await openMessageLog({
    folder,
    session: 's',
    format: 'lablink-jsonl',
    clock: new ManualClock(),
    timestamps: false,
  });
  log.write({ type: 'a' });
  const { path } = await log.stop();
  expect(await readFile(path, 'utf8')).toBe('{"type":"a"}\n');
});

test('what was flushed is readable in a file that was never ended, packed too', async () => {
  const clock = new ManualClock(START_NS);
  const log = await openMessageLog({ folder, session: 's', format: 'lablink-jsonl', clock, gzip: true });
  for (let count = 0; count < 100; count++) log.write({ type: 'a', count });
  clock.advance(1000);
  const { path } = log.stats;
  await expect.poll(async () => (await readFile(path)).byteLength).toBeGreaterThan(100);
  const { createGunzip } = await import('node:zlib');
  const gunzip = createGunzip();
  let text = '';
  gunzip.on('data', (piece: Buffer) => (text += piece.toString()));
  gunzip.on('error', () => undefined);
  gunzip.write(await readFile(path));
  await new Promise<void>((resolve) => gunzip.flush(() => resolve()));
  expect(text.trimEnd().split('\n')).toHaveLength(100);
  await log.stop();
});

test.each(['../../evil', '/etc/passwd', 'C:\\Windows\\x', '..', 'a\u0000b', 'CON', ''])(
  'a session called %j never leads out of the folder',
  async (session) => {
    const log = await openMessageLog({ folder, session, format: 'lablink-csv', clock: new ManualClock() });
    const { path } = await log.stop();
    expect(dirname(path)).toBe(folder);
    expect(await readdir(folder)).toHaveLength(1);
  },
);

test('two sessions of one name at one time have files of their own', async () => {
  const clock = new ManualClock();
  const open = () => openMessageLog({ folder, session: 's', format: 'lablink-jsonl', clock });
  const [one, other] = [await open(), await open()];
  expect((await one.stop()).path).not.toBe((await other.stop()).path);
});

test('a full disk ends it with its reason; what was written stays', async () => {
  let left = 500;
  const full: Disk = {
    ...systemDisk,
    async open(path, mode) {
      const file = await systemDisk.open(path, mode);
      return {
        ...file,
        async write(buffers, position) {
          const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
          if (bytes > left) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
          left -= bytes;
          return await file.write(buffers, position);
        },
      };
    },
  };
  const clock = new ManualClock();
  const log = await openMessageLog({ folder, session: 's', format: 'lablink-jsonl', clock, disk: full });
  let taken = 0;
  for (let count = 0; count < 100; count++) {
    const before = log.stats.bytes_written;
    if (!log.write({ type: 'a', text: 'x'.repeat(40) })) break;
    taken++;
    clock.advance(1000);
    // Each on the disk before the next: else all are taken before the disk says that it is full.
    await expect.poll(() => log.stats.bytes_written > before || log.stats.error !== null).toBe(true);
  }
  expect(taken).toBeLessThan(100);
  const stats = await log.stop();
  expect(stats.error?.code).toBe('recording.disk-full');
  const lines = (await readFile(stats.path, 'utf8')).trimEnd().split('\n');
  expect(lines.every((line) => (JSON.parse(line) as Message).type === 'a')).toBe(true);
});

test('a disk that takes nothing does not fill the memory', async () => {
  const hung: Disk = {
    ...systemDisk,
    async open(path, mode) {
      const file = await systemDisk.open(path, mode);
      return { ...file, write: () => new Promise<number>(() => undefined) };
    },
  };
  const log = await openMessageLog({
    folder,
    session: 's',
    format: 'lablink-jsonl',
    clock: new ManualClock(),
    disk: hung,
    queueBytes: 100_000,
  });
  let taken = 0;
  while (taken < 10_000 && log.write({ type: 'a', text: 'x'.repeat(1000) })) taken++;
  expect(taken).toBeGreaterThan(50);
  expect(taken).toBeLessThan(110);
  expect(log.stats.error?.code).toBe('recording.overrun');
});

test('a file that cannot be made leaves no lock', async () => {
  const disk: Disk = {
    ...systemDisk,
    open: async (path, mode) => {
      if (mode === 'create') throw Object.assign(new Error('too many'), { code: 'EMFILE' });
      return systemDisk.open(path, mode);
    },
  };
  const log = openMessageLog({
    folder,
    session: 'run',
    format: 'lablink-jsonl',
    clock: new ManualClock(START_NS),
    disk,
  });
  await expect(log).rejects.toMatchObject({ code: 'recording.failed' });
  expect(await readdir(folder)).toEqual([]);
});
