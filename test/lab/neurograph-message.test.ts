import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { metricsOf, parseNeurographMessage } from '../../src/protocol/lab/neurograph-message.ts';
import {
  accessibleChannels,
  canBroadcast,
  NEUROGRAPH_CHANNELS,
  neurographRate,
} from '../../src/protocol/lab/neurograph-role.ts';

const folder = new URL('../fixtures/lab/', import.meta.url);
const lines = readdirSync(new URL('neurograph/', folder))
  .filter((file) => file.endsWith('.jsonl'))
  .flatMap((file) =>
    readFileSync(new URL(`neurograph/${file}`, folder), 'utf8')
      .trim()
      .split('\n'),
  )
  .map((line) => JSON.parse(line) as { dir: string; kind: string; data: unknown });
const received = lines.filter(({ dir, kind }) => dir === '<-' && kind === 'text').map(({ data }) => data);

test('every recorded message is understood', () => {
  expect(received.length).toBeGreaterThan(400);
  expect(received.filter((message) => !parseNeurographMessage(message))).toEqual([]);
  const kinds = new Set(received.map((message) => parseNeurographMessage(message)?.type));
  expect([...kinds].sort()).toEqual(
    'connected error event ping pong reconnection_token subscribed subscriptions unsubscribed'.split(' '),
  );
});

const rbac = (
  JSON.parse(readFileSync(new URL('golden-vectors.json', folder), 'utf8')) as {
    rbac: Record<string, { subscribe: string[]; broadcast: string[] }>;
  }
).rbac;

for (const [role, rights] of Object.entries(rbac)) {
  test(`221-250 ${role}: what may be subscribed to and broadcast`, () => {
    const name = role === 'None' ? undefined : role;
    expect([...accessibleChannels(name)].sort()).toEqual([...rights.subscribe].sort());
    expect(NEUROGRAPH_CHANNELS.filter((channel) => canBroadcast(name, channel)).sort()).toEqual(
      [...rights.broadcast].sort(),
    );
  });
}

test('251 a viewer has metrics and status', () => {
  expect(accessibleChannels('viewer')).toEqual(['metrics', 'status']);
});

test('254-258 limits of the server, burst included', () => {
  const capacities = ['ping', 'subscribe', 'unsubscribe', 'get_subscriptions', 'bogus'].map(
    (type) => neurographRate(type).capacity,
  );
  expect(capacities).toEqual([140, 50, 50, 30, 80]);
});

test('metrics: null is not measured, texts are none', () => {
  const numbers = metricsOf({ cpu_percent: 3.5, memory_mb: null, host: 'x', total_tokens: Number.NaN });
  expect([...numbers]).toEqual([
    ['cpu_percent', 3.5],
    ['memory_mb', Number.NaN],
    ['total_tokens', Number.NaN],
  ]);
  expect(metricsOf([1, 2]).size).toBe(0);
  expect(metricsOf(null).size).toBe(0);
});

test('266 disconnected with a token is taken although no server sends it', () => {
  expect(parseNeurographMessage({ type: 'disconnected', reconnection_token: 'abc', expires_in: 300 })).toMatchObject({
    reconnection_token: 'abc',
  });
});

test('114 ten thousand messages of wrong types never throw', () => {
  const random = seededRandom(20_271);
  const values = [null, 1, Number.NaN, 'x', true, [], {}, [1, 'a'], undefined, { type: 'ping' }];
  let understood = 0;
  for (let i = 0; i < 10_000; i++) {
    const message = { ...(received[random.below(received.length)] as Record<string, unknown>) };
    const keys = Object.keys(message);
    const key = keys[random.below(keys.length)] ?? 'type';
    message[key] = values[random.below(values.length)];
    if (parseNeurographMessage(message)) understood++;
  }
  expect(understood).toBeGreaterThan(100);
  for (const value of values) parseNeurographMessage(value);
});
