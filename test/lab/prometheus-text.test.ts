import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { parseMetricLine, parsePrometheusText } from '../../src/protocol/lab/prometheus-text.ts';

const page = readFileSync(new URL('../fixtures/lab/neurograph/002-metrics.txt', import.meta.url), 'utf8');

/** The 16 of the seed, `neurograph_ws_` before each. */
const NAMES =
  `connections_total connections_by_user connection_duration_seconds channel_subscribers channel_subscriptions_total
 channel_unsubscriptions_total messages_sent_total messages_received_total message_size_bytes message_latency_seconds
 broadcast_duration_seconds heartbeat_latency_seconds buffered_events_total buffer_overflow_total errors_total disconnects_total`.split(
    /\s+/,
  );

test('201-216 the recorded page has the 16 metrics, each with its type and numbers', () => {
  const { families, malformed, omitted } = parsePrometheusText(page);
  expect([malformed, omitted]).toEqual([0, 0]);
  const byName = new Map(families.map((family) => [family.name, family]));
  for (const name of NAMES) expect(byName.has(`neurograph_ws_${name}`), name).toBe(true);
  expect(byName.get('neurograph_ws_connection_duration_seconds')).toMatchObject({ type: 'histogram' });
  const sent = byName.get('neurograph_ws_messages_sent_total');
  expect(sent?.samples.find(({ labels }) => labels.message_type === 'pong')?.value).toBe(141);
  const duration = byName.get('neurograph_ws_connection_duration_seconds')?.samples ?? [];
  expect(duration.find(({ labels }) => labels.le === '+Inf')?.value).toBe(18);
  expect(duration.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(21.586482);
  // Nothing is lost between the families.
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(families.reduce((sum, { samples }) => sum + samples.length, 0)).toBe(lines.length);
});

test('217 any text of the format: escapes, times, infinities, exemplars, spaces', () => {
  expect(parseMetricLine('a 1')).toMatchObject({ name: 'a', value: 1, timestampMs: undefined });
  expect(parseMetricLine('a{x="1\\"\\\\\\n{},",y="",} -Inf 1700000000000')).toMatchObject({
    labels: { x: '1"\\\n{},', y: '' },
    value: Number.NEGATIVE_INFINITY,
    timestampMs: 1_700_000_000_000,
  });
  expect(parseMetricLine('a_bucket{le="0.1"} 8 # {id="x"} 0.05')?.value).toBe(8);
  expect(parseMetricLine('a { } NaN')?.value).toBeNaN();
  expect(parseMetricLine('ns:rate5m .5e-3')?.value).toBe(0.0005);
  for (const bad of ['1a 1', 'a', 'a{', 'a{x} 1', 'a{x="1} 1', 'a{x="1"y="2"} 1', 'a 0x1', 'a 1 2 3', 'a 1 x', 'a"1']) {
    expect(parseMetricLine(bad), bad).toBeUndefined();
  }
});

test('217 what is no metrics page is counted and left out', () => {
  expect(parsePrometheusText('<html>\n<body>Not found</body>\r\n{"detail":"Not authenticated"}')).toMatchObject({
    families: [],
    malformed: 3,
  });
  const many = Array.from({ length: 12_000 }, (_, i) => `m{i="${i}"} ${i}`).join('\n');
  const { families, omitted } = parsePrometheusText(many, 10_000);
  expect([families[0]?.samples.length, omitted]).toEqual([10_000, 2000]);
});

test('114 fuzzed pages never throw and never hang', () => {
  const random = seededRandom(217);
  const lines = page.split('\n');
  for (let i = 0; i < 20_000; i++) {
    const line = lines[random.below(lines.length)] ?? '';
    const at = random.below(line.length + 1);
    const odd = String.fromCharCode(random.below(0x2100));
    parseMetricLine(line.slice(0, at) + odd + line.slice(at + random.below(3)));
  }
  expect(parseMetricLine(`a{x="${'\\"'.repeat(100_000)}`)).toBeUndefined();
});
