import { afterEach, describe, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openLabLinkLab, SUPPLY } from './lablink-harness.ts';
import { openHarness } from './labwire-harness.ts';

/** What servers count of their own sending, over real sockets. */
afterEach(() => expect(openScopes()).toEqual([]));

const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const STREAMS = [{ equipment: 'psu', name: 'readings', intervalMs: 20, form: 'f64' as const }];

describe('labwire.1', () => {
  test('304 345 each figure of get_stats, and they are those a sniffer counts', async () => {
    const seen = { messages: 0, frames: 0, bytes: 0 };
    await using bench = await openHarness({
      streams: STREAMS,
      prepare: ({ world }) => {
        world.knobs.tap = (data) => {
          seen.messages++;
          if (typeof data === 'string') return;
          seen.frames++;
          seen.bytes += data.byteLength;
        };
      },
    });
    const { log } = bench.want('psu/readings', 20);
    await bench.until('rows', () => log.entries.length > 20);
    const asked = bench.client.stats(soon());
    // The answer is counted by the sniffer once it is made: it is the last message so far.
    let isAnswered = false;
    void asked.then(() => {
      isAnswered = true;
    });
    await bench.until('the answer', () => isAnswered, 0);
    const { compression, buffer, performance, state } = await asked;
    expect(compression.messages_processed).toBe(seen.frames);
    expect(performance.sent_messages).toBe(seen.messages - 1);
    const plainBytes = seen.bytes / (1 - (compression.average_compression_ratio ?? 0) / 100);
    expect(plainBytes / 16).toBeCloseTo(Math.round(plainBytes / 16), 6);
    expect(compression.space_saved_mb).toBeCloseTo((plainBytes - seen.bytes) / 1e6, 9);
    expect(compression.average_latency_ms).toBeGreaterThan(0);
    expect(buffer).toMatchObject({ size: 0, high_watermark: 0.8 });
    expect(performance).toMatchObject({ dropped_messages: 0, drop_rate: 0 });
    expect(performance.messages_per_second).toBeGreaterThan(0);
    expect(state).toEqual({ backpressure_active: false, emergency_mode: false, paused: false });
    expect(bench.client.features.stats).toBe(true);
  });

  test('345 a server that does not know the question is no fault; without a connection nothing is asked', async () => {
    await using bench = await openHarness({ streams: STREAMS, isReal: true });
    await bench.until('connected', () => bench.client.link.word === 'connected');
    bench.server.world.knobs.isWithoutStats = true;
    await expect(bench.client.stats(soon())).rejects.toMatchObject({ code: 'server.unsupported' });
    expect(bench.events.filter(({ kind }) => kind === 'error')).toEqual([]);
    bench.client.disconnect();
    await expect(bench.client.stats(soon())).rejects.toMatchObject({ code: 'server.closed' });
  });
});

describe('LabLink', () => {
  test('345 the enhanced socket answers by the same names; its rate is made of two answers', async () => {
    await using bench = await openLabLinkLab({ mode: 'enhanced' });
    const supply = bench.watch(SUPPLY, 'readings', 50);
    await supply.more(5, 'live');
    expect(bench.lab.features.stats).toBe(true);
    const first = await bench.lab.stats?.(soon());
    expect(first?.performance).toMatchObject({ dropped_messages: 0, drop_rate: 0 });
    expect(first?.performance.sent_messages).toBeGreaterThan(4);
    // Of the thousand the server says may wait.
    expect(first?.buffer.utilization).toBeCloseTo((first?.buffer.size ?? Number.NaN) / 1000, 9);
    expect(first?.others.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['queue_overflows', 'rate_limit_hits', 'total_connections']),
    );
    await expect
      .poll(async () => (await bench.lab.stats?.(soon()))?.performance.messages_per_second)
      .toBeGreaterThan(1);
  });

  test('345 the basic socket has none, and is not asked', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    await bench.watch(SUPPLY, 'readings').more(2);
    expect(bench.lab.features.stats).toBe(false);
    await expect(bench.lab.stats?.(soon())).rejects.toMatchObject({ code: 'server.unsupported' });
    expect(bench.server.world.basic.received.filter(({ type }) => type === 'get_stats')).toEqual([]);
  });
});
