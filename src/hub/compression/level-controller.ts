import type { Clock } from '../../core/clock.ts';
import { DEFLATE_LEVEL } from './compression-rule.ts';
import type { Forecast } from './level-forecast.ts';
import { ConditionFilter, type NetworkCondition, type NetworkMeasure } from './network-condition.ts';

/** What the controller looks at; undefined: not known. */
export interface LevelMeasure extends NetworkMeasure {
  /** Plain bytes a second that arrive while more waits: what a step must not make less. */
  goodputBytesPerS: number | undefined;
  /** Part of one processor that compressing takes, 0–1. */
  busyShare: number;
  /** How late timers of this process are; ms. */
  loopLagMs: number;
}

export interface LevelRules {
  /** Off: the level stays where it is set. */
  isAdaptive: boolean;
  /** ms between two steps, at least. */
  stepMs: number;
  /** Level a condition wants. */
  levels: Readonly<Record<NetworkCondition, number>>;
  /** Beyond either of them the level falls whatever the link is like. */
  maxBusyShare: number;
  maxLoopLagMs: number;
  /** A step that costs more than this part of the goodput is taken back. */
  maxLoss: number;
  /** Looks after which a step that was taken back may be tried again. */
  forbiddenLooks: number;
}

export const LEVEL_RULES: Readonly<LevelRules> = {
  isAdaptive: true,
  stepMs: 2_000,
  levels: { excellent: 1, good: 3, fair: 6, poor: 6, critical: 9 },
  maxBusyShare: 0.25,
  maxLoopLagMs: 50,
  maxLoss: 0.05,
  forbiddenLooks: 30,
};

interface Step {
  from: number;
  goodput: number | undefined;
}

/**
 * Monitor, detect, predict, adjust, validate: one step of the level at a time.
 *
 *     look ─→ last step cost goodput? ── yes ─→ step back, not that way again for a while
 *                     │ no
 *                     ↓
 *             condition (seen twice) and load ─→ wanted level ─→ forecast says it pays? ─→ one step
 */
export class LevelController {
  readonly #clock: Clock;
  #rules: LevelRules;
  readonly #filter = new ConditionFilter();
  #level: number;
  #steppedMs: number;
  #step: Step | undefined;
  #forbidden: { level: number; looks: number } | undefined;
  #adaptations = 0;

  constructor(clock: Clock, rules: Partial<LevelRules> = {}, level = DEFLATE_LEVEL) {
    this.#clock = clock;
    this.#rules = { ...LEVEL_RULES, ...rules };
    this.#level = level;
    this.#steppedMs = clock.monotonicMs();
  }

  /** 1–9. */
  get level(): number {
    return this.#level;
  }

  get condition(): NetworkCondition {
    return this.#filter.condition;
  }

  /** Steps so far, those taken back included. */
  get adaptations(): number {
    return this.#adaptations;
  }

  configure(changes: Partial<LevelRules>): void {
    this.#rules = { ...this.#rules, ...changes };
  }

  /** A level by hand; the controller goes on from there if it is adaptive. */
  setLevel(level: number): void {
    this.#level = Math.min(9, Math.max(1, Math.round(level)));
    this.#step = undefined;
  }

  /** One look, every two seconds or so; `forecast` tells what a level would give. Gives the level from now on. */
  look(measure: LevelMeasure, forecast: (level: number) => Forecast | undefined): number {
    this.#filter.see(measure);
    if (this.#forbidden && --this.#forbidden.looks <= 0) this.#forbidden = undefined;
    if (!this.#rules.isAdaptive || this.#clock.monotonicMs() - this.#steppedMs < this.#rules.stepMs) return this.#level;
    if (this.#takeBack(measure)) return this.#level;
    const next = this.#level + Math.sign(this.#wanted(measure) - this.#level);
    if (next === this.#level || next === this.#forbidden?.level) return this.#level;
    const isForced = next < this.#level && this.#isOverloaded(measure);
    if (!isForced && !this.#pays(next, measure, forecast)) return this.#level;
    this.#step = { from: this.#level, goodput: measure.goodputBytesPerS };
    this.#go(next);
    return this.#level;
  }

  #takeBack({ goodputBytesPerS: goodput }: LevelMeasure): boolean {
    const step = this.#step;
    this.#step = undefined;
    if (step?.goodput === undefined || goodput === undefined) return false;
    if (goodput >= step.goodput * (1 - this.#rules.maxLoss)) return false;
    this.#forbidden = { level: this.#level, looks: this.#rules.forbiddenLooks };
    this.#go(step.from);
    return true;
  }

  #wanted(measure: LevelMeasure): number {
    return this.#isOverloaded(measure) ? Math.max(1, this.#level - 1) : this.#rules.levels[this.#filter.condition];
  }

  #isOverloaded({ busyShare, loopLagMs }: LevelMeasure): boolean {
    return busyShare > this.#rules.maxBusyShare || loopLagMs > this.#rules.maxLoopLagMs;
  }

  /** Up only if a KiB gets through sooner; down if it is at most `maxLoss` later, for it saves time of the processor. */
  #pays(next: number, { bitsPerS }: LevelMeasure, forecast: (level: number) => Forecast | undefined): boolean {
    const now = costOf(forecast(this.#level), bitsPerS);
    const then = costOf(forecast(next), bitsPerS);
    if (now === undefined || then === undefined) return true;
    return next > this.#level ? then < now : then <= now * (1 + this.#rules.maxLoss);
  }

  #go(level: number): void {
    this.#level = level;
    this.#steppedMs = this.#clock.monotonicMs();
    this.#adaptations++;
  }
}

/** ms until a KiB is compressed and through. */
function costOf(forecast: Forecast | undefined, bitsPerS: number | undefined): number | undefined {
  if (!forecast || bitsPerS === undefined || bitsPerS <= 0) return undefined;
  return forecast.msPerKib + (forecast.ratio * 1024 * 8 * 1000) / bitsPerS;
}
