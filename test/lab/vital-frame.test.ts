import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import {
  packVitalFrame,
  parseVitalFrame,
  VITAL_FLAGS,
  VITAL_TYPES,
  type VitalType,
} from '../../src/protocol/lab/vital-frame.ts';
import { vitalMessage, vitalTextMessage } from '../../src/protocol/lab/vital-message.ts';
import { packMessagePack, parseMessagePack } from '../../src/protocol/lab/vital-payload.ts';

const vectors = (
  JSON.parse(readFileSync(new URL('../fixtures/lab/golden-vectors.json', import.meta.url), 'utf8')) as {
    vital_binary_from_spec: { name: string; hex: string; payload_raw_len?: number }[];
  }
).vital_binary_from_spec;
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const vector = (start: string): Uint8Array =>
  bytesOf(vectors.find(({ name }) => name.startsWith(start))?.hex ?? 'missing');

function frameOf(bytes: Uint8Array) {
  const result = parseVitalFrame(bytes);
  if (!('frame' in result)) throw new Error(result.fault);
  return result.frame;
}

test('351 golden vectors of all three versions', () => {
  expect(vectors).toHaveLength(3);
  const ping = frameOf(vector('V1 PING'));
  expect({ ...ping, payload: parseMessagePack(ping.payload) }).toEqual({
    version: 1,
    type: 'PING',
    flags: 0,
    payload: { x: 1 },
    timeUs: undefined,
  });
  const ecg = frameOf(vector('V2 ECG_DATA'));
  expect([ecg.version, ecg.type, ecg.flags]).toEqual([2, 'ECG_DATA', VITAL_FLAGS.COMPRESSED]);
  expect(inflateSync(ecg.payload)).toHaveLength(1600);
  const alert = frameOf(vector('V3 ANOMALY'));
  expect([alert.type, alert.flags, alert.timeUs]).toEqual([
    'ANOMALY_ALERT',
    VITAL_FLAGS.PRIORITY | VITAL_FLAGS.ACK_REQUIRED,
    1_700_000_000_000_000n,
  ]);
  for (const { hex } of vectors) {
    const { version, type, flags, payload, timeUs } = frameOf(bytesOf(hex));
    expect(Buffer.from(packVitalFrame(version, type, flags, payload, timeUs)).toString('hex')).toBe(hex);
  }
});

test('faults carry the numbers of the list', () => {
  const good = vector('V1 PING');
  const changed = (at: number, value: number): Uint8Array => good.with(at, value);
  const codeOf = (bytes: Uint8Array, max?: number): number | undefined => {
    const result = parseVitalFrame(bytes, max);
    return 'fault' in result ? result.code : undefined;
  };
  expect(codeOf(changed(0, 9))).toBe(0x100);
  expect(codeOf(new Uint8Array())).toBe(0x100);
  expect(codeOf(changed(good.length - 1, 2))).toBe(0x101);
  expect(codeOf(good, 3)).toBe(0x102);
  expect(codeOf(changed(1, 0x77))).toBe(0x104);
  expect(codeOf(good.subarray(0, 10))).toBe(0x200);
  expect(codeOf(good.subarray(0, good.length - 1))).toBe(0x200);
});

test('messages in MessagePack and in JSON say the same', () => {
  const data = [0.1, 0.2, null, -0.4];
  const body = { patient_id: 'p1', data, timestamp: 1_700_000_000.5, severity: 'normal', sample_rate: 250 };
  const packed = parseMessagePack(packMessagePack(body));
  const binary = vitalMessage('ECG_DATA', packed);
  expect(binary).toEqual(vitalTextMessage({ type: 'ecg_data', ...body }));
  if (binary?.kind !== 'ecg') throw new Error('no ECG');
  expect([...binary.ecg.leads]).toEqual([['ecg', data]]);
  const leads = vitalMessage('ECG_DATA', { ...body, data: [data, data], leads: ['I'] });
  expect(leads?.kind === 'ecg' && [...leads.ecg.leads.keys()]).toEqual(['I', 'lead2']);
  // No row can be made of leads of different length.
  expect(vitalMessage('ECG_DATA', { ...body, data: [data, [1]] })).toBeUndefined();
  expect(vitalTextMessage({ type: 'system_shutdown', message: 'bye' })).toEqual({ kind: 'shutdown', text: 'bye' });
});

test('a header that claims more than was sent costs nothing', () => {
  // array32 of 4 billion, map32, str32, bin32, and 200 arrays in each other.
  for (const hex of [
    'ddffffffff',
    'dfffffffff',
    'dbffffffff',
    'c6ffffffff',
    `${'91'.repeat(200)}c0`,
    'c1',
    '',
    '0101',
  ]) {
    expect(parseMessagePack(bytesOf(hex))).toBeUndefined();
  }
});

test('114 a hundred thousand fuzzed frames never throw', () => {
  // What is refused is refused by an error inside of the package: without its stack that is ten times as fast.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  onTestFinished(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
  const random = seededRandom(351);
  const types = Object.keys(VITAL_TYPES) as VitalType[];
  const payloads = [
    { patient_id: 'p', data: [1, 2, 3], timestamp: 1, sample_rate: 250 },
    { code: 0x202, message: 'login' },
    { versions: [1, 2, 3] },
    { target_id: 'p', status: 'denied' },
  ].map((value) => packMessagePack(value));
  let understood = 0;
  for (let i = 0; i < 100_000; i++) {
    const payload = (payloads[i % payloads.length] as Uint8Array).slice();
    // Broken MessagePack in a whole frame, and a broken frame around it, by turns.
    if (random.next() < 0.5) payload[random.below(payload.length)] = random.below(256);
    const bytes = packVitalFrame(i % 2 ? 3 : 2, types[random.below(types.length)] as VitalType, 0, payload);
    if (random.next() < 0.3) bytes[random.below(bytes.length)] = random.below(256);
    const result = parseVitalFrame(bytes);
    if ('frame' in result && vitalMessage(result.frame.type, parseMessagePack(result.frame.payload))) understood++;
  }
  expect(understood).toBeGreaterThan(1000);
});
