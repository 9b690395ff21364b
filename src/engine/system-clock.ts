import type { Clock } from '../core/clock.ts';

/** The wall clock, read once, then the monotonic clock. */
export function createSystemClock(): Clock {
  const offsetNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return {
    nowNs: () => offsetNs + process.hrtime.bigint(),
    monotonicMs: () => performance.now(),
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}
