import type { Clock } from '../../core/clock.ts';
import type { DeliveryState } from './delivery-report.ts';

export interface Watermarks {
  low: number;
  high: number;
  critical: number;
}

/**
 * How full the outbox is, with hysteresis:
 *
 *             u ≥ high               u ≥ critical
 *     NORMAL ─────────→ BACKPRESSURE ───────────→ EMERGENCY
 *       ↑  ↑               │    ↑                   │   │
 *       │  └── u < low ────┘    └──── u < high ─────┘   │
 *       └───────────────────── u < low ─────────────────┘
 *
 * NORMAL goes to EMERGENCY at once when a single step fills it so far.
 */
export class PressureState {
  #state: DeliveryState = 'NORMAL';
  readonly #clock: Clock;
  #sinceNs: bigint;
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceNs = clock.nowNs();
    this.#sinceMs = clock.monotonicMs();
  }

  get state(): DeliveryState {
    return this.#state;
  }

  /** Begin of the state; ns since 1970. */
  get sinceNs(): bigint {
    return this.#sinceNs;
  }

  /** Begin of the state; ms of the monotonic clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Whether `utilization` changed the state. */
  update(utilization: number, marks: Watermarks, hasEmergency: boolean): boolean {
    const next = nextState(this.#state, utilization, marks, hasEmergency);
    if (next === this.#state) return false;
    this.#state = next;
    this.#sinceNs = this.#clock.nowNs();
    this.#sinceMs = this.#clock.monotonicMs();
    return true;
  }
}

function nextState(state: DeliveryState, u: number, marks: Watermarks, hasEmergency: boolean): DeliveryState {
  if (u < marks.low) return 'NORMAL';
  if (u >= marks.critical && hasEmergency) return 'EMERGENCY';
  if (u >= marks.high) return state === 'EMERGENCY' && hasEmergency ? 'EMERGENCY' : 'BACKPRESSURE';
  return state === 'NORMAL' ? 'NORMAL' : 'BACKPRESSURE';
}

/**
 * Of a share, what a NORMAL stream gives: its square, so that LOW always loses more. In a mixed overload equal shares cost NORMAL as much as LOW.
 */
export function normalShare(share: number): number {
  return share * share;
}

/** Part of LOW that is thinned out under pressure: 0 at the low watermark, 1 at the critical one. */
export function thinningShare(utilization: number, { low, critical }: Watermarks): number {
  return Math.min(1, Math.max(0, (utilization - low) / (critical - low)));
}
