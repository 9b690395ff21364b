import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { parseSocketFigures } from './socket-figures.ts';

const FULL = {
  type: 'stats',
  compression: {
    current_level: 6,
    messages_processed: 1000,
    average_compression_ratio: 78.5,
    average_latency_ms: 8.2,
    space_saved_mb: 15.7,
  },
  buffer: { size: 2500, utilization: 0.25, high_watermark: 0.8 },
  performance: { sent_messages: 9500, dropped_messages: 50, drop_rate: 0.005, messages_per_second: 850 },
  state: { backpressure_active: false, emergency_mode: false, paused: true },
  adaptive: {
    current_level: 6,
    network_condition: 'good',
    data_pattern: 'normal',
    adaptation_count: 15,
    performance: { latency_ms: 7.8, compression_ratio: 82.3, throughput_mbps: 5.2 },
  },
};

describe('figures of a socket', () => {
  test('304 345 346 every name of get_stats is read', () => {
    const { type: _, ...groups } = FULL;
    expect(parseSocketFigures(FULL)).toEqual({ ...groups, others: [] });
  });

  test('345 the counts of LabLink go where they mean the same, the rest keeps its name', () => {
    const figures = parseSocketFigures(
      {
        type: 'stats',
        connection: {
          messages_queued: 1234,
          messages_sent: 1200,
          messages_dropped: 300,
          queue_overflows: 1,
          queue_size: 34,
          queue_size_by_priority: { critical: 0, high: 2 },
        },
        global: { total_connections: 3, average_compression_ratio: 4 },
      },
      1000,
    );
    expect(figures).toMatchObject({
      compression: { average_compression_ratio: 75, current_level: null },
      buffer: { size: 34, utilization: 0.034, high_watermark: null },
      performance: { sent_messages: 1200, dropped_messages: 300, drop_rate: 0.2, messages_per_second: null },
      state: { backpressure_active: null },
    });
    expect(figures?.others).toEqual([
      { name: 'messages_queued', value: 1234 },
      { name: 'queue_overflows', value: 1 },
      { name: 'queue_size_by_priority.critical', value: 0 },
      { name: 'queue_size_by_priority.high', value: 2 },
      { name: 'total_connections', value: 3 },
    ]);
  });

  test('a figure that is none is null, and costs nothing else', () => {
    const figures = parseSocketFigures({
      ...FULL,
      compression: 'six',
      buffer: { size: Number.NaN, utilization: '25 %', high_watermark: 0.8 },
      state: { paused: 1, emergency_mode: true },
      adaptive: { network_condition: 'x'.repeat(100), performance: [] },
    });
    expect(figures?.compression.current_level).toBeNull();
    expect(figures?.buffer).toEqual({ size: null, utilization: null, high_watermark: 0.8 });
    expect(figures?.state).toEqual({ backpressure_active: null, emergency_mode: true, paused: null });
    expect(figures?.adaptive).toMatchObject({ network_condition: null, performance: { latency_ms: null } });
  });

  test('nothing of it is no figures', () => {
    for (const body of [undefined, null, 7, 'stats', [], {}, { type: 'stats' }, { connection: {}, global: null }])
      expect(parseSocketFigures(body)).toBeUndefined();
  });

  test('whatever a server says is read without a throw, and bounded', () => {
    const random = seededRandom(345);
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, null, 'text', [], {}, true, -1, 1e300, undefined];
    const keys = Object.entries(FULL).flatMap(([key, group]) => (typeof group === 'object' ? [[key, group]] : [])) as [
      string,
      Record<string, unknown>,
    ][];
    for (let round = 0; round < 2000; round++) {
      const [group = '', fields = {}] = keys[random.below(keys.length)] ?? [];
      const names = Object.keys(fields);
      const changed = { ...fields, [names[random.below(names.length)] ?? '']: odd[random.below(odd.length)] };
      const connection = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`count_${at}`, at]));
      const body =
        random.next() < 0.2 ? { ...FULL, [group]: odd[random.below(odd.length)] } : { ...FULL, [group]: changed };
      const figures = parseSocketFigures({ ...body, connection });
      expect(figures?.others.length).toBeLessThanOrEqual(40);
      expect(JSON.parse(JSON.stringify(figures))).toEqual(figures);
    }
  });
});
