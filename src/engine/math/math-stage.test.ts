import { expect, test } from 'vitest';
import type { MathChannel } from '../../contract/math-schema.ts';
import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry } from '../acquisition/stream-registry.ts';
import { createMathStage, parseChannels } from './math-stage.ts';

const channel = (name: string, expression: string): MathChannel => ({ name, label: '', expression, unit: 'W' });

interface Heard {
  opened: StreamInfo[];
  closed: number[];
  batches: Batch[];
  gaps: number[];
}

/** A fan that hears itself, with a stage behind. */
function openStage(channels: MathChannel[], scales: Record<string, { gain: number; offset: number }> = {}) {
  const clock = new ManualClock();
  const fan = new SampleFan();
  const registry = new StreamRegistry(fan, clock);
  const heard: Heard = { opened: [], closed: [], batches: [], gaps: [] };
  fan.add({
    streamOpened: (info) => void (info.instrument === 'math' && heard.opened.push(info)),
    batch: (batch) => void (heard.opened.some(({ id }) => id === batch.stream) && heard.batches.push(batch)),
    gap: (gap) => void heard.gaps.push(gap.stream),
    streamClosed: (id) => void heard.closed.push(id),
  });
  const scaleOf = (id: string) => scales[id] ?? { gain: 1, offset: 0 };
  const stage = createMathStage({ channels, sink: fan, registry, scaleOf });
  fan.add(stage);
  return { fan, registry, stage, heard };
}

function regular(stream: number, seq: number, values: number[][], dtS: number, t0Ns: bigint, lost = 0): Batch {
  const batch = createBatch({
    stream,
    rows: values[0]?.length ?? 0,
    channels: values.length,
    flags: lost > 0 ? BATCH_FLAG.gap : 0,
    seq,
    lost,
    t0Ns,
    arrivedNs: t0Ns,
    dtS,
    xOriginS: 0,
  });
  for (const [index, column] of values.entries()) batch.columns[index]?.set(column);
  return batch;
}

const columns = (...names: string[]) => names.map((name) => ({ channel: name, unit: 'V' }));

test('channels of one stream: row by row, with its times, numbers and gaps', () => {
  const { fan, registry, heard, stage } = openStage([channel('power', '{dut/v} * {dut/i}')]);
  expect(stage.states[0]?.problem).toContain('dut/v');
  const info = registry.open({
    instrument: 'dut',
    stream: 's',
    kind: 'regular',
    columns: columns('v', 'i'),
    rateHz: 1000,
  });
  expect(heard.opened).toMatchObject([
    { key: 'math/power', kind: 'regular', rateHz: 1000, columns: [{ channel: 'power', unit: 'W' }] },
  ]);
  expect(stage.states[0]?.problem).toBe('');
  fan.batch(
    regular(
      info.id,
      0,
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      0.001,
      1_000_000n,
    ),
  );
  fan.batch(
    regular(
      info.id,
      5,
      [
        [1, Number.NaN],
        [7, 8],
      ],
      0.001,
      6_000_000n,
      2,
    ),
  );
  fan.gap({ stream: info.id, seq: 7, fromNs: 0n, toNs: 1n, lost: 0, reason: 'pause' });
  expect(
    heard.batches.map(({ seq, lost, t0Ns, dtS, rows, flags }) => ({
      seq,
      lost,
      t0Ns,
      dtS,
      rows,
      gap: flags & BATCH_FLAG.gap,
    })),
  ).toEqual([
    { seq: 0, lost: 0, t0Ns: 1_000_000n, dtS: 0.001, rows: 3, gap: 0 },
    { seq: 5, lost: 2, t0Ns: 6_000_000n, dtS: 0.001, rows: 2, gap: 16 },
  ]);
  expect(heard.batches.map((batch) => [...(batch.columns[0] ?? [])])).toEqual([
    [4, 10, 18],
    [7, Number.NaN],
  ]);
  expect(heard.gaps).toContain(heard.opened[0]?.id);
  fan.streamClosed(info.id);
  expect(heard.closed).toContain(heard.opened[0]?.id);
});

