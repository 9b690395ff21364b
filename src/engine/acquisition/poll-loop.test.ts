import { describe, expect, it } from 'vitest';
import type { Batch } from '../../core/batch.ts';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { Driver, DriverRow } from '../driver/driver.ts';
import type { StreamGap } from '../sample-sink.ts';
import { PollLoop } from './poll-loop.ts';
import { StreamRegistry } from './stream-registry.ts';

const POLLED = [
  { channel: 'v', unit: 'V' },
  { channel: 'i', unit: 'A' },
];

interface Rig {
  clock: ManualClock;
  loop: PollLoop;
  rates: Map<string, number>;
  opened: StreamInfo[];
  closed: number[];
  batches: Batch[];
  gaps: StreamGap[];
  dropped: string[][];
  asked: (readonly string[] | undefined)[];
  failures: string[];
  betweens: number;
  /** What the next rounds do. */
  answer: (channels: readonly string[] | undefined) => DriverRow;
  run(): { stop: () => Promise<void>; ended: Promise<void> };
}

function rig(): Rig {
  const clock = new ManualClock();
  const rates = new Map<string, number>();
  const made: Rig = {
    clock,
    rates,
    opened: [],
    closed: [],
    batches: [],
    gaps: [],
    dropped: [],
    asked: [],
    failures: [],
    betweens: 0,
    answer: () => ({ values: Float64Array.of(1, 2), sentNs: clock.nowNs(), receivedNs: clock.nowNs() }),
    loop: undefined as never,
    run() {
      const abort = new AbortController();
      const driver = {
        poll: (_signal: AbortSignal, channels?: readonly string[]) => {
          made.asked.push(channels);
          return new Promise<DriverRow>((resolve) => resolve(made.answer(channels)));
        },
      } as unknown as Driver;
      const ended = made.loop.run(driver, abort.signal);
      ended.catch(() => undefined);
      return {
        ended,
        stop: () => {
          abort.abort(new LabError('instrument.detached', 'detached'));
          return ended;
        },
      };
    },
  };
  const sink = {
    streamOpened: (info: StreamInfo) => void made.opened.push(info),
    batch: (batch: Batch) => {
      if (made.closed.includes(batch.stream)) throw new Error(`stream ${batch.stream} is closed`);
      made.batches.push(batch);
    },
    gap: (gap: StreamGap) => void made.gaps.push(gap),
    streamClosed: (stream: number) => void made.closed.push(stream),
  };
  made.loop = new PollLoop(
    {
      registry: new StreamRegistry(sink, clock),
      sink,
      clock,
      instrument: 'a/b/c',
      rateOf: (channel) => rates.get(channel) ?? 10,
      maxPollHz: 50,
      carries: () => undefined,
      dropped: (channels) => void made.dropped.push(channels),
      failed: (error) => void made.failures.push(error.code),
      succeeded: () => undefined,
      between: async () => {
        made.betweens++;
      },
    },
    POLLED,
  );
  return made;
}

const rowsOf = (made: Rig): number => made.batches.reduce((sum, { rows }) => sum + rows, 0);

