import { expect, test } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import { Heartbeat } from './heartbeat.ts';

/** A clock whose timers fire when the test says so: late, as after a sleep. */
class SleepyClock implements Clock {
  ms = 0;
  #timers = new Map<object, { dueMs: number; callback: () => void }>();

  nowNs(): bigint {
    return BigInt(this.ms) * 1_000_000n;
  }

  monotonicMs(): number {
    return this.ms;
  }

  after(ms: number, callback: () => void): Disposable {
    const key = { [Symbol.dispose]: () => void this.#timers.delete(key) };
    this.#timers.set(key, { dueMs: this.ms + ms, callback });
    return key;
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Time passes without a timer; then those that are due fire, all late. */
  sleep(ms: number): void {
    this.ms += ms;
    for (const [key, { dueMs, callback }] of [...this.#timers]) {
      if (dueMs > this.ms || !this.#timers.delete(key)) continue;
      callback();
    }
  }

  /** Time passes as usual. */
  pass(ms: number): void {
    for (let n = 0; n < ms / 10; n++) this.sleep(10);
  }
}

function bench(probeMs: number, deadMs: number): { clock: SleepyClock; heartbeat: Heartbeat; told: string[] } {
  const clock = new SleepyClock();
  const told: string[] = [];
  const heartbeat = new Heartbeat(
    clock,
    { probeMs, deadMs },
    () => told.push(`probe ${clock.ms}`),
    (silentMs) => told.push(`dead ${clock.ms} after ${silentMs}`),
  );
  return { clock, heartbeat, told };
}

test('without a sign of life: probes at their pace, then the end, once', () => {
  const { clock, told } = bench(10_000, 25_000);
  clock.pass(100_000);
  expect(told).toEqual(['probe 10000', 'probe 20000', 'dead 25000 after 25000']);
  expect(clock.pending).toBe(0);
});

test('signs of life move both', () => {
  const { clock, heartbeat, told } = bench(10_000, 25_000);
  for (let n = 0; n < 50; n++) {
    clock.pass(9_000);
    heartbeat.alive();
  }
  expect(told).toEqual([]);
});

test('a process that slept first reads what waits for it: a second of grace, then the end', () => {
  const one = bench(0, 60_000);
  one.clock.pass(1_000);
  one.heartbeat.alive();
  one.clock.sleep(8 * 3_600_000);
  expect(one.told).toEqual([]);
  // What waited in the system is read now.
  one.heartbeat.alive();
  one.clock.pass(59_000);
  expect(one.told).toEqual([]);
  one.clock.sleep(8 * 3_600_000);
  one.clock.pass(990);
  expect(one.told).toEqual([]);
  one.clock.pass(20);
  expect(one.told).toHaveLength(1);
  expect(one.clock.pending).toBe(0);
});

test('in doubt it asks at once and waits no longer than told; an answer ends the doubt', () => {
  const { clock, heartbeat, told } = bench(20_000, 60_000);
  clock.pass(1_000);
  heartbeat.suspect(10_000);
  expect(told).toEqual(['probe 1000']);
  clock.pass(5_000);
  heartbeat.alive();
  clock.pass(20_000);
  expect(told).toEqual(['probe 1000', 'probe 26000']);
  heartbeat.alive();
  heartbeat.suspect(10_000);
  clock.pass(10_010);
  expect(told.at(-1)).toBe('dead 36000 after 10000');
});

test('one that may not send does not send, in doubt neither', () => {
  const { clock, heartbeat, told } = bench(0, 60_000);
  heartbeat.suspect(10_000);
  clock.pass(59_000);
  expect(told).toEqual([]);
  heartbeat[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
