import type { Clock } from '../core/clock.ts';

/** The machine's clock. The simulator is no part of the engine, so it has its own. */
export function createSystemClock(): Clock {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const startHr = process.hrtime.bigint();
  return {
    nowNs: () => startNs + (process.hrtime.bigint() - startHr),
    monotonicMs: () => performance.now(),
    after(ms, callback) {
      const timer = setTimeout(callback, ms);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}
