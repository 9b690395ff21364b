import { uptime } from 'node:os';
import type { Clock, Sleep } from '../core/clock.ts';

/** What a system tells of time. */
export interface SystemTime {
  /** The wall clock, ms since 1970: somebody may set it. */
  wallMs(): number;
  /** From any start, never set; on Linux it stands still while the system sleeps. */
  monotonicNs(): bigint;
  /** Since the system was started, sleep included; to 10 ms. */
  uptimeMs(): number;
}

/** The clock of an engine, and what its host knows of sleep. */
export interface SystemClock extends Clock {
  /** The host was told by the system that it had slept so long: known already where the clock stood still meanwhile. */
  woke(sleptMs: number): void;
}

const SYSTEM_TIME: SystemTime = {
  wallMs: () => Date.now(),
  monotonicNs: () => process.hrtime.bigint(),
  uptimeMs: () => uptime() * 1000,
};

/** The wall clock has moved against the monotonic one by more: somebody set it, or the system slept; ms. */
const JUMP_MS = 250;
/** No system sleeps for less; ms. */
const LEAST_SLEEP_MS = 1500;
/** The uptime is read so often, so that its drift against the monotonic clock is no sleep. */
const UPTIME_NS = 60_000_000_000n;
/** Uptime and wall clock agree about a sleep: the wall clock is the finer one; ms. */
const AGREE_MS = 60;

/**
 * The wall clock, read once, then the monotonic clock, and every sleep of the system: where the monotonic clock stood still meanwhile, this clock goes on by the
 * length of the sleep, with the first reading after it. That the wall clock was set moves nothing.
 */
export function createSystemClock(time: SystemTime = SYSTEM_TIME): SystemClock {
  return new SleepingClock(time);
}

class SleepingClock implements SystemClock {
  lastSleep: Sleep | undefined;
  readonly #time: SystemTime;
  #offsetNs: bigint;
  /** Wall clock less monotonic clock when it was read last, ms. */
  #aheadMs: number;
  /** Uptime less monotonic clock, ms: only sleep makes it grow. */
  #darkMs: number;
  #darkReadNs: bigint;

  constructor(time: SystemTime) {
    this.#time = time;
    const monotonicNs = time.monotonicNs();
    const wallMs = time.wallMs();
    this.#offsetNs = BigInt(Math.round(wallMs * 1e6)) - monotonicNs;
    this.#aheadMs = wallMs - Number(monotonicNs) / 1e6;
    this.#darkMs = this.#readDark();
    this.#darkReadNs = monotonicNs;
  }

  nowNs(): bigint {
    const monotonicNs = this.#time.monotonicNs();
    const aheadMs = this.#time.wallMs() - Number(monotonicNs) / 1e6;
    const jumpMs = aheadMs - this.#aheadMs;
    this.#aheadMs = aheadMs;
    if (Math.abs(jumpMs) > JUMP_MS || monotonicNs - this.#darkReadNs > UPTIME_NS) this.#look(monotonicNs, jumpMs);
    return this.#offsetNs + monotonicNs;
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(ms: number, callback: () => void): Disposable {
    const timer = setTimeout(callback, ms);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  }

  woke(sleptMs: number): void {
    const nowNs = this.nowNs();
    const sleptNs = BigInt(Math.round(sleptMs * 1e6));
    if (sleptMs < LEAST_SLEEP_MS || (this.lastSleep && this.lastSleep.toNs > nowNs - sleptNs)) return;
    this.lastSleep = { fromNs: nowNs - sleptNs, toNs: nowNs };
  }

  #look(monotonicNs: bigint, jumpMs: number): void {
    const darkMs = this.#readDark();
    const sleptMs = darkMs - this.#darkMs;
    this.#darkMs = darkMs;
    this.#darkReadNs = monotonicNs;
    if (sleptMs < LEAST_SLEEP_MS) return;
    const sleptNs = BigInt(Math.round((Math.abs(jumpMs - sleptMs) < AGREE_MS ? jumpMs : sleptMs) * 1e6));
    const fromNs = this.#offsetNs + monotonicNs;
    this.#offsetNs += sleptNs;
    this.lastSleep = { fromNs, toNs: fromNs + sleptNs };
  }

  /** A process that is held up between two readings would take that for sleep: the readings must be close. */
  #readDark(): number {
    for (let tries = 1; ; tries++) {
      const before = this.#time.monotonicNs();
      const uptimeMs = this.#time.uptimeMs();
      const after = this.#time.monotonicNs();
      if (after - before < 20_000_000n || tries === 5) return uptimeMs - Number(before + after) / 2e6;
    }
  }
}
