import { expect, test } from 'vitest';
import { createSystemClock } from './system-clock.ts';

/** A system whose every clock is moved by hand. */
class HandTime {
  wall = 1_700_000_000_000;
  monotonic = 5_000_000_000n;
  uptime = 90_000;
  /** Of the uptime. */
  grainMs = 10;
  readings = 0;

  wallMs = (): number => Math.floor(this.wall);
  monotonicNs = (): bigint => this.monotonic;
  uptimeMs = (): number => {
    this.readings++;
    return Math.floor(this.uptime / this.grainMs) * this.grainMs;
  };

  run(ms: number): void {
    this.wall += ms;
    this.monotonic += BigInt(Math.round(ms * 1e6));
    this.uptime += ms;
  }

  sleep(ms: number): void {
    this.wall += ms;
    this.uptime += ms;
  }
}

const ahead = (time: HandTime, nowNs: bigint): number => time.wall - Number(nowNs) / 1e6;

test('over a sleep engine time goes on, with the first reading after it', () => {
  const time = new HandTime();
  const clock = createSystemClock(time);
  time.run(1234.5);
  expect(clock.lastSleep).toBeUndefined();
  const beforeNs = clock.nowNs();
  time.run(3.3);
  time.sleep(8 * 3_600_000 + 7.7);
  time.run(2.1);
  const afterNs = clock.nowNs();
  expect(Math.abs(ahead(time, afterNs))).toBeLessThan(2);
  const { fromNs, toNs } = clock.lastSleep ?? { fromNs: 0n, toNs: 0n };
  expect(toNs).toBe(afterNs);
  expect(fromNs).toBeGreaterThanOrEqual(beforeNs);
  expect(Number(toNs - fromNs) / 1e6).toBeCloseTo(8 * 3_600_000 + 7.7, -1);
  const { lastSleep } = clock;
  time.run(60_000);
  clock.nowNs();
  expect(clock.lastSleep, 'told once').toBe(lastSleep);
});

test('a clock that is set moves nothing, whichever way', () => {
  const time = new HandTime();
  const clock = createSystemClock(time);
  for (const stepMs of [3_600_000, -7_200_000, 500]) {
    const before = ahead(time, clock.nowNs());
    time.wall += stepMs;
    time.run(100);
    expect(ahead(time, clock.nowNs())).toBeCloseTo(before + stepMs, 0);
  }
  expect(clock.lastSleep).toBeUndefined();
});

test('a clock that is set during a sleep: engine time goes on by the sleep alone', () => {
  const time = new HandTime();
  const clock = createSystemClock(time);
  time.run(1000);
  time.sleep(600_000);
  time.wall += 5000;
  expect(Math.abs(ahead(time, clock.nowNs()) - 5000)).toBeLessThan(2 * time.grainMs);
  expect(clock.lastSleep).toBeDefined();
});

test('an uptime that drifts is no sleep when the clock is set weeks later, and is seldom read', () => {
  const time = new HandTime();
  const clock = createSystemClock(time);
  for (let second = 0; second < 20 * 86_400; second += 10) {
    time.run(10_000);
    time.uptime += 0.1;
    clock.nowNs();
    clock.nowNs();
  }
  time.wall += 3_600_000;
  clock.nowNs();
  expect(clock.lastSleep).toBeUndefined();
  expect(time.readings).toBeLessThan(20 * 86_400);
});

test('a sleep that the clock counted itself is known from the host, and one it noticed is not told twice', () => {
  const time = new HandTime();
  const clock = createSystemClock(time);
  // As on Windows and macOS.
  time.run(60_000);
  clock.woke(50_000);
  const first = clock.lastSleep;
  expect(first && Number(first.toNs - first.fromNs) / 1e9).toBe(50);
  expect(Math.abs(ahead(time, clock.nowNs()))).toBeLessThan(2);
  time.sleep(90_000);
  clock.nowNs();
  const second = clock.lastSleep;
  time.run(400);
  clock.woke(90_000);
  expect(clock.lastSleep).toBe(second);
  expect(second).not.toBe(first);
});
