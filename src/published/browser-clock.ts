import type { Clock } from '../core/clock.ts';

/** The clock of a page: the wall clock, read once, then the monotonic one. */
export function createBrowserClock(): Clock {
  const offsetMs = Date.now() - performance.now();
  return {
    nowNs: () => BigInt(Math.round((offsetMs + performance.now()) * 1e6)),
    monotonicMs: () => performance.now(),
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}
