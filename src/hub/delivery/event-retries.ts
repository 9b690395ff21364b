import type { Clock } from '../../core/clock.ts';

export interface RetryRules {
  /** Waits before it is sent again; after the last one it is held. */
  retryMs: readonly number[];
  heldMs: number;
}

interface SentEvent {
  id: string;
  dueMs: number;
}

/**
 * When events that nobody acknowledged are due:
 *
 *     sent → 1 s → again → 2 s → again → 4 s → again → held → 300 s → given up
 *
 * Waits are the same for all in a stage, so each stage is a queue in order of time, and one timer does for all.
 */
export class EventRetries implements Disposable {
  readonly #clock: Clock;
  readonly #rules: () => RetryRules;
  readonly #again: (id: string) => void;
  readonly #giveUp: (id: string) => void;
  /** One for each wait, the last one for those held. */
  readonly #stages: Map<string, SentEvent>[] = [];
  /** Number of times it went out. */
  readonly #tries = new Map<string, number>();
  #timer: Disposable | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, rules: () => RetryRules, again: (id: string) => void, giveUp: (id: string) => void) {
    this.#clock = clock;
    this.#rules = rules;
    this.#again = again;
    this.#giveUp = giveUp;
  }

  /** It went out: waits for its acknowledgement. */
  sent(id: string): void {
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    const { retryMs } = this.#rules();
    this.#wait(id, Math.min(tries - 1, retryMs.length));
  }

  /** It cannot go out any more on this connection: held. */
  hold(id: string): void {
    this.#wait(id, this.#rules().retryMs.length);
  }

  /** Acknowledged, or gone. */
  drop(id: string): void {
    this.#tries.delete(id);
    for (const stage of this.#stages) stage.delete(id);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#stages.length = 0;
    this.#tries.clear();
  }

  #wait(id: string, stage: number): void {
    const { retryMs, heldMs } = this.#rules();
    while (this.#stages.length <= stage) this.#stages.push(new Map());
    const dueMs = this.#clock.monotonicMs() + (retryMs[stage] ?? heldMs);
    this.#stages[stage]?.set(id, { id, dueMs });
    this.#arm(dueMs);
  }

  #arm(dueMs: number): void {
    if (dueMs >= this.#timerDueMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerDueMs = dueMs;
    this.#timer = this.#clock.after(dueMs - this.#clock.monotonicMs(), () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonicMs();
    const held = this.#rules().retryMs.length;
    let next = Number.POSITIVE_INFINITY;
    for (const [index, stage] of this.#stages.entries()) {
      for (const { id, dueMs } of stage.values()) {
        if (dueMs > now) {
          next = Math.min(next, dueMs);
          break;
        }
        stage.delete(id);
        if (index < held) this.#again(id);
        else this.#giveUp(id);
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
  }
}
