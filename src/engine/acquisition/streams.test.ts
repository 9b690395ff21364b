import { describe, expect, it } from 'vitest';
import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { ArrivalStream } from './arrival-stream.ts';
import { DeviceStreams } from './device-streams.ts';
import { LogThinner } from './log-thinner.ts';
import { RegularStream } from './regular-stream.ts';
import { SampleFan } from './sample-fan.ts';
import { StreamRegistry } from './stream-registry.ts';
import { TimedStream } from './timed-stream.ts';

class Taker implements SampleSink {
  opened: StreamInfo[] = [];
  batches: Batch[] = [];
  gaps: StreamGap[] = [];
  closed: number[] = [];
  streamOpened(info: StreamInfo): void {
    this.opened.push(info);
  }
  batch(batch: Batch): void {
    this.batches.push(batch);
  }
  gap(gap: StreamGap): void {
    this.gaps.push(gap);
  }
  streamClosed(stream: number): void {
    this.closed.push(stream);
  }
}

function bench(): { clock: ManualClock; sink: Taker; registry: StreamRegistry } {
  const clock = new ManualClock();
  const sink = new Taker();
  return { clock, sink, registry: new StreamRegistry(sink, clock) };
}

const VOLT = { channel: 'v', unit: 'V' };
const AMP = { channel: 'i', unit: 'A' };

describe('timed stream', () => {
  it('closes a batch 16 ms after its first row, with middle times and half round trips', async () => {
    const place = bench();
    const stream = new TimedStream(place, { instrument: 'a/b/c', stream: 'poll', columns: [VOLT, AMP], rateHz: 10 });
    const t = place.clock.nowNs();
    stream.add([1, 2], t, t + 4_000_000n);
    stream.add([3, Number.POSITIVE_INFINITY], t + 10_000_000n, t + 12_000_000n);
    expect(place.sink.batches).toHaveLength(0);
    await place.clock.advance(16);
    const [batch] = place.sink.batches;
    expect(batch?.rows).toBe(2);
    expect(batch && rowTimeNs(batch, 0)).toBe(t + 2_000_000n);
    expect(batch && rowTimeNs(batch, 1)).toBe(t + 11_000_000n);
    expect(batch?.columns.map((column) => [...column])).toEqual([
      [1, 3],
      [2, Number.POSITIVE_INFINITY],
      [0.002, 0.001],
    ]);
  });

  it('marks the first row after a gap and says why', async () => {
    const place = bench();
    const stream = new TimedStream(place, { instrument: 'a/b/c', stream: 'poll', columns: [VOLT], rateHz: 10 });
    const t = place.clock.nowNs();
    stream.add([1], t, t);
    stream.markGap('reconnect');
    stream.add([2], t + 5_000_000_000n, t + 5_000_000_000n);
    stream[Symbol.dispose]();
    expect(place.sink.gaps).toEqual([
      { stream: 1, seq: 1, fromNs: t, toNs: t + 5_000_000_000n, lost: 0, reason: 'reconnect' },
    ]);
    expect(place.sink.batches.map(({ flags, seq }) => [flags & BATCH_FLAG.gap, seq])).toEqual([
      [0, 0],
      [BATCH_FLAG.gap, 1],
    ]);
    expect(place.sink.closed).toEqual([1]);
  });

  it('never lets time go back', () => {
    const place = bench();
    const stream = new TimedStream(place, { instrument: 'a/b/c', stream: 'poll', columns: [VOLT], rateHz: 10 });
    stream.add([1], 2000n, 2000n);
    stream.add([2], 1000n, 1000n);
    stream.flush();
    const [batch] = place.sink.batches;
    expect(batch && rowTimeNs(batch, 1)).toBe(2001n);
  });
});

