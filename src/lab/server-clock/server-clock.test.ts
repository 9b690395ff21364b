import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { startClockPings } from './clock-pings.ts';
import { ServerClock } from './server-clock.ts';

const S = 1_000_000_000n;
const ns = (seconds: number): bigint => BigInt(Math.round(seconds * 1e9));

/** A server whose clock is ahead by `aheadS`, drifts, and lies behind a network. */
class Bench {
  readonly ours = new ManualClock();
  readonly clock = new ServerClock(this.ours);
  readonly random;
  aheadS: number;
  drift: number;
  /** Seconds since 1970 of its zero: monotonic servers count from their start. */
  zeroNs = 0n;
  leastDelayS = 0.002;
  jitterS = 0.02;

  constructor(aheadS: number, { drift = 0, seed = 1 } = {}) {
    this.aheadS = aheadS;
    this.drift = drift;
    this.random = seededRandom(seed);
  }

  /** What the server's clock shows now. */
  stamp(): bigint {
    return this.ours.nowNs() - this.zeroNs + ns(this.aheadS + (this.drift * this.ours.monotonicMs()) / 1000);
  }

  delayMs(): number {
    return (this.leastDelayS + this.random.next() ** 4 * this.jitterS) * 1000;
  }

  async ping(): Promise<void> {
    const sent = this.ours.nowNs();
    await this.ours.advance(this.delayMs());
    const server = this.stamp();
    await this.ours.advance(this.delayMs());
    this.clock.twoWay(sent, server, server + 0n, this.ours.nowNs());
  }

  /** A message that only carries a time arrives. */
  async message(everyMs: number): Promise<void> {
    const stamp = this.stamp();
    const delay = this.delayMs();
    await this.ours.advance(delay);
    this.clock.arrived(stamp);
    await this.ours.advance(Math.max(0, everyMs - delay));
  }

  /** How wrong the mapping of the present moment is; s. */
  errorS(): number {
    return Number(this.clock.toOurNs(this.stamp()) - this.ours.nowNs()) / 1e9;
  }
}

describe('answered questions', () => {
  test('the offset is within half of the best round trip, and says so', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const bench = new Bench(1.234, { seed });
      for (let n = 0; n < 5; n++) await bench.ping();
      const { offsetS, uncertaintyS, method, base } = bench.clock.state;
      expect([method, base]).toEqual(['two-way', 'unix']);
      expect(Math.abs(offsetS - 1.234)).toBeLessThanOrEqual(uncertaintyS + 1e-6);
      expect(uncertaintyS).toBeLessThan(0.025);
    }
  });

  test('a drift is followed no faster than 500 ppm, and kept within the uncertainty', async () => {
    const bench = new Bench(-3, { drift: 100e-6 });
    bench.jitterS = 0.001;
    for (let n = 0; n < 5; n++) await bench.ping();
    let before = bench.clock.state.offsetS;
    for (let n = 0; n < 400; n++) {
      const startMs = bench.ours.monotonicMs();
      await bench.ours.advance(10_000 - (bench.ours.monotonicMs() % 10_000));
      await bench.ping();
      const { offsetS } = bench.clock.state;
      const most = (500e-6 * (bench.ours.monotonicMs() - startMs)) / 1000;
      expect(Math.abs(offsetS - before)).toBeLessThanOrEqual(most + 1e-9);
      before = offsetS;
    }
    // 16 samples of 10 s: the best may be 160 s old, 16 ms of drift.
    expect(Math.abs(bench.errorS())).toBeLessThan(0.02);
  });

  test('a step of the server’s clock is taken when said twice, one odd answer is not', async () => {
    const bench = new Bench(0);
    bench.jitterS = 0.001;
    for (let n = 0; n < 20; n++) await bench.ping();
    const sent = bench.ours.nowNs();
    bench.clock.twoWay(sent, sent + 5n * S, sent + 5n * S, sent);
    await bench.ping();
    expect(Math.abs(bench.errorS())).toBeLessThan(0.002);
    bench.aheadS = -3600;
    await bench.ping();
    expect(bench.errorS()).toBeCloseTo(-3600, 0);
    await bench.ping();
    expect(Math.abs(bench.errorS())).toBeLessThan(0.002);
  });

  test('an answer whose times cannot be is left out', () => {
    const bench = new Bench(0);
    bench.clock.twoWay(100n * S, 0n, 50n * S, 101n * S);
    expect(bench.clock.state.method).toBe('none');
  });
});

