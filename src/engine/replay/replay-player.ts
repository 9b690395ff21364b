import type { ReplaySpeed, ReplayState } from '../../contract/replay-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { PaceMeter } from './pace-meter.ts';
import { type Deck, PLAYER_LIMITS, type PlayerLimits, type PlayerOptions } from './player-options.ts';

/**
 * Plays a deck: all rows up to `positionNs` have been given, none later. Orders are carried out one after the other.
 *
 *                          play                    last row given
 *     opening ──▶ paused ────────▶ playing ──────────────────────▶ ended ──play──▶ playing, from the beginning
 *                  ▲  ▲    pause, step │  ▲                          │
 *                  │  └────────────────┘  └ seek: goes on from there │
 *                  └──────────────── seek, step back ────────────────┘
 *     any ── the disk fails ──▶ failed: every order is refused with the reason
 *
 * Position while playing: anchor + (real time since the anchor) × speed, at every beat and at every order; `max`: as far as it is read.
 */
export class ReplayPlayer implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #deck: Deck;
  readonly #options: PlayerOptions;
  readonly #limits: PlayerLimits;
  readonly #meter = new PaceMeter();
  #state: Exclude<ReplayState['state'], 'opening'> = 'paused';
  #speed: ReplaySpeed = 1;
  #positionNs: bigint;
  #error: LabError | undefined;
  #anchor = { ns: 0n, ms: 0 };
  /** Rounds of the pump that have another number end. */
  #turn = 0;
  #pump: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;
  /** Backlog of a screen that is not waited for any more. */
  #givenUp = Number.POSITIVE_INFINITY;
  #orders: Promise<unknown> = Promise.resolve();

  constructor(options: PlayerOptions) {
    this.#clock = options.clock;
    this.#deck = options.deck;
    this.#options = options;
    this.#limits = { ...PLAYER_LIMITS, ...options.limits };
    this.#positionNs = options.deck.fromNs;
  }

  get state(): Exclude<ReplayState['state'], 'opening'> {
    return this.#state;
  }

  get speed(): ReplaySpeed {
    return this.#speed;
  }

  get positionNs(): bigint {
    return this.#positionNs;
  }

  /** Where it is now, also between two beats. */
  get nowNs(): bigint {
    return this.#state === 'playing' && this.#speed !== 'max' ? this.#targetNs(0) : this.#positionNs;
  }

  /** Times real time, over the last second; 0 unless it plays. */
  get speedGot(): number {
    return this.#state === 'playing' ? this.#meter.speed : 0;
  }

  /** Why it failed. */
  get error(): LabError | undefined {
    return this.#error;
  }

  play(): Promise<void> {
    return this.#order(async () => {
      if (this.#state === 'playing' && (this.#speed === 'max' || this.nowNs < this.#deck.toNs)) return;
      await this.#halt();
      if (this.#positionNs >= this.#deck.toNs && this.#deck.toNs > this.#deck.fromNs)
        await this.#moveTo(this.#deck.fromNs);
      this.#start();
    });
  }

  pause(): Promise<void> {
    return this.#order(async () => {
      if (await this.#halt()) this.#become('paused');
    });
  }

  setSpeed(speed: ReplaySpeed): Promise<void> {
    return this.#order(async () => {
      if (speed === this.#speed) return;
      const wasPlaying = await this.#halt();
      this.#speed = speed;
      if (wasPlaying) this.#start();
      else this.#options.changed();
    });
  }

  /** Goes to a time, at most to an end of the recording, and plays on if it played. */
  seek(atNs: bigint): Promise<void> {
    return this.#order(async () => {
      const wasPlaying = await this.#halt();
      await this.#moveTo(atNs);
      if (wasPlaying) this.#start();
      else this.#become(this.#positionNs >= this.#deck.toNs ? 'ended' : 'paused');
    });
  }

  /** One row of the fastest stream on or back, then it is paused. */
  step(step: 1 | -1): Promise<void> {
    return this.#order(async () => {
      await this.#halt();
      const found = await this.#deck.neighbour(this.#positionNs, step);
      if (step < 0) await this.#moveTo(found ?? this.#deck.fromNs);
      else await this.#stepOn(found ?? this.#deck.toNs);
      this.#become(this.#positionNs >= this.#deck.toNs ? 'ended' : 'paused');
    });
  }

  /** Ends it; what is being read is waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopPump();
    await this.#orders.catch(() => undefined);
    this.#stopPump();
    await this.#pump;
  }

  /** Orders wait for each other; one that fails fails the replay. */
  #order(run: () => Promise<void>): Promise<void> {
    const mine = this.#orders.then(async () => {
      if (this.#error) throw this.#error;
      try {
        await run();
      } catch (error) {
        this.#fail(error);
        throw this.#error;
      }
    });
    this.#orders = mine.catch(() => undefined);
    return mine;
  }

  /** Stops where it should be now, as far as that is in memory; whether it played. */
  async #halt(): Promise<boolean> {
    const isPlaying = this.#state === 'playing';
    const target = this.#targetNs(0);
    this.#stopPump();
    await this.#pump;
    if (this.#error) throw this.#error;
    // It may have come to its end by itself.
    if (!isPlaying || this.#state !== 'playing') return false;
    if (this.#speed !== 'max') this.#give(target);
    if (this.#positionNs < this.#deck.toNs) return true;
    this.#become('ended');
    return false;
  }

  async #moveTo(atNs: bigint): Promise<void> {
    const { fromNs, toNs } = this.#deck;
    const place = atNs < fromNs ? fromNs : atNs > toNs ? toNs : atNs;
    await this.#deck.restart(place);
    this.#positionNs = place;
    this.#deck.advance(place);
  }

  async #stepOn(atNs: bigint): Promise<void> {
    while (this.#deck.loadedNs < atNs) {
      await this.#deck.load(atNs);
      this.#give(atNs);
    }
    this.#give(atNs);
  }

  #start(): void {
    this.#anchor = { ns: this.#positionNs, ms: this.#clock.monotonicMs() };
    this.#meter.reset();
    this.#become('playing');
    const turn = ++this.#turn;
    this.#pump = this.#run(turn).catch((error) => this.#fail(error));
  }

  async #run(turn: number): Promise<void> {
    let yieldedMs = this.#clock.monotonicMs();
    let isBehind = false;
    while (turn === this.#turn) {
      // Chunk by chunk as long as the time is not reached: others run between them.
      const isSliced = isBehind || this.#speed === 'max';
      const loaded = this.#deck.load(isSliced ? this.#positionNs + 1n : this.#targetNs(this.#limits.aheadMs));
      const loadedNs = typeof loaded === 'bigint' ? loaded : await loaded;
      if (turn !== this.#turn) return;
      const target = this.#targetNs(0);
      isBehind = loadedNs < target;
      this.#give(target);
      if (this.#positionNs >= this.#deck.toNs) {
        if (this.#speed === 'max') await this.#letFollow(turn, 0);
        if (turn === this.#turn) this.#become('ended');
        return;
      }
      if (this.#speed === 'max') await this.#letFollow(turn, this.#limits.backlogSamples);
      this.#keepPace(target);
      if (!isBehind) await this.#sleep(this.#limits.beatMs);
      else if (this.#clock.monotonicMs() - yieldedMs >= this.#limits.sliceMs) await this.#sleep(0);
      else continue;
      yieldedMs = this.#clock.monotonicMs();
    }
  }

  /** Waits until screens that want every row have no more than so many samples to come. One that takes nothing holds nobody up. */
  async #letFollow(turn: number, most: number): Promise<void> {
    const { backlog = () => 0 } = this.#options;
    let last = Number.POSITIVE_INFINITY;
    let sinceMs = this.#clock.monotonicMs();
    for (let waiting = backlog(); waiting > most && turn === this.#turn; waiting = backlog()) {
      if (waiting >= this.#givenUp) return;
      this.#givenUp = Number.POSITIVE_INFINITY;
      const nowMs = this.#clock.monotonicMs();
      if (waiting < last) sinceMs = nowMs;
      else if (nowMs - sinceMs >= this.#limits.patienceMs) this.#givenUp = waiting;
      last = waiting;
      await this.#sleep(this.#limits.beatMs);
    }
  }

  /** Where it should be, so many ms of real time from now. */
  #targetNs(aheadMs: number): bigint {
    const { toNs } = this.#deck;
    if (this.#speed === 'max') return toNs;
    const elapsedMs = this.#clock.monotonicMs() - this.#anchor.ms + aheadMs;
    const target = this.#anchor.ns + BigInt(Math.round(elapsedMs * this.#speed * 1e6));
    return target > toNs ? toNs : target;
  }

  /** As far as it is read. */
  #give(untilNs: bigint): void {
    const { loadedNs } = this.#deck;
    const place = loadedNs < untilNs ? loadedNs : untilNs;
    if (place < this.#positionNs) return;
    this.#deck.advance(place);
    this.#positionNs = place;
    this.#meter.mark(this.#clock.monotonicMs(), place);
    this.#options.changed();
  }

  #keepPace(targetNs: bigint): void {
    if (this.#speed === 'max') return;
    const lagMs = Number(targetNs - this.#positionNs) / 1e6 / this.#speed;
    if (lagMs <= this.#limits.lagMs) return;
    this.#anchor = { ns: this.#positionNs, ms: this.#clock.monotonicMs() };
    this.#options.slipped?.();
  }

  /** Until the time is over or an order comes. */
  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = createDeferred<void>();
    const timer = this.#clock.after(ms, () => resolve());
    this.#wake = () => resolve();
    await promise;
    timer[Symbol.dispose]();
    this.#wake = undefined;
  }

  #stopPump(): void {
    this.#turn++;
    this.#wake?.();
  }

  #become(state: Exclude<ReplayState['state'], 'opening'>): void {
    this.#state = state;
    this.#options.changed();
  }

  #fail(thrown: unknown): void {
    this.#error ??= LabError.from(thrown);
    this.#turn++;
    this.#become('failed');
  }
}
