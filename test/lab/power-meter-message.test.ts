import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import {
  parsePowerMeterMessage,
  parsePowerMeterStatus,
  parsePowerSnapshot,
  parseSweepStatus,
} from '../../src/protocol/lab/power-meter-message.ts';
import { powerQuery } from '../../src/protocol/lab/power-meter-request.ts';

const folder = new URL('../fixtures/lab/power-meter/', import.meta.url);
const lines = readdirSync(folder)
  .flatMap((file) => readFileSync(new URL(file, folder), 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line) as { dir: string; kind: string; data: unknown });
const received = lines.filter(({ dir, kind }) => dir === '<-' && kind === 'text').map(({ data }) => data);

test('115 116 119 every recorded message is understood', () => {
  expect(received.length).toBeGreaterThan(60);
  expect(received.filter((message) => !parsePowerMeterMessage(message))).toEqual([]);
  const kinds = new Set(received.map((message) => parsePowerMeterMessage(message)?.type));
  expect([...kinds].sort()).toEqual(['data', 'error', 'heartbeat', 'pong', 'reconnect']);
});

test('115 the fields of data, with what Python writes for a number that is none', () => {
  const body = { timestamp: 874.295, module: 4, wavelength_nm: 1310, unit: 'dBm', ch1_power: -13.2, ch2_power: null };
  const found = parsePowerSnapshot({ ...body, ch3_power: Number.NaN, ch4_power: Number.NEGATIVE_INFINITY });
  expect(found).toMatchObject({ ch1_power: -13.2, ch2_power: Number.NaN, ch4_power: Number.NEGATIVE_INFINITY });
  expect(parsePowerSnapshot({ ...body, ch3_power: 'x', ch4_power: 0 })).toBeUndefined();
});

test('answers of the recorded REST are understood', () => {
  const answer = (request: string): unknown =>
    lines.map(({ data }) => data as { req?: string; resp?: unknown }).find(({ req }) => req === request)?.resp;
  expect(parsePowerMeterStatus(answer('GET /connection/status'))).toMatchObject({ connected: true });
  expect(parsePowerSnapshot(answer('GET /detector/snapshot?module=4'))).toMatchObject({ module: 4, unit: 'dBm' });
  expect(parseSweepStatus(answer('GET /measurement/sweep/status'))).toMatchObject({ is_sweeping: true });
});

test('118 a bad parameter is named before anything is connected', () => {
  expect(powerQuery(4, 0.1)).toBe('module=4&interval=0.1');
  expect(powerQuery(1, 0.01)).toBe('module=1&interval=0.01');
  expect(powerQuery(20, 10)).toBe('module=20&interval=10');
  for (const module of [0, 21, 1.5, Number.NaN]) {
    expect(() => powerQuery(module, 1)).toThrow(/[Mm]odule/);
  }
  for (const interval of [0.0099, 10.1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => powerQuery(4, interval)).toThrow(/interval/);
  }
});

test('114 ten thousand messages of wrong types never throw', () => {
  const random = seededRandom(20_114);
  const values = [null, 1, Number.NaN, 'x', true, [], {}, undefined, -1, 1e300];
  let understood = 0;
  for (let i = 0; i < 10_000; i++) {
    const message = { ...(received[random.below(received.length)] as Record<string, unknown>) };
    const keys = Object.keys(message);
    message[keys[random.below(keys.length)] ?? 'type'] = values[random.below(values.length)];
    if (parsePowerMeterMessage(message)) understood++;
  }
  expect(understood).toBeGreaterThan(100);
  for (const value of values) expect(parsePowerMeterMessage(value)).toBeUndefined();
});