test('the scale of a channel counts: expressions are about what is shown', () => {
  const { fan, registry, heard } = openStage([channel('amps', '{dut/shunt} + 0')], {
    'dut/shunt': { gain: 10, offset: 1 },
  });
  const info = registry.open({
    instrument: 'dut',
    stream: 's',
    kind: 'regular',
    columns: columns('shunt'),
    rateHz: 10,
  });
  fan.batch(regular(info.id, 0, [[0.5, 1]], 0.1, 0n));
  expect([...(heard.batches[0]?.columns[0] ?? [])]).toEqual([6, 11]);
});

test('of streams with different clocks the slower is held: seeded, against the definition', () => {
  const random = seededRandom(11);
  const { fan, registry, heard } = openStage([channel('sum', '{a/x} + {b/y}')]);
  const fast = registry.open({ instrument: 'a', stream: 's', kind: 'regular', columns: columns('x'), rateHz: 1000 });
  const slow = registry.open({ instrument: 'b', stream: 's', kind: 'regular', columns: columns('y'), rateHz: 70 });
  const known: { tNs: bigint; value: number }[] = [];
  const expected: number[] = [];
  let fastRow = 0;
  let slowRow = 0;
  for (let round = 0; round < 300; round++) {
    const nowNs = BigInt(round) * 16_000_000n;
    // Rows of the slow stream up to now come first, as they would over a wire.
    const y: number[] = [];
    const firstSlow = slowRow;
    while (BigInt(slowRow) * 14_285_714n <= nowNs) {
      const value = Math.fround(random.next());
      known.push({ tNs: BigInt(slowRow) * 14_285_714n, value });
      y.push(value);
      slowRow++;
    }
    if (y.length > 0) fan.batch(regular(slow.id, firstSlow, [y], 0.014_285_714, BigInt(firstSlow) * 14_285_714n));
    const x = Array.from({ length: 16 }, () => Math.fround(random.next()));
    const batch = regular(fast.id, fastRow, [x], 0.001, BigInt(fastRow) * 1_000_000n);
    for (const [row, value] of x.entries()) {
      const held = known.findLast(({ tNs }) => tNs <= rowTimeNs(batch, row));
      expected.push(value + (held?.value ?? Number.NaN));
    }
    fastRow += 16;
    fan.batch(batch);
  }
  const got = heard.batches.flatMap((batch) => [...(batch.columns[0] ?? [])]);
  expect(got).toHaveLength(4800);
  expect(got).toEqual(expected);
});

test('computed from computed; the order of the list does not matter', () => {
  const { fan, registry, heard } = openStage([channel('twice', '2 * {math/once}'), channel('once', '{a/x} + 1')]);
  const info = registry.open({ instrument: 'a', stream: 's', kind: 'regular', columns: columns('x'), rateHz: 10 });
  fan.batch(regular(info.id, 0, [[1, 2]], 0.1, 0n));
  const byKey = new Map(heard.opened.map(({ id, key }) => [id, key]));
  const values = Object.fromEntries(
    heard.batches.map((batch) => [byKey.get(batch.stream), [...(batch.columns[0] ?? [])]]),
  );
  expect(values).toEqual({ 'math/once': [2, 3], 'math/twice': [4, 6] });
});

test('what is computed from itself is refused', () => {
  expect(() => parseChannels([channel('a', '{math/a}')])).toThrowError(
    expect.objectContaining({ code: 'math.malformed' }),
  );
  expect(() =>
    parseChannels([channel('a', '{math/b}'), channel('b', '{math/c} + {math/a}'), channel('c', '1')]),
  ).toThrowError(expect.objectContaining({ code: 'math.malformed' }));
  expect(() => parseChannels([channel('a', '{x/y}'), channel('a', '{x/z}')])).toThrowError(
    expect.objectContaining({ code: 'math.malformed' }),
  );
});

test('a stream that opens anew, with another number, goes on in another stream of ours', () => {
  const { fan, registry, heard } = openStage([channel('p', '{a/x} * 2')]);
  const shape = { instrument: 'a', stream: 's', kind: 'regular' as const, columns: columns('x'), rateHz: 10 };
  const first = registry.open(shape);
  fan.batch(regular(first.id, 0, [[1]], 0.1, 0n));
  registry.close(first);
  const second = registry.open({ ...shape, rateHz: 20 });
  fan.batch(regular(second.id, 0, [[2]], 0.05, 1_000_000_000n));
  expect(heard.opened.map(({ rateHz }) => rateHz)).toEqual([10, 20]);
  expect(heard.batches.map((batch) => [...(batch.columns[0] ?? [])])).toEqual([[2], [4]]);
});
