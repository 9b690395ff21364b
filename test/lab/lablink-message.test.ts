import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createInflate } from '../../src/engine/lab/node-inflate.ts';
import { inflateGuarded, openTagged } from '../../src/protocol/lab/compression.ts';
import { parseIsoTime } from '../../src/protocol/lab/iso-time.ts';
import {
  clampInterval,
  startAcquisitionStream,
  startStream,
  stopStream,
} from '../../src/protocol/lab/lablink-command.ts';
import { parseLabLinkMessage } from '../../src/protocol/lab/lablink-message.ts';
import * as rest from '../../src/protocol/lab/lablink-rest.ts';
import { parseTolerantJson } from '../../src/protocol/lab/tolerant-json.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/lab/lablink');

interface Recorded {
  kind?: string;
  dir?: string;
  msg?: { type?: string };
  raw?: string;
  method?: string;
  path?: string;
  status?: number;
  response?: unknown;
}

function recording(name: string): Recorded[] {
  const lines = readFileSync(join(FIXTURES, name), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Recorded);
}

const conversations = readdirSync(FIXTURES).filter((name) => name.startsWith('ws-'));

test.each(conversations)('the recorded conversation %s has no unknown message', (name) => {
  let known = 0;
  for (const { dir, msg, raw } of recording(name)) {
    if (dir !== '<-') continue;
    const value = raw === undefined ? msg : parseTolerantJson(raw);
    expect(parseLabLinkMessage(value), JSON.stringify(value).slice(0, 200)).toBeDefined();
    known++;
  }
  if (name !== 'ws-fixed-jobs-after-restart.jsonl') expect(known).toBeGreaterThan(5);
});

test('pitfall 4: NaN of an acquisition comes through as NaN', () => {
  const raw = recording('ws-fixed.jsonl').find(({ raw }) => raw?.includes('acquisition_stream'))?.raw ?? '';
  expect(() => JSON.parse(raw)).toThrow();
  const message = parseLabLinkMessage(parseTolerantJson(raw));
  expect(message?.type === 'acquisition_stream' && message.data?.values.CH9).toEqual([Number.NaN, Number.NaN]);
});

