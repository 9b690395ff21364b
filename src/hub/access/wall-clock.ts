import type { Clock } from '../../core/clock.ts';

/**
 * A clock whose time of day follows the system's when that is set, or after the machine slept: for one-time codes, which must agree with a telephone, and for ends of
 * tokens and keys. Intervals and timers stay those of `clock`. Not for samples: it may go back.
 */
export function followWall(clock: Clock, wallMs: () => number = Date.now): Clock {
  return {
    nowNs: () => BigInt(Math.round(wallMs())) * 1_000_000n,
    monotonicMs: () => clock.monotonicMs(),
    after: (ms, callback) => clock.after(ms, callback),
  };
}