describe('poll loop', () => {
  it('polls at the rate asked and looks at lamps about once a second', async () => {
    const made = rig();
    const { stop } = made.run();
    await made.clock.advance(2050);
    await stop();
    made.loop[Symbol.dispose]();
    expect(made.asked.length).toBeGreaterThanOrEqual(20);
    expect(made.asked.length).toBeLessThanOrEqual(22);
    expect(rowsOf(made)).toBe(made.asked.length);
    expect(made.betweens).toBe(2);
    expect(made.opened.map(({ key, columns }) => [key, columns.length])).toEqual([['a/b/c/poll', 3]]);
  });

  it('gives channels of another rate a stream of their own and asks only for what is due', async () => {
    const made = rig();
    made.rates.set('i', 1);
    const { stop } = made.run();
    await made.clock.advance(5000);
    await stop();
    made.loop[Symbol.dispose]();
    expect(made.opened.map(({ key, columns }) => [key, columns[0]?.channel])).toEqual([
      ['a/b/c/poll', 'v'],
      ['a/b/c/poll.2', 'i'],
    ]);
    const rows = (stream: number): number =>
      made.batches.filter((batch) => batch.stream === stream).reduce((sum, batch) => sum + batch.rows, 0);
    expect(rows(made.opened[0]?.id ?? 0)).toBeGreaterThanOrEqual(48);
    expect(rows(made.opened[1]?.id ?? 0)).toBeGreaterThanOrEqual(4);
    expect(rows(made.opened[1]?.id ?? 0)).toBeLessThanOrEqual(7);
    expect(made.asked).toContainEqual(['v']);
  });

  it('gives the row of a round to the streams it was asked for, though the rates change meanwhile', async () => {
    const made = rig();
    made.rates.set('i', 1);
    const good = made.answer;
    made.answer = (channels) => {
      if (made.asked.length === 8) {
        expect(channels).toEqual(['v']);
        made.rates.set('i', 10);
        made.loop.replan();
        expect(made.closed).toEqual([]);
      }
      return good(channels);
    };
    const { stop } = made.run();
    await made.clock.advance(3000);
    await stop();
    made.loop[Symbol.dispose]();
    expect(made.opened.map(({ columns }) => columns.length)).toEqual([2, 2, 3]);
    expect(made.failures).toEqual([]);
    const carryingV = made.opened.filter(({ columns }) => columns[0]?.channel === 'v').map(({ id }) => id);
    const rows = made.batches
      .filter(({ stream }) => carryingV.includes(stream))
      .reduce((sum, { rows }) => sum + rows, 0);
    const asked = made.asked.filter((channels) => !channels || channels.includes('v'));
    expect(rows).toBe(asked.length);
  });

  it('opens nothing any more when it was disposed during its first round', async () => {
    const made = rig();
    const good = made.answer;
    made.answer = (channels) => {
      made.loop[Symbol.dispose]();
      return good(channels);
    };
    const { stop } = made.run();
    await made.clock.advance(50);
    made.loop.replan();
    await stop();
    expect(made.opened).toEqual([]);
  });

  it('opens other streams when other channels become active, and keeps one whose channels stay', async () => {
    const made = rig();
    let active = ['v'];
    made.answer = () => ({
      values: Float64Array.of(1, 2),
      active,
      sentNs: made.clock.nowNs(),
      receivedNs: made.clock.nowNs(),
    });
    const { stop } = made.run();
    await made.clock.advance(500);
    expect(made.opened).toHaveLength(1);
    active = ['i'];
    await made.clock.advance(500);
    await stop();
    expect(made.opened.map(({ columns }) => columns[0]?.channel)).toEqual(['v', 'i']);
    expect(made.closed).toEqual([made.opened[0]?.id]);
    expect(made.dropped).toEqual([['v']]);
  });

  it('marks the gap of rounds that failed and goes on', async () => {
    const made = rig();
    const { stop } = made.run();
    await made.clock.advance(300);
    const good = made.answer;
    made.answer = () => {
      throw new LabError('transport.timeout', 'no answer');
    };
    await made.clock.advance(300);
    made.answer = good;
    await made.clock.advance(300);
    await stop();
    made.loop[Symbol.dispose]();
    expect(made.failures.length).toBeGreaterThanOrEqual(2);
    expect(made.gaps.map(({ reason, lost }) => [reason, lost])).toEqual([['no answer', 0]]);
    let next = 0;
    for (const { seq, rows } of made.batches) {
      expect(seq).toBe(next);
      next += rows;
    }
  });

  it('ends with the wire', async () => {
    const made = rig();
    const { ended } = made.run();
    await made.clock.advance(100);
    made.answer = () => {
      throw new LabError('transport.closed', 'gone');
    };
    await made.clock.advance(200);
    await expect(ended).rejects.toMatchObject({ code: 'transport.closed' });
  });

  it('waits quietly while nothing is measured', async () => {
    const made = rig();
    made.answer = () => ({ values: Float64Array.of(0, 0), active: [], sentNs: 0n, receivedNs: 0n });
    const { stop } = made.run();
    await made.clock.advance(3100);
    await stop();
    expect(made.opened).toEqual([]);
    expect(made.asked.length).toBeLessThanOrEqual(5);
  });
});
