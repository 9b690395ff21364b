import { expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { parseLabwireAlarm, parseLabwireMessage } from './labwire-messages.ts';

const SAMPLES: Record<string, unknown>[] = [
  { type: 'capabilities', server: { instance: 'a' }, features: { resume: { enabled: true, ttl: 300 } }, later: 1 },
  {
    type: 'connected',
    role: 'viewer',
    streams: [{ key: 'a/b', handle: 1, epoch: 2, result: 'partial', from: 3, to: 4 }],
  },
  {
    type: 'stream_started',
    equipment_id: 'a',
    stream_type: 'b',
    key: 'a/b',
    handle: 1,
    epoch: 5,
    schema: { channels: ['x'] },
  },
  { type: 'stream_data', key: 'a/b', ep: 5, seq: 0, t: 1, data: [1, null, Number.NaN, Number.NEGATIVE_INFINITY] },
  { type: 'stream_data', key: 'a/b', ep: 5, seq: 0, t: 1, data: { x: 1 }, skipped: { n: 3, reason: 'new reason' } },
  { type: 'gap', key: 'a/b', epoch: 5, from: 1, to: 2, reason: 'ring' },
  { type: 'drop_report', state: 'EMERGENCY', by_stream: { 'a/b': { dropped: 3 } } },
  { type: 'pong', id: 1, t0: 1, t1: 2, t2: 3 },
  { type: 'error', code: 'x', message: 'y', error: 'y' },
  { type: 'event', channel: 'alarms', seq: 1, data: {} },
  { type: 'command_result', re: 'c1', success: false, error: 'no' },
  { type: 'history', re: 'h', key: 'a/b', epoch: 5, missing: [{ from: 1, to: 2 }] },
];

test.each(SAMPLES)('%o is understood', (sample) => {
  expect(parseLabwireMessage(sample)).toMatchObject({ kind: 'message', message: { type: sample.type } });
});

test('unknown is not malformed, and each says which', () => {
  expect(parseLabwireMessage({ type: 'tomorrow' })).toEqual({ kind: 'unknown', type: 'tomorrow' });
  expect(parseLabwireMessage({ type: 'bye', anything: 1 })).toEqual({ kind: 'quiet', type: 'bye' });
  for (const none of [null, 1, 'x', [], {}, { type: 3 }])
    expect(parseLabwireMessage(none)).toMatchObject({ kind: 'malformed' });
  expect(parseLabwireMessage({ type: 'gap', key: 'a/b', epoch: 5, from: -1, to: 2 })).toMatchObject({
    kind: 'malformed',
    why: expect.stringContaining('gap: from'),
  });
  expect(parseLabwireMessage({ type: 'pong', id: 1, t0: 'now', t1: 2, t2: 3 })).toMatchObject({ kind: 'malformed' });
});

test('a skip reason of a newer server is unknown, not malformed', () => {
  expect(parseLabwireMessage(SAMPLES[4])).toMatchObject({ message: { skipped: { n: 3, reason: 'unknown' } } });
});

test('an alarm with a severity nobody knows is a warning', () => {
  expect(parseLabwireAlarm({ event_id: 'e', severity: 'mauve', message: 'm' })).toMatchObject({
    severity: 'warning',
    state: 'active',
  });
  expect(parseLabwireAlarm({ message: 'm' })).toBeUndefined();
});

test('114 fuzz: values of any type at any place are judged, never thrown at', () => {
  const random = seededRandom(5);
  const values = [null, true, -1, 1.5, 2 ** 60, Number.NaN, 'text', '', [], [[]], {}, { type: 'x' }, undefined];
  const wreck = (value: unknown, depth: number): unknown => {
    if (random.below(6) === 0) return values[random.below(values.length)];
    if (Array.isArray(value)) return value.map((item) => wreck(item, depth + 1));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, key === 'type' && depth === 0 ? item : wreck(item, depth + 1)]),
    );
  };
  const kinds = new Map<string, number>();
  for (let round = 0; round < 20_000; round++) {
    const { kind } = parseLabwireMessage(wreck(SAMPLES[round % SAMPLES.length], 0));
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  expect(kinds.get('message')).toBeGreaterThan(1000);
  expect(kinds.get('malformed')).toBeGreaterThan(1000);
});
