import type { Clock } from '../../core/clock.ts';
import type { HeartbeatRule } from '../link-protocol.ts';

/** A timer so late means that this process slept or was stopped: what came meanwhile is still to be read. */
const LATE_MS = 1_000;
const GRACE_MS = 1_000;

/**
 * Watches one connection for signs of life. Messages only note the time; one timer looks at it, so a fast stream costs no timer each.
 */
export class Heartbeat implements Disposable {
  readonly #clock: Clock;
  readonly #rule: HeartbeatRule;
  readonly #onProbe: () => void;
  readonly #onDead: (silentMs: number) => void;
  #timer: Disposable | undefined;
  #dueMs = 0;
  #aliveMs: number;
  #probedMs = Number.NEGATIVE_INFINITY;
  /** Set by `suspect`: a sooner end for this silence. */
  #deadAtMs = Number.POSITIVE_INFINITY;
  #hasGrace = true;

  constructor(clock: Clock, rule: HeartbeatRule, onProbe: () => void, onDead: (silentMs: number) => void) {
    this.#clock = clock;
    this.#rule = rule;
    this.#onProbe = onProbe;
    this.#onDead = onDead;
    this.#aliveMs = clock.monotonicMs();
    this.#arm();
  }

  /** Something came. */
  alive(): void {
    this.#aliveMs = this.#clock.monotonicMs();
    this.#deadAtMs = Number.POSITIVE_INFINITY;
    this.#hasGrace = true;
  }

  /** Whether the other side is there is in doubt: asks at once, and takes `withinMs` of silence for its end. Without a probe it only waits on. */
  suspect(withinMs: number): void {
    if (this.#rule.probeMs === 0) return;
    this.#deadAtMs = Math.min(this.#deadAtMs, this.#clock.monotonicMs() + withinMs);
    this.#probe();
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    const now = this.#clock.monotonicMs();
    this.#dueMs = Math.max(now, Math.min(this.#deadMs(), this.#probeMs()));
    this.#timer = this.#clock.after(this.#dueMs - now, () => this.#look());
  }

  #deadMs(): number {
    return Math.min(this.#aliveMs + this.#rule.deadMs, this.#deadAtMs);
  }

  /** When the next probe is due: after each silence, then again at the same pace. */
  #probeMs(): number {
    if (this.#rule.probeMs === 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.#aliveMs, this.#probedMs) + this.#rule.probeMs;
  }

  #look(): void {
    const now = this.#clock.monotonicMs();
    if (now < this.#deadMs()) {
      if (now >= this.#probeMs()) this.#probe();
      this.#arm();
      return;
    }
    if (this.#hasGrace && now - this.#dueMs > LATE_MS) {
      this.#hasGrace = false;
      this.#deadAtMs = now + GRACE_MS;
      this.#aliveMs = Math.max(this.#aliveMs, now + GRACE_MS - this.#rule.deadMs);
      this.#arm();
      return;
    }
    this[Symbol.dispose]();
    this.#onDead(now - this.#aliveMs);
  }

  #probe(): void {
    this.#probedMs = this.#clock.monotonicMs();
    this.#onProbe();
  }
}
