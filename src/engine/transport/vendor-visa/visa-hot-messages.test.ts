import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../../../core/seeded-random.ts';
import { readVisaAnswer, readVisaRequest } from './visa-hot-messages.ts';
import { type VisaAnswer, type VisaRequest, visaAnswer, visaRequest } from './visa-messages.ts';

const BYTES = new Uint8Array([0x2a, 0x3f, 0x0a]);
const WRITE = { call: 'write', session: 16, bytes: BYTES, end: true, timeoutMs: 10_000, tries: 1 } as const;
const READ = { max: 65_536, sliceMs: 500 };

const HOT_REQUESTS: VisaRequest[] = [
  { id: 1, request: WRITE },
  { id: 2, request: { ...WRITE, answer: { id: 3, ...READ } } },
  { id: 4, request: { ...WRITE, answer: { id: 5, ...READ, termChar: 10 } } },
  { id: 6, request: { call: 'read', session: 0, ...READ } },
  { id: 7, request: { call: 'read', session: 16, ...READ, termChar: 0 } },
];
const HOT_ANSWERS: VisaAnswer[] = [
  { kind: 'done', id: 1, value: {} },
  { kind: 'done', id: 2, value: { bytes: BYTES, ended: 'end' } },
  { kind: 'done', id: 3, value: { bytes: BYTES, ended: 'count' }, written: 1 },
  { kind: 'done', id: 4, value: { bytes: BYTES, ended: 'term-char' } },
];
const RARE_REQUESTS: VisaRequest[] = [
  { id: 1, request: { call: 'load', libraries: ['x'] } },
  { id: 2, request: { call: 'open', resource: 'X', timeoutMs: 0 } },
  { id: 3, request: { call: 'stop', session: 16 } },
  { id: 4, request: { call: 'lock', session: 16, timeoutMs: 1, sharedKey: 'k' } },
];
const RARE_ANSWERS: VisaAnswer[] = [
  { kind: 'done', id: 1, value: { session: 16 } },
  { kind: 'done', id: 2, value: { ended: 'stopped' } },
  { kind: 'done', id: 3, value: { resources: ['X'] } },
  { kind: 'failed', id: 4, status: -1, text: 'refused' },
];

const sides = [
  { name: 'requests', read: readVisaRequest, schema: visaRequest, hot: HOT_REQUESTS, rare: RARE_REQUESTS },
  { name: 'answers', read: readVisaAnswer, schema: visaAnswer, hot: HOT_ANSWERS, rare: RARE_ANSWERS },
] as const;

describe.each(sides)('$name', ({ read, schema, hot, rare }) => {
  const judge = (message: unknown): unknown => {
    const parsed = schema.safeParse(message);
    return parsed.success ? parsed.data : undefined;
  };

  it('those of a query are let through as they are', () => {
    for (const message of hot) {
      const arrived: unknown = deserialize(serialize(message));
      expect(read(arrived)).toBe(arrived);
      expect(arrived).toStrictEqual(judge(arrived));
    }
  });

  it('all others are for the schema', () => {
    for (const message of rare) {
      const arrived: unknown = deserialize(serialize(message));
      expect(read(arrived)).toStrictEqual(message);
      expect(read(arrived)).not.toBe(arrived);
    }
  });

  it('spoiled ones are judged as the schema judges them', () => {
    const random = seededRandom(4711);
    const counts = { taken: 0, refused: 0 };
    for (let round = 0; round < 5000; round++) {
      const message: unknown = deserialize(serialize(pick([...hot, ...hot, ...rare], random)));
      let spoiled = message;
      for (let faults = 1 + random.below(2); faults > 0; faults--) spoiled = spoil(spoiled, random);
      const expected = judge(spoiled);
      expect(read(spoiled), `round ${round}`).toStrictEqual(expected);
      counts[expected === undefined ? 'refused' : 'taken']++;
    }
    expect(counts.taken).toBeGreaterThan(200);
    expect(counts.refused).toBeGreaterThan(2000);
  });
});

class Stranger {
  readonly id = 1;
}

/** Wrong of type, not a number, negative, too large, on the edge. */
const ODD: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -1,
  () => -0,
  () => 0,
  () => 1.5,
  () => 256,
  () => 100_001,
  () => 16_777_216,
  () => 16_777_217,
  () => 0xffff_fffe,
  () => 0xffff_ffff,
  () => Number.MAX_SAFE_INTEGER,
  () => 2 ** 53,
  () => 1n,
  () => '1',
  () => 'write',
  () => 'read',
  () => 'done',
  () => 'end',
  () => true,
  () => [],
  () => ({}),
  () => ({ id: 1, ...READ }),
  () => Object.assign([], READ, { id: 1 }),
  () => Object.assign(new Stranger(), READ),
  () => new Map(),
  () => new Uint8Array(0),
  () => Buffer.from('x'),
  () => new Uint16Array(2),
  () => new ArrayBuffer(2),
  () => new DataView(new ArrayBuffer(2)),
];
const NAMES = ['id', 'call', 'session', 'bytes', 'answer', 'termChar', 'written', 'ended', 'value', 'kind', 'more'];

/** One field anywhere in it is gone, another value, or too many; or the whole is something else. */
function spoil(message: unknown, random: SeededRandom): unknown {
  const places = objectsIn(message);
  if (places.length === 0 || random.below(50) === 0) return pick(ODD, random)();
  const place = pick(places, random);
  const keys = Object.keys(place);
  const key = keys.length > 0 && random.below(4) > 0 ? pick(keys, random) : pick(NAMES, random);
  if (random.below(4) === 0) delete place[key];
  else place[key] = pick(ODD, random)();
  return message;
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [];
  const fields = value as Record<string, unknown>;
  return [fields, ...Object.values(fields).flatMap(objectsIn)];
}

function pick<T>(list: readonly T[], random: SeededRandom): T {
  return list[random.below(list.length)] as T;
}
