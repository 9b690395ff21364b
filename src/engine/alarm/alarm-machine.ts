import type { AlarmRule } from '../../contract/alarm-schema.ts';
import { createValueTest, RateWindow, type ValueTest } from './alarm-condition.ts';

export type AlarmWord = 'normal' | 'pending' | 'active' | 'latched';

export interface AlarmTransition {
  from: AlarmWord;
  to: AlarmWord;
  /** ns since 1970 of the sample (or the moment) that decided. */
  atNs: bigint;
  /** The value that decided, as shown; NaN for no data. */
  value: number;
}

/** Values of one channel with their times, laid over a batch: value = gain * column[i] + offset. */
export interface AlarmSamples {
  column: ArrayLike<number>;
  t0Ns: bigint;
  /** Seconds since t0 per row; absent: row * dtS. */
  times: ArrayLike<number> | undefined;
  dtS: number;
  gain: number;
  offset: number;
  /** Something is missing before the first row. */
  afterGap: boolean;
}

/**
 * One rule, pure: samples and moments in, transitions out.
 *
 *              raises                 held for delayS
 *     normal ──────────▶ pending ───────────────────────▶ active
 *       ▲  ▲               │ does not hold any more         │ clears
 *       │  └───────────────┘                                ▼
 *       │◀──────────────── no latch, or acknowledged ───────┤
 *       │                                                   ▼ latch, not acknowledged
 *       └───────────────────── acknowledge ────────────── latched ──raises──▶ (pending →) active
 *
 * `silent` rules are moved by `tick` alone, all others by samples (and `tick`, for a delay that ends between two samples).
 */
export class AlarmMachine {
  readonly rule: AlarmRule;
  word: AlarmWord = 'normal';
  acknowledged = false;
  sinceNs: bigint;
  value = Number.NaN;
  readonly #test: ValueTest | undefined;
  readonly #rate: RateWindow | undefined;
  #pendingNs = 0n;
  #fromLatched = false;
  #lastDataNs: bigint;

  constructor(rule: AlarmRule, nowNs: bigint) {
    this.rule = rule;
    this.sinceNs = nowNs;
    this.#lastDataNs = nowNs;
    if (rule.condition.kind === 'rate') {
      const { perSecond, windowS } = rule.condition;
      this.#rate = new RateWindow(windowS);
      this.#test = { raises: (value) => value > perSecond, clears: (value) => value <= perSecond - rule.hysteresis };
    } else this.#test = createValueTest(rule.condition, rule.hysteresis);
  }

  /** `arrivedNs`: engine time of arrival, what `silent` counts from. */
  feed(samples: AlarmSamples, arrivedNs: bigint): AlarmTransition[] {
    const out: AlarmTransition[] = [];
    const { column, gain, offset } = samples;
    this.#lastDataNs = arrivedNs;
    if (this.rule.condition.kind === 'silent') {
      this.#step(false, true, arrivedNs, (column[column.length - 1] ?? Number.NaN) * gain + offset, out);
      return out;
    }
    const test = this.#test;
    if (!test) return out;
    if (samples.afterGap) this.#rate?.reset();
    const timeOf = (row: number): bigint =>
      samples.t0Ns + BigInt(Math.round((samples.times ? (samples.times[row] ?? 0) : row * samples.dtS) * 1e9));
    for (let row = 0; row < column.length; row++) {
      const shown = gain * (column[row] ?? Number.NaN) + offset;
      if (Number.isNaN(shown)) continue;
      let judged = shown;
      if (this.#rate) {
        const rate = this.#rate.offer(
          samples.times
            ? (samples.times[row] ?? 0) + Number(samples.t0Ns) / 1e9
            : Number(samples.t0Ns) / 1e9 + row * samples.dtS,
          shown,
        );
        if (rate === undefined) continue;
        judged = rate;
      }
      const raises = test.raises(judged);
      // The common case, and the only one at full rate: nothing to do.
      if (!raises && this.word === 'normal') continue;
      if (raises && this.word === 'active') {
        this.value = shown;
        continue;
      }
      this.#step(raises, test.clears(judged), timeOf(row), shown, out);
    }
    return out;
  }

  /** The clock moved: no data for too long, or a delay has ended while no sample came. */
  tick(nowNs: bigint): AlarmTransition[] {
    const out: AlarmTransition[] = [];
    if (this.rule.condition.kind === 'silent') {
      const silent = Number(nowNs - this.#lastDataNs) / 1e9 >= this.rule.condition.seconds;
      if (silent && this.word !== 'active') this.#step(true, false, nowNs, Number.NaN, out);
    } else if (this.word === 'pending') this.#step(true, false, nowNs, this.value, out);
    return out;
  }

  acknowledge(nowNs: bigint): AlarmTransition[] {
    if (this.word !== 'active' && this.word !== 'latched') return [];
    this.acknowledged = true;
    const out: AlarmTransition[] = [];
    if (this.word === 'latched') this.#go('normal', nowNs, this.value, out);
    return out;
  }

  #step(raises: boolean, clears: boolean, atNs: bigint, value: number, out: AlarmTransition[]): void {
    switch (this.word) {
      case 'normal':
      case 'latched':
        if (!raises) return;
        this.#fromLatched = this.word === 'latched';
        this.#pendingNs = atNs;
        if (this.rule.delayS > 0) this.#go('pending', atNs, value, out);
        else this.#go('active', atNs, value, out);
        return;
      case 'pending':
        if (!raises) this.#go(this.#fromLatched ? 'latched' : 'normal', atNs, value, out);
        else if (Number(atNs - this.#pendingNs) / 1e9 >= this.rule.delayS) this.#go('active', atNs, value, out);
        return;
      case 'active':
        if (clears) this.#go(this.rule.latch && !this.acknowledged ? 'latched' : 'normal', atNs, value, out);
        return;
    }
  }

  #go(to: AlarmWord, atNs: bigint, value: number, out: AlarmTransition[]): void {
    out.push({ from: this.word, to, atNs, value });
    if (to === 'active' || to === 'normal') this.acknowledged = false;
    this.word = to;
    this.sinceNs = atNs;
    this.value = value;
  }
}
