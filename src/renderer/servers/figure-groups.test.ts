import { expect, test } from 'vitest';
import type { ServerState } from '../../contract/server-schema.ts';
import type { ServerStats } from '../../contract/server-stats-schema.ts';
import { figureGroups } from './figure-groups.ts';

const TRAFFIC = { bytes: 1000, wireBytes: 250 } as ServerState['traffic'];

const SAID: ServerStats = {
  t: '1',
  compression: {
    current_level: 6,
    messages_processed: 1000,
    average_compression_ratio: 78.5,
    average_latency_ms: 8.2,
    space_saved_mb: 15.7,
  },
  buffer: { size: 2500, utilization: 0.85, high_watermark: 0.8 },
  performance: { sent_messages: 9500, dropped_messages: 50, drop_rate: 0.005, messages_per_second: 850 },
  state: { backpressure_active: true, emergency_mode: false, paused: false },
  adaptive: {
    current_level: 6,
    network_condition: 'good',
    data_pattern: 'normal',
    adaptation_count: 15,
    performance: { latency_ms: 7.8, compression_ratio: 82.3, throughput_mbps: 5.2 },
  },
  others: [],
};

test('304 345 each figure has its row under the name the server has for it; what is too much is marked', () => {
  const groups = figureGroups(SAID, TRAFFIC);
  const rows = Object.fromEntries(
    groups.flatMap(({ rows }) => rows).map(({ name, text, tone }) => [name, [text, tone]]),
  );
  expect(groups.map(({ title }) => title)).toEqual(['Compression', 'Buffer', 'Sending', 'State', 'Adaptation']);
  expect(rows).toMatchObject({
    'compression.current_level': ['6', ''],
    'compression.average_compression_ratio': ['78.5 %', ''],
    'compression.average_latency_ms': ['8.20 ms', ''],
    'compression.space_saved_mb': ['15.7 MB', ''],
    'bytes of the messages and on the wire': ['75.0 %', ''],
    'buffer.utilization': ['85 %', 'tone-warn'],
    'buffer.high_watermark': ['80 %', ''],
    'performance.drop_rate': ['0.50 %', 'tone-warn'],
    'performance.messages_per_second': ['850.0 /s', ''],
    'state.backpressure_active': ['yes', 'tone-warn'],
    'state.emergency_mode': ['no', ''],
    'adaptive.performance.throughput_mbps': ['5.2 Mbps', ''],
  });
});

test('345 what a server does not say has no row, and a group without rows is not there', () => {
  const nothing = <T extends object>(group: T): T =>
    Object.fromEntries(Object.keys(group).map((name) => [name, null])) as T;
  const groups = figureGroups(
    {
      ...SAID,
      compression: nothing(SAID.compression),
      buffer: { ...nothing(SAID.buffer), size: 0 },
      performance: nothing(SAID.performance),
      state: nothing(SAID.state),
      adaptive: { ...nothing(SAID.adaptive), performance: nothing(SAID.adaptive.performance) },
    },
    TRAFFIC,
  );
  expect(groups).toEqual([{ title: 'Buffer', rows: [{ label: 'Waiting', name: 'buffer.size', text: '0', tone: '' }] }]);
});