describe('regular stream', () => {
  const shape = { instrument: 'a/b/c', stream: 'stream', columns: [VOLT], rateHz: 1000, float64: false };

  it('counts time by dt, numbers rows, and splits at the size of a batch', async () => {
    const place = bench();
    const stream = new RegularStream(place, shape, { maxRows: 4, maxMs: 16, anchorMs: 100 });
    stream.add({ columns: [Float32Array.of(0, 1, 2, 3, 4, 5)], rows: 6, lost: 0, arrivedNs: 1_000_000_000n });
    await place.clock.advance(16);
    expect(place.sink.batches.map(({ seq, rows, t0Ns }) => [seq, rows, t0Ns])).toEqual([
      [0, 4, 994_000_000n],
      [4, 2, 998_000_000n],
    ]);
    expect(place.sink.batches.flatMap(({ columns }) => [...(columns[0] ?? [])])).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('counts lost rows in the row numbers and says the gap', async () => {
    const place = bench();
    const stream = new RegularStream(place, shape, { maxRows: 8, maxMs: 16, anchorMs: 100 });
    stream.add({ columns: [Float32Array.of(0, 1)], rows: 2, lost: 0, arrivedNs: 1_000_000_000n });
    stream.add({ columns: [Float32Array.of(7, 8)], rows: 2, lost: 5, arrivedNs: 1_007_000_000n });
    stream.flush();
    expect(place.sink.batches.map(({ seq, lost, flags, t0Ns }) => [seq, lost, flags, t0Ns])).toEqual([
      [0, 0, 0, 998_000_000n],
      [7, 5, BATCH_FLAG.gap, 1_005_000_000n],
    ]);
    expect(place.sink.gaps.map(({ seq, lost, fromNs, toNs }) => [seq, lost, fromNs, toNs])).toEqual([
      [7, 5, 1_000_000_000n, 1_005_000_000n],
    ]);
  });

  it('anchors time anew after a gap when it is far off', () => {
    const place = bench();
    const stream = new RegularStream(place, shape);
    stream.add({ columns: [Float32Array.of(0)], rows: 1, lost: 0, arrivedNs: 1_000_000_000n });
    stream.add({ columns: [Float32Array.of(1)], rows: 1, lost: 10, arrivedNs: 3_000_000_000n });
    stream.flush();
    expect(place.sink.batches[1]?.t0Ns).toBe(2_999_000_000n);
  });

  it('never lets time go back at lost rows, though a fast device clock was counted ahead of ours', () => {
    const place = bench();
    const stream = new RegularStream(place, shape, { maxRows: 1000, maxMs: 16, anchorMs: 100 });
    const piece = { columns: [new Float32Array(1000)], rows: 1000, lost: 0 };
    // A second of rows each 0.9 s: after two pieces it is counted 0.1 s ahead, after four 0.3 s.
    for (let at = 1n; at <= 4n; at++) stream.add({ ...piece, arrivedNs: at * 900_000_000n });
    stream.add({ ...piece, lost: 10, arrivedNs: 4_509_000_000n });
    stream.add({ ...piece, arrivedNs: 5_409_000_000n });
    stream.flush();
    const starts = place.sink.batches.map(({ t0Ns }) => t0Ns);
    expect(starts[4]).toBe((starts[3] ?? 0n) + 1_000_000_000n);
    expect(starts[5]).toBe((starts[4] ?? 0n) + 1_000_000_000n);
    expect(place.sink.gaps.map(({ fromNs, toNs, lost }) => [toNs - fromNs, lost])).toEqual([[0n, 10]]);
  });

  it('a stream that begins before the one before it was counted to end has a gap that does not end before it begins', () => {
    const place = bench();
    const stream = new RegularStream(place, { ...shape, after: { endNs: 2_000_000_000n, reason: 'restarted' } });
    stream.add({ columns: [Float32Array.of(0, 1)], rows: 2, lost: 0, arrivedNs: 1_800_000_000n });
    stream.flush();
    expect(place.sink.gaps.map(({ fromNs, toNs }) => [fromNs, toNs])).toEqual([[2_000_000_000n, 2_000_000_000n]]);
    expect(place.sink.batches[0]?.t0Ns).toBe(1_798_000_000n);
  });
});

describe('arrival stream', () => {
  const shape = { instrument: 'a/b/c', stream: 'lines', columns: [VOLT] };

  it('gives every row a time of its own, never going back, and says how sure it is', async () => {
    const place = bench();
    const stream = new ArrivalStream(place, shape);
    const timesS = Float64Array.of(-0.002, -0.001, 0);
    const piece = { columns: [Float64Array.of(1, 2, 3)], rows: 3, lost: 0, uncertaintyS: 0.0015 };
    stream.add({ ...piece, arrivedNs: 1_000_000_000n, timesS });
    stream.add({ ...piece, arrivedNs: 1_001_000_000n, timesS });
    await place.clock.advance(16);
    const [batch] = place.sink.batches;
    expect([0, 1, 2, 3, 4, 5].map((row) => batch && rowTimeNs(batch, row))).toEqual([
      998_000_000n,
      999_000_000n,
      1_000_000_000n,
      1_000_000_001n,
      1_000_000_002n,
      1_001_000_000n,
    ]);
    expect(batch?.columns.map((column) => [...column])).toEqual([[1, 2, 3, 1, 2, 3], Array(6).fill(0.0015)]);
    expect(place.sink.opened[0]).toMatchObject({ kind: 'timed', rateHz: 0 });
  });

  it('splits at the size of a batch, counts lost rows, and tells the pause before it', () => {
    const place = bench();
    const stream = new ArrivalStream(
      place,
      { ...shape, after: { endNs: 5n, reason: 'reconnect' } },
      { maxRows: 2, maxMs: 16 },
    );
    stream.add({ columns: [Float64Array.of(1, 2, 3)], rows: 3, lost: 0, arrivedNs: 1000n });
    stream.add({ columns: [Float64Array.of(9)], rows: 1, lost: 4, arrivedNs: 2000n });
    stream[Symbol.dispose]();
    expect(place.sink.batches.map(({ seq, rows, lost }) => [seq, rows, lost])).toEqual([
      [0, 2, 0],
      [2, 1, 0],
      [7, 1, 4],
    ]);
    expect(place.sink.gaps.map(({ seq, lost, reason }) => [seq, lost, reason])).toEqual([
      [0, 0, 'reconnect'],
      [7, 4, 'the device dropped 4 rows'],
    ]);
  });
});

describe('device streams', () => {
  it('holds several without a rate apart, and tells silence by what was usual', async () => {
    const place = bench();
    const carried: string[] = [];
    const streams = new DeviceStreams('a/b/c', {
      ...place,
      carries: ({ key }) => carried.push(key),
      came: () => {},
    });
    const { outlet } = streams;
    outlet.opened({ stream: 'u', columns: [VOLT], rateHz: 0, float64: true });
    outlet.opened({ stream: 'i', columns: [AMP], rateHz: 0, float64: true });
    const row = (stream: string, value: number) =>
      outlet.rows({ stream, columns: [Float64Array.of(value)], rows: 1, lost: 0, arrivedNs: place.clock.nowNs() });
    row('u', 1);
    row('i', 2);
    row('u', 3);
    await place.clock.advance(16);
    expect(carried).toEqual(['a/b/c/u', 'a/b/c/i']);
    expect(place.sink.batches.map(({ columns }) => [...(columns[0] ?? [])])).toEqual([[1, 3], [2]]);
    await place.clock.advance(5000);
    expect(streams.isSilent).toBe(false);
    row('u', 4);
    await place.clock.advance(40_000);
    expect(streams.isSilent).toBe(false);
    await place.clock.advance(20_000);
    expect(streams.isSilent).toBe(true);
    streams.end('reconnect');
    outlet.opened({ stream: 'u', columns: [VOLT], rateHz: 0, float64: true });
    row('u', 5);
    streams[Symbol.dispose]();
    expect(place.sink.gaps.map(({ reason }) => reason)).toEqual(['reconnect']);
    expect(place.sink.closed).toHaveLength(3);
  });
});

describe('fan', () => {
  it('serves the recorder first and tells a late one of the open streams', () => {
    const order: string[] = [];
    const named = (name: string): SampleSink => ({
      streamOpened: () => void order.push(`${name} opened`),
      batch: () => void order.push(`${name} batch`),
      gap: () => undefined,
      streamClosed: () => undefined,
    });
    const fan = new SampleFan();
    fan.add(named('history'));
    fan.streamOpened({ id: 1, key: 'k', instrument: 'i', epoch: 1, kind: 'timed', columns: [], rateHz: 1 });
    using _recorder = fan.add(named('recorder'), 'first');
    fan.batch({} as Batch);
    expect(order).toEqual(['history opened', 'recorder opened', 'recorder batch', 'history batch']);
  });

  it('one that leaves in the middle of a batch takes it from nobody', () => {
    const fan = new SampleFan();
    const got: string[] = [];
    const named = (name: string, leaves?: () => Disposable): SampleSink => ({
      streamOpened: () => undefined,
      batch: () => {
        got.push(name);
        leaves?.()[Symbol.dispose]();
      },
      gap: () => undefined,
      streamClosed: () => undefined,
    });
    fan.add(named('before'));
    const place: Disposable = fan.add(named('leaving', () => place));
    fan.add(named('next'));
    fan.add(named('last'));
    fan.batch({} as Batch);
    fan.batch({} as Batch);
    expect(got).toEqual(['before', 'leaving', 'next', 'last', 'before', 'next', 'last']);
  });
});

describe('log thinner', () => {
  it('passes whole streams untouched', () => {
    const { registry, sink, clock } = bench();
    const thinner = new LogThinner(sink, registry, () => ({ recorded: true, logIntervalS: null }));
    const source = new RegularStream(
      { registry: new StreamRegistry(thinner, clock), sink: thinner, clock },
      { ...{ instrument: 'a/b/c', stream: 's', rateHz: 1000, float64: false }, columns: [VOLT] },
    );
    source.add({ columns: [Float32Array.of(1, 2)], rows: 2, lost: 0, arrivedNs: 0n });
    source.flush();
    expect(sink.batches[0]?.columns[0]).toEqual(Float32Array.of(1, 2));
    expect(sink.opened[0]).toBe(source.info);
  });

  it('records the first row of each interval as a stream of its own and leaves out what is not recorded', () => {
    const { registry, sink, clock } = bench();
    const choices: Record<string, { recorded: boolean; logIntervalS: number | null }> = {
      'a/b/c/v': { recorded: true, logIntervalS: 0.01 },
      'a/b/c/i': { recorded: false, logIntervalS: null },
    };
    const thinner = new LogThinner(sink, registry, (id) => choices[id] ?? { recorded: true, logIntervalS: null });
    const source = new RegularStream(
      { registry: new StreamRegistry(thinner, clock), sink: thinner, clock },
      { instrument: 'a/b/c', stream: 's', rateHz: 1000, float64: false, columns: [VOLT, AMP] },
    );
    for (let block = 0; block < 5; block++) {
      const values = Float32Array.from({ length: 7 }, (_, index) => block * 7 + index);
      source.add({ columns: [values, values], rows: 7, lost: 0, arrivedNs: BigInt(block) * 7_000_000n + 7_000_000n });
      source.flush();
    }
    expect(sink.opened.map(({ key, columns }) => [key, columns.length])).toEqual([['a/b/c/s/log-0.01s', 1]]);
    expect(sink.batches.flatMap(({ columns }) => [...(columns[0] ?? [])])).toEqual([0, 10, 20, 30]);
    let next = 0;
    for (const { seq, rows } of sink.batches) {
      expect(seq).toBe(next);
      next += rows;
    }
  });

  it('a thinned part shows a gap though no row of the batch behind it was due', () => {
    const { registry, sink, clock } = bench();
    const thinner = new LogThinner(sink, registry, () => ({ recorded: true, logIntervalS: 0.01 }));
    const source = new RegularStream(
      { registry: new StreamRegistry(thinner, clock), sink: thinner, clock },
      { instrument: 'a/b/c', stream: 's', rateHz: 1000, float64: false, columns: [VOLT] },
    );
    const add = (rows: number, lost: number): void => {
      source.add({ columns: [new Float32Array(rows)], rows, lost, arrivedNs: 3_000_000n });
      source.flush();
    };
    add(3, 0);
    add(3, 2);
    add(9, 0);
    expect(sink.batches.map(({ flags }) => (flags & BATCH_FLAG.gap) !== 0)).toEqual([false, true]);
  });

  it('where a channel is left out, what was lost of the others is told as it was', () => {
    const { registry, sink, clock } = bench();
    const choice = (id: string) => ({ recorded: id === 'a/b/c/v', logIntervalS: null });
    const thinner = new LogThinner(sink, registry, choice);
    const source = new RegularStream(
      { registry: new StreamRegistry(thinner, clock), sink: thinner, clock },
      { instrument: 'a/b/c', stream: 's', rateHz: 1000, float64: false, columns: [VOLT, AMP] },
    );
    for (const lost of [0, 2, 0]) {
      source.add({ columns: [Float32Array.of(1, 2, 3), new Float32Array(3)], rows: 3, lost, arrivedNs: 3_000_000n });
      source.flush();
    }
    expect(sink.batches.map(({ seq, rows, lost }) => [seq, rows, lost])).toEqual([
      [0, 3, 0],
      [5, 3, 2],
      [8, 3, 0],
    ]);
    const stream = source.info.id;
    thinner.gap({ stream, seq: 11, lost: 4, fromNs: 0n, toNs: 1n, reason: 'reconnect' });
    expect(sink.gaps.at(-1)).toMatchObject({ stream: sink.opened[0]?.id, seq: 11, lost: 4 });
  });

  it('source time that steps back begins a new grid instead of a long silence', () => {
    const { registry, sink, clock } = bench();
    const thinner = new LogThinner(sink, registry, () => ({ recorded: true, logIntervalS: 5 }));
    const source = new StreamRegistry(thinner, clock);
    const info = source.open({ instrument: 'a/b/c', stream: 's', kind: 'timed', columns: [VOLT], rateHz: 1 });
    let seq = 0;
    const add = (second: number): void => {
      const t0Ns = 10_000_000_000_000n + BigInt(second) * 1_000_000_000n;
      const header = { stream: info.id, seq: seq++, lost: 0, t0Ns, arrivedNs: t0Ns, dtS: 0, xOriginS: 0 };
      const batch = createBatch({ ...header, rows: 1, channels: 1, flags: BATCH_FLAG.timed | BATCH_FLAG.float64 });
      batch.columns[0]?.set([second]);
      thinner.batch(batch);
    };
    // An hour back after 12 s; a second back (jitter of a server) is not a step.
    for (const second of [0, 1, 5, 4, 6, 12, -3588, -3587, -3583]) add(second);
    expect(sink.batches.flatMap(({ columns }) => [...(columns[0] ?? [])])).toEqual([0, 5, 12, -3588, -3583]);
  });
});
