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
}

/**
 * One recording that starts and stops by itself. What its conditions watch lies outside: this is told.
 *
 *              ┌────────────── repeats ───────────────────────────┐
 *              ▼                                                  │
 *     off ⇄ armed ── begin() ──→ recording ── end() ──→ ending ───┴─→ done
 *              ▲  │                  │  (post-trigger time)  │
 *              │  └─ cannot start ─→ blocked                 │
 *              └── free() ───────────┘                       │
 *                       ended() by another hand ─────────────┴─→ as after the stop
 *
 * `blocked`: another recording runs, or starting failed; it is armed again when nothing is recorded any more. A start while recording, and a stop while armed, mean nothing.
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
    if (this.#state !== 'armed' || this.#isBusy) return;
    const { recorder } = this.#options;
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
      this.#go('blocked', `${why}, but it could not start: ${LabError.from(thrown).message}`);
      return;
    }
    this.#isBusy = false;
    this.#go('recording', why);
    if (this.#isOver) this.#finish('It was ended by another hand.');
    else if (this.#wanted !== undefined) this.end(this.#wanted);
    else this.#watchDuration();
  }

  /** A stop condition holds. */
  end(why: string): void {
    if (this.#isBusy) this.#wanted ??= why;
    if (this.#state !== 'recording' || this.#isBusy) return;
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
    else if (this.#state === 'blocked') this.#go('armed', '');
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#state = 'off';
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
    if (this.#state === 'off') return;
    this.#go(this.plan.repeats ? 'armed' : 'done', text);
  }

  #go(state: PlanState['state'], text: string): void {
    if (this.#state === 'off') return;
    this.#state = state;
    this.#text = text;
    this.#sinceNs = this.#options.clock.nowNs();
    this.#options.changed(this.state);
  }
}