describe('messages that only carry a time', () => {
  test('the quickest of a minute counts; the uncertainty covers the delays', async () => {
    const bench = new Bench(42.5);
    for (let n = 0; n < 600; n++) await bench.message(100);
    const { offsetS, uncertaintyS, method } = bench.clock.state;
    expect(method).toBe('one-way');
    // Early by no less than the shortest delay, which nobody can know.
    expect(offsetS).toBeGreaterThan(42.5 - bench.leastDelayS - 0.001);
    expect(offsetS).toBeLessThanOrEqual(42.5);
    expect(uncertaintyS).toBeGreaterThan(0.005);
    expect(uncertaintyS).toBeLessThan(0.03);
  });

  test('a drift over an hour', async () => {
    const bench = new Bench(0, { drift: -80e-6 });
    for (let n = 0; n < 3600; n++) await bench.message(1000);
    expect(Math.abs(bench.errorS())).toBeLessThan(0.01);
  });

  test('the monotonic base (power meter) is told by its size, and a restart of the server is followed', async () => {
    const bench = new Bench(0);
    bench.zeroNs = bench.ours.nowNs() - 874n * S;
    for (let n = 0; n < 50; n++) await bench.message(100);
    expect(bench.clock.state).toMatchObject({ base: 'monotonic', method: 'one-way' });
    expect(Math.abs(bench.errorS())).toBeLessThan(0.01);
    bench.zeroNs = bench.ours.nowNs();
    for (let n = 0; n < 3; n++) await bench.message(100);
    expect(Math.abs(bench.errorS())).toBeLessThan(0.03);
  });

  test('a network that stands still for ten seconds is no step; a clock that was set is', async () => {
    const bench = new Bench(1);
    for (let n = 0; n < 100; n++) await bench.message(100);
    const stalled = Array.from({ length: 100 }, (_, n) => bench.stamp() + BigInt(n) * (S / 10n));
    await bench.ours.advance(10_000);
    for (const stamp of stalled) bench.clock.arrived(stamp);
    expect(Math.abs(bench.errorS())).toBeLessThan(0.01);
    bench.aheadS = 8;
    for (let n = 0; n < 3; n++) await bench.message(100);
    expect(Math.abs(bench.errorS())).toBeLessThan(0.03);
    bench.aheadS = -3600;
    for (let n = 0; n < 3; n++) await bench.message(100);
    expect(Math.abs(bench.errorS())).toBeLessThan(0.03);
  });

  test('answered questions go before them while they are fresh', async () => {
    const bench = new Bench(5);
    await bench.ping();
    await bench.message(100);
    expect(bench.clock.state.method).toBe('two-way');
    await bench.ours.advance(61_000);
    await bench.message(100);
    expect(bench.clock.state.method).toBe('one-way');
  });
});

describe('naive times', () => {
  const naive = async (zoneS: number, aheadS: number, hasDate: boolean): Promise<ServerClock> => {
    const bench = new Bench(aheadS);
    if (hasDate) {
      const utcMs = Number(bench.ours.nowNs() / 1_000_000n) + aheadS * 1000;
      bench.clock.httpDate(new Date(utcMs).toUTCString(), bench.ours.monotonicMs(), bench.ours.monotonicMs());
    }
    for (let n = 0; n < 20; n++) {
      bench.clock.arrived(bench.stamp() + ns(zoneS), true);
      await bench.ours.advance(100);
    }
    expect(Number(bench.clock.toOurNs(bench.stamp() + ns(zoneS), true) - bench.ours.nowNs()) / 1e9).toBeCloseTo(0, 1);
    return bench.clock;
  };

  test('the zone is found to a quarter of an hour, the rest is offset', async () => {
    for (const zoneH of [-9.5, -3, 0, 1, 2, 5.75, 13]) {
      const clock = await naive(zoneH * 3600, 1.5, false);
      expect(clock.zoneS).toBe(zoneH * 3600);
      expect(clock.state.base).toBe(zoneH === 0 ? 'naive-utc' : 'naive-local');
      expect(clock.state.offsetS).toBeCloseTo(1.5, 3);
    }
  });

  test('with the date of an HTTP answer even when its clock is ten minutes off', async () => {
    expect((await naive(7200, 600, true)).zoneS).toBe(7200);
  });

  test('summer time ends: one hour less is another zone, not another offset', async () => {
    const bench = new Bench(0);
    let zoneS = 7200;
    const arrive = async (): Promise<number> => {
      const stamp = bench.stamp() + ns(zoneS);
      bench.clock.arrived(stamp, true);
      const errorS = Number(bench.clock.toOurNs(stamp, true) - bench.ours.nowNs()) / 1e9;
      await bench.ours.advance(200);
      return errorS;
    };
    for (let n = 0; n < 50; n++) await arrive();
    zoneS = 3600;
    await arrive();
    for (let n = 0; n < 50; n++) expect(Math.abs(await arrive())).toBeLessThan(0.05);
    expect(bench.clock.zoneS).toBe(3600);
    expect(bench.clock.state.offsetS).toBeCloseTo(0, 1);
  });
});

test('with an HTTP date only: to the second', () => {
  const ours = new ManualClock();
  const clock = new ServerClock(ours);
  expect(clock.state).toMatchObject({ method: 'none', base: 'none', offsetS: Number.NaN });
  const serverMs = Number(ours.nowNs() / 1_000_000n) + 30_000;
  clock.httpDate(new Date(serverMs).toUTCString(), ours.monotonicMs(), ours.monotonicMs());
  const { offsetS, uncertaintyS, method } = clock.state;
  expect(method).toBe('http-date');
  expect(Math.abs(offsetS - 30)).toBeLessThanOrEqual(uncertaintyS);
  clock.httpDate('nonsense', 0, 0);
  expect(clock.state.offsetS).toBe(offsetS);
});

test('before anything is known, and after sleep: a time since 1970 is taken as it is, another as now', async () => {
  const bench = new Bench(3);
  expect(bench.clock.toOurNs(bench.stamp())).toBe(bench.stamp());
  expect(bench.clock.toOurNs(5n * S)).toBe(bench.ours.nowNs());
  for (let n = 0; n < 5; n++) await bench.ping();
  bench.clock.reset();
  bench.aheadS = 90;
  await bench.ping();
  expect(Math.abs(bench.errorS())).toBeLessThan(0.02);
});

test('pings: five at once, then one each ten seconds, none after the end', async () => {
  const clock = new ManualClock();
  const at: number[] = [];
  const pings = startClockPings(clock, () => at.push(clock.monotonicMs()));
  await clock.advance(30_500);
  expect(at).toEqual([0, 100, 200, 300, 400, 10_400, 20_400, 30_400]);
  pings[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