/** Answers of REST and the schema that must take them. */
const SHAPES: [RegExp, string, { safeParse(value: unknown): { success: boolean } }][] = [
  [/^\/api$/, 'GET', rest.apiRoot],
  [/^\/health$/, 'GET', rest.health],
  [/^\/api\/equipment\/list$/, 'GET', rest.equipmentList],
  [/^\/api\/equipment\/[^/]+\/status$/, 'GET', rest.equipmentStatus],
  [/^\/api\/equipment\/ps_[^/]+\/readings$/, 'GET', rest.supplyReadings],
  [/^\/api\/equipment\/load_[^/]+\/readings$/, 'GET', rest.loadReadings],
  [/^\/api\/equipment\/[^/]+\/command$/, 'POST', rest.commandAnswer],
  [/^\/api\/locks\/acquire$/, 'POST', rest.lockAnswer],
  [/^\/api\/locks\/status\//, 'GET', rest.lockStatus],
  [/^\/api\/locks\/sessions\/create$/, 'POST', rest.lockSession],
  [/^\/api\/security\/(login|refresh)$/, 'POST', rest.loginAnswer],
  [/^\/api\/waveform\/capture$/, 'POST', rest.waveformCapture],
  [/^\/api\/acquisition\/session\/create$/, 'POST', rest.acquisitionCreated],
  [/^\/api\/acquisition\/session\/[^/]+\/status$/, 'GET', rest.acquisitionStatus],
  [/^\/api\/acquisition\/session\/[^/]+\/data/, 'GET', rest.acquisitionData],
  [/^\/api\/acquisition\/sessions$/, 'GET', rest.acquisitionList],
  [/^\/api\/alarms\/events\/active$/, 'GET', rest.alarmEvents],
  [/^\/api\/safety\/status$/, 'GET', rest.safetyStatus],
];

test.each(['rest-asis.jsonl', 'rest-fixed.jsonl'])('the recorded answers of %s fit', (name) => {
  const used = new Set<RegExp>();
  for (const { method, path = '', status, response } of recording(name)) {
    const shape = SHAPES.find(([pattern, verb]) => verb === method && pattern.test(path));
    if (status !== 200 || !shape) continue;
    used.add(shape[0]);
    expect(shape[2].safeParse(response).success, `${path} ${JSON.stringify(response).slice(0, 200)}`).toBe(true);
  }
  expect(SHAPES.filter(([pattern]) => !used.has(pattern)).map(([pattern]) => pattern.source)).toEqual([
    '^\\/api\\/waveform\\/capture$',
  ]);
});

test('pitfall 8: intervals are clamped to 10 … 10000 ms, and nothing but objects as text is ever made', () => {
  expect([0, -5, 3.7, 99_999, Number.NaN].map(clampInterval)).toEqual([10, 10, 10, 10_000, 100]);
  expect(JSON.parse(startStream('ps', 'readings', 0))).toEqual({
    type: 'start_stream',
    equipment_id: 'ps',
    stream_type: 'readings',
    interval_ms: 10,
  });
  expect(JSON.parse(startStream('ps', 'readings', 100, { compression: 'none' }))).not.toHaveProperty('compression');
  expect(JSON.parse(startAcquisitionStream('a', 5, 1e9)).num_samples).toBe(10_000);
  expect(JSON.parse(stopStream('ps', 'waveform'))).toEqual({
    type: 'stop_stream',
    equipment_id: 'ps',
    stream_type: 'waveform',
  });
});

test('pitfall 5: times with and without a zone, with any decimals; impossible ones are none', () => {
  expect(parseIsoTime('2026-11-20T10:19:03.069960')).toEqual({ ns: 1795169943069960000n, isNaive: true });
  expect(parseIsoTime('2026-11-20T10:19:03Z')).toEqual({ ns: 1795169943000000000n, isNaive: false });
  expect(parseIsoTime('2026-11-20T12:19:03.5+02:00')).toEqual({ ns: 1795169943500000000n, isNaive: false });
  for (const wrong of ['', 'now', 5, null, '2026-02-31T00:00:00', '2026-13-01T00:00:00', '2026-01-01T25:00:00'])
    expect(parseIsoTime(wrong)).toBeUndefined();
});

const inflate = createInflate();

test('tagged frames: g is gzip, z is zlib, anything else is none', () => {
  const text = '{"type": "pong"}';
  expect(openTagged(inflate, Buffer.concat([Buffer.from('g'), gzipSync(text)]))).toBe(text);
  expect(openTagged(inflate, Buffer.concat([Buffer.from('z'), deflateSync(text)]))).toBe(text);
  for (const frame of ['', 'x123', 'g', 'z\x00\x01', 'gnot gzip'])
    expect(() => openTagged(inflate, Buffer.from(frame))).toThrow(LabError);
});

test('a deflate bomb and a too large message are cut off, whichever way they are packed', () => {
  const bomb = Buffer.alloc(32 * 1024 * 1024);
  const codes = (
    [
      ['gzip', gzipSync(bomb)],
      ['zlib', deflateSync(bomb)],
      ['deflate', deflateRawSync(bomb)],
    ] as const
  ).map(([kind, packed]) => {
    try {
      return inflateGuarded(inflate, kind, packed).length;
    } catch (thrown) {
      return LabError.from(thrown).code;
    }
  });
  expect(codes).toEqual(['protocol.too-long', 'protocol.too-long', 'protocol.too-long']);
  const fair = Buffer.alloc(60_000, 'abcdefghijklmnop');
  expect(inflateGuarded(inflate, 'gzip', gzipSync(fair)).length).toBe(60_000);
});

test('a hundred thousand broken messages: each is read or left out, none throws anything else', () => {
  const random = seededRandom(41);
  const seeds = conversations
    .flatMap((name) => recording(name))
    .filter(({ dir }) => dir === '<-')
    .map(({ msg, raw }) => raw ?? JSON.stringify(msg))
    .filter((text) => text.length < 800);
  const parsed = seeds.map((text) => parseTolerantJson(text) as Record<string, unknown>);
  const wrong: unknown[] = [null, -1, '', [], {}, true, 'x'.repeat(5000)];
  let read = 0;
  for (let round = 0; round < 100_000; round++) {
    const at = random.below(seeds.length);
    const value = round % 2 === 0 ? broken(seeds[at] ?? '') : twisted({ ...parsed[at] });
    if (value !== undefined && parseLabLinkMessage(value)) read++;
  }
  expect(read).toBeGreaterThan(10_000);
  expect(read).toBeLessThan(90_000);

  function broken(text: string): unknown {
    const at = random.below(text.length);
    const cut = text.slice(0, at) + String.fromCharCode(random.below(128)) + text.slice(at + random.below(3));
    try {
      return parseTolerantJson(cut);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(LabError);
      return undefined;
    }
  }

  function twisted(value: Record<string, unknown>): unknown {
    const keys = Object.keys(value);
    value[keys[random.below(keys.length)] ?? 'type'] = wrong[random.below(wrong.length)];
    return value;
  }
});
