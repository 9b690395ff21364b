import type { PlanState, RecordingPlan } from '../../contract/plan-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';

/** The recording a plan starts and stops. */
export interface PlanRecorder {
  readonly isRecording: boolean;
  /** Throws a LabError; then nothing is recorded. */
  start(plan: RecordingPlan, why: string): Promise<void>;
  /** Throws a LabError if none runs. */
  stop(why: string): Promise<void>;
}

export interface PlanRunnerOptions {
  plan: RecordingPlan;
  clock: Clock;
  recorder: PlanRecorder;
  changed(state: PlanState): void;
  /** Armed again after something was in the way: a condition that holds all the while counts now. */
  rearmed?(): void;
}

/** A start that fails is tried again so long, ms: behind that, nobody expects it any more (as with a time of day that has passed). */
const TRY_FOR_MS = 600_000;
/** Pause before the next try; doubles up to the longest. */
const TRY_AFTER_MS = 5_000;
const TRY_AFTER_MAX_MS = 60_000;

/**
 * One recording that starts and stops by itself. What its conditions watch lies outside: this is told.
 *
 *              ┌────────────── repeats ─────────────────────────────┐
 *              ▼                                                    │
 *     off ⇄ armed ── begin() ──→ recording ── end() ──────────→ ending ──┴─→ done
 *             ▲ ▲ │                  ▲   ▲ └─ begin(): goes on ◀─┘ (post-trigger time)
 *             │ │ ├─ starting failed │   │
 *             │ │ │     ▼   tried again  │  ended() by another hand: as after the stop
 *             │ └─│─ blocked ────────────┘
 *             │   │   ten minutes over, or end()
 *             │   └─ another recording runs ──→ blocked
 *             └────────────── ended() ──────────┘
 *
 * A start while recording, and a stop while armed, mean nothing. A cause that comes while it is being stopped counts after it.
 */
export class PlanRunner implements Disposable {
  readonly plan: RecordingPlan;
  readonly #options: PlanRunnerOptions;
  #state: PlanState['state'];
  #sinceNs: bigint;
  #text = '';
  #timer: Disposable | undefined;
  /** Starting or stopping: what comes meanwhile is judged after it. */
  #isBusy = false;
  #wanted: string | undefined;
  /** Ended while it was being started. */
  #isOver = false;
  /** A start condition that came while it was being stopped. */
  #again: string | undefined;

  constructor(options: PlanRunnerOptions) {
    this.plan = options.plan;
    this.#options = options;
    this.#state = options.plan.enabled ? 'armed' : 'off';
    this.#sinceNs = options.clock.nowNs();
  }

  get state(): PlanState {
    return { plan: this.plan.id, state: this.#state, sinceNs: String(this.#sinceNs), text: this.#text };
  }

  /** A start condition holds. */
  async begin(why: string): Promise<void> {
    if (this.#state === 'ending') {
      if (this.#isBusy) this.#again ??= why;
      else this.#goOn(why);
      return;
    }
    if (this.#state !== 'armed' || this.#isBusy) return;
    await this.#start(why, { leftMs: TRY_FOR_MS, pauseMs: TRY_AFTER_MS });
  }

  /** A stop condition holds. */
  end(why: string): void {
    if (this.#isBusy) {
      this.#wanted ??= why;
      this.#again = undefined;
      return;
    }
    if (this.#state === 'blocked' && this.#timer) {
      this.#timer[Symbol.dispose]();
      this.#timer = undefined;
      this.#go('armed', `${why}, before it could start.`);
    }
    if (this.#state !== 'recording') return;
    this.#timer?.[Symbol.dispose]();
    this.#go('ending', why);
    const { clock } = this.#options;
    this.#timer = clock.after(this.plan.postTriggerS * 1000, () => void this.#stop(why));
  }

  /** The recording is over, whoever ended it. */
  ended(): void {
    if (this.#isBusy) {
      this.#isOver = true;
      return;
    }
    if (this.#state === 'recording' || this.#state === 'ending') this.#finish('It was ended by another hand.');
    else if (this.#state === 'blocked') this.#rearm('');
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#state = 'off';
  }

  async #start(why: string, { leftMs, pauseMs }: { leftMs: number; pauseMs: number }): Promise<void> {
    const { recorder } = this.#options;
    this.#timer = undefined;
    if (recorder.isRecording) {
      this.#go('blocked', `${why}, but another recording runs. It is armed again when that one ends.`);
      return;
    }
    this.#isBusy = true;
    this.#isOver = false;
    this.#wanted = undefined;
    try {
      await recorder.start(this.plan, why);
    } catch (thrown) {
      this.#isBusy = false;
      this.#notStarted(why, LabError.from(thrown).message, { leftMs, pauseMs });
      return;
    }
    this.#isBusy = false;
    this.#go('recording', why);
    if (this.#isOver) this.#finish('It was ended by another hand.');
    else if (this.#wanted !== undefined) this.end(this.#wanted);
    else this.#watchDuration();
  }

  #notStarted(why: string, message: string, { leftMs, pauseMs }: { leftMs: number; pauseMs: number }): void {
    if (this.#wanted !== undefined) this.#go('armed', `${this.#wanted}, before it could start.`);
    else if (leftMs <= 0) this.#rearm(`${why}, but it could not start in ten minutes: ${message}`);
    else {
      this.#go('blocked', `${why}, but it could not start: ${message} It is tried again for ten minutes.`);
      if (this.#state === 'off') return;
      const next = { leftMs: leftMs - pauseMs, pauseMs: Math.min(pauseMs * 2, TRY_AFTER_MAX_MS) };
      this.#timer = this.#options.clock.after(pauseMs, () => void this.#start(why, next));
    }
  }

  #rearm(text: string): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#go('armed', text);
    if (this.#state === 'armed') this.#options.rearmed?.();
  }

  /** A start condition in the time behind the stop: nothing was stopped yet. */
  #goOn(why: string): void {
    this.#timer?.[Symbol.dispose]();
    this.#go('recording', why);
    this.#watchDuration();
  }

  #watchDuration(): void {
    const seconds = this.plan.stop.flatMap((condition) => (condition.kind === 'duration' ? [condition.seconds] : []));
    if (seconds.length === 0) return;
    const shortest = Math.min(...seconds);
    this.#timer = this.#options.clock.after(shortest * 1000, () => this.end(`${shortest} s are over`));
  }

  async #stop(why: string): Promise<void> {
    if (this.#state !== 'ending') return;
    this.#isBusy = true;
    let text = why;
    try {
      await this.#options.recorder.stop(why);
    } catch (thrown) {
      text = LabError.from(thrown).message;
    }
    this.#isBusy = false;
    this.#finish(text);
  }

  #finish(text: string): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const again = this.#again;
    this.#again = undefined;
    this.#go(this.plan.repeats ? 'armed' : 'done', text);
    if (again !== undefined) void this.begin(again);
  }

  #go(state: PlanState['state'], text: string): void {
    if (this.#state === 'off' || (this.#state === state && this.#text === text)) return;
    this.#state = state;
    this.#text = text;
    this.#sinceNs = this.#options.clock.nowNs();
    this.#options.changed(this.state);
  }
}
