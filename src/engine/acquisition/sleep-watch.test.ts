import { expect, test } from 'vitest';
import { type Batch, rowTimeNs } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { ArrivalStream } from './arrival-stream.ts';
import { RegularStream } from './regular-stream.ts';
import { durationText } from './sleep-watch.ts';
import { StreamRegistry } from './stream-registry.ts';
import { TimedStream } from './timed-stream.ts';

class Notes implements SampleSink {
  readonly items: (Batch | StreamGap)[] = [];
  streamOpened(): void {}
  streamClosed(): void {}
  batch(batch: Batch): void {
    this.items.push(batch);
  }
  gap(gap: StreamGap): void {
    this.items.push(gap);
  }
  get gaps(): StreamGap[] {
    return this.items.flatMap((item) => ('reason' in item ? [item] : []));
  }
  get times(): bigint[] {
    return this.items.flatMap((item) =>
      'reason' in item ? [] : Array.from({ length: item.rows }, (_, row) => rowTimeNs(item, row)),
    );
  }
}

function place(): { clock: ManualClock; sink: Notes; registry: StreamRegistry } {
  const clock = new ManualClock();
  const sink = new Notes();
  return { clock, sink, registry: new StreamRegistry(sink, clock) };
}

const VOLTS = [{ channel: 'a', unit: 'V' }];
const HOURS_MS = 8 * 3_600_000;

test('a polled stream: a gap over the sleep, and the times of now after it', async () => {
  const at = place();
  const { clock, sink } = at;
  using stream = new TimedStream(at, { instrument: 'i', stream: 'poll', columns: VOLTS, rateHz: 10 });
  const poll = async (): Promise<void> => {
    const sentNs = clock.nowNs();
    await clock.advance(2);
    stream.add([1], sentNs, clock.nowNs());
    await clock.advance(98);
  };
  await poll();
  await poll();
  const lastNs = sink.times.at(-1);
  clock.sleep(HOURS_MS);
  const wokeNs = clock.nowNs();
  await poll();
  await poll();
  expect(sink.gaps).toHaveLength(1);
  expect(sink.gaps[0]).toMatchObject({
    seq: 2,
    fromNs: lastNs,
    lost: 0,
    reason: 'sleep: the system slept for 8 h 0 min',
  });
  expect(sink.times[2]).toBe(wokeNs + 1_000_000n);
  expect(sink.gaps[0]?.toNs).toBe(sink.times[2]);
  expect(sink.times).toHaveLength(4);
});

test('asked before the sleep and answered after it: the row says that it may be of either end, with a gap on both sides', async () => {
  const at = place();
  const { clock, sink } = at;
  {
    using stream = new TimedStream(at, { instrument: 'i', stream: 'poll', columns: VOLTS, rateHz: 10 });
    stream.add([1], clock.nowNs(), clock.nowNs());
    await clock.advance(100);
    const sentNs = clock.nowNs();
    clock.sleep(HOURS_MS);
    stream.add([2], sentNs, clock.nowNs());
    await clock.advance(100);
    stream.markGap('reconnected');
    stream.add([3], clock.nowNs(), clock.nowNs());
  }
  expect(sink.gaps.map(({ seq }) => seq)).toEqual([1, 2]);
  const halfS = sink.items.flatMap((item) => ('reason' in item ? [] : [item.columns[1]?.[0]]))[1] ?? 0;
  expect(halfS).toBeCloseTo(HOURS_MS / 2000, 3);
  expect(Number(clock.nowNs() - (sink.times[1] ?? 0n)) / 1e9, 'either end is within its uncertainty').toBeLessThan(
    halfS + 1,
  );
});

test('a stream at a fixed rate: counted rows do not go on over the sleep; what the device lost is lost', async () => {
  const at = place();
  const { clock, sink } = at;
  {
    using stream = new RegularStream(at, {
      instrument: 'i',
      stream: 's',
      columns: VOLTS,
      rateHz: 1000,
      float64: false,
    });
    const piece = (rows: number, lost = 0) => ({
      rows,
      columns: [new Float32Array(rows)],
      arrivedNs: clock.nowNs(),
      lost,
    });
    await clock.advance(100);
    stream.add(piece(100));
    await clock.advance(100);
    stream.add(piece(100));
    clock.sleep(HOURS_MS);
    await clock.advance(100);
    stream.add(piece(100));
    expect(stream.endNs).toBe(clock.nowNs());
    clock.sleep(HOURS_MS);
    await clock.advance(100);
    stream.add(piece(50, 50));
    expect(stream.endNs).toBe(clock.nowNs());
  }
  expect(sink.gaps.map(({ seq, lost, reason }) => [seq, lost, reason])).toEqual([
    [200, 0, 'sleep: the system slept for 8 h 0 min'],
    [350, 50, 'sleep: the system slept for 8 h 0 min; the device dropped 50 rows'],
  ]);
  const [before = 0n, after = 0n] = [sink.times[199], sink.times[200]];
  expect(Number(after - before) / 1e6).toBeCloseTo(HOURS_MS + 1, 3);
  expect(sink.items.flatMap((item) => ('reason' in item || item.seq < 200 ? [] : [item.lost]))).toEqual([0, 50]);
});

test('a device that sends when it likes: a gap over the sleep', async () => {
  const at = place();
  const { clock, sink } = at;
  {
    using stream = new ArrivalStream(at, { instrument: 'i', stream: 's', columns: VOLTS });
    const piece = () => ({ rows: 1, columns: [new Float64Array(1)], arrivedNs: clock.nowNs(), lost: 0 });
    clock.sleep(1000);
    stream.add(piece());
    clock.sleep(HOURS_MS);
    stream.add(piece());
    stream.add(piece());
  }
  expect(sink.gaps).toMatchObject([{ seq: 1, lost: 0, reason: 'sleep: the system slept for 8 h 0 min' }]);
  expect([sink.gaps[0]?.fromNs, sink.gaps[0]?.toNs]).toEqual([sink.times[0], sink.times[1]]);
});

test('how long is said shortly', () => {
  expect([3.4, 59.6, 125, 3599, 3600, 30_000].map(durationText)).toEqual([
    '3 s',
    '1 min 0 s',
    '2 min 5 s',
    '1 h 0 min',
    '1 h 0 min',
    '8 h 20 min',
  ]);
});
