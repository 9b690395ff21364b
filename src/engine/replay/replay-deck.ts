import type { LabError } from '../../core/errors.ts';
import type { Recording } from '../recording/recording.ts';
import { LiveCompare, type LiveCompareOptions } from './live-compare.ts';
import type { Deck } from './player-options.ts';
import type { ReplayStage } from './replay-stage.ts';
import { END_NS, ReplayTape, type TapeLimits } from './replay-tape.ts';

/** A recording on a stage: rows, timers of rules and live streams go on together, in the order of their times. */
export class ReplayDeck implements Deck, AsyncDisposable {
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly #tape: ReplayTape;
  readonly #stage: ReplayStage;
  #compare: LiveCompare | undefined;

  /** `onDamage`: see `ReplayTape`. */
  constructor(
    recording: Recording,
    stage: ReplayStage,
    onDamage: (error: LabError) => void,
    limits?: Partial<TapeLimits>,
  ) {
    this.fromNs = recording.info.fromNs;
    this.#stage = stage;
    this.#tape = new ReplayTape(recording, stage, onDamage, limits);
    this.toNs = this.#tape.latest(recording.info.toNs);
  }

  /** Its end only when nothing is left to be read. */
  get loadedNs(): bigint {
    const { loadedNs } = this.#tape;
    return loadedNs < END_NS && loadedNs >= this.toNs ? this.toNs - 1n : loadedNs;
  }

  load(untilNs: bigint): bigint | Promise<bigint> {
    const loaded = this.#tape.load(untilNs < this.toNs ? untilNs : END_NS);
    return typeof loaded === 'bigint' ? this.loadedNs : loaded.then(() => this.loadedNs);
  }

  advance(untilNs: bigint): void {
    const { clock } = this.#stage;
    // A timer sees the rows up to its own time, and none later: as a live one would.
    for (let dueNs = clock.dueNs; dueNs !== undefined && dueNs < untilNs; dueNs = clock.dueNs) {
      this.#give(dueNs);
      clock.moveTo(dueNs);
    }
    this.#give(untilNs);
    clock.moveTo(untilNs);
  }

  async restart(atNs: bigint): Promise<void> {
    this.endCompare();
    this.#stage.begin(atNs);
    await this.#tape.restart(atNs);
    while (this.loadedNs < atNs) await this.load(atNs);
  }

  neighbour(fromNs: bigint, step: 1 | -1): Promise<bigint | undefined> {
    return this.#tape.neighbour(fromNs, step);
  }

  get isCompared(): boolean {
    return this.#compare !== undefined;
  }

  /** Live streams come along from here on; gives how many there are. */
  compare(options: Omit<LiveCompareOptions, 'stage'>): number {
    this.endCompare();
    this.#compare = new LiveCompare({ ...options, stage: this.#stage });
    return this.#compare.count;
  }

  endCompare(): void {
    this.#compare?.[Symbol.dispose]();
    this.#compare = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endCompare();
    await this.#tape.close();
  }

  #give(untilNs: bigint): void {
    // At its end nothing is left, whatever the clocks of its streams did.
    this.#tape.give(untilNs >= this.toNs ? END_NS : untilNs);
    this.#compare?.give(untilNs);
  }
}
