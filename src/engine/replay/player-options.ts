import type { Clock } from '../../core/clock.ts';

/** What a player moves: rows of a recording and all that hangs on them. Times: ns since 1970. */
export interface Deck {
  /** First and last row. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** All rows up to here are in memory. */
  readonly loadedNs: bigint;
  /** Reads until rows up to a time can be given, or memory is full, but always some; gives the new `loadedNs`. */
  load(untilNs: bigint): bigint | Promise<bigint>;
  /** Gives all rows not later than a time; never called beyond `loadedNs`. */
  advance(untilNs: bigint): void;
  /** Begins anew at a time; no row is given yet, those up to it can be. */
  restart(atNs: bigint): Promise<void>;
  /** Time of the next (1) or previous (-1) row of the fastest stream; undefined at the end. */
  neighbour(fromNs: bigint, step: 1 | -1): Promise<bigint | undefined>;
}

export interface PlayerLimits {
  /** Rows are given that often. */
  beatMs: number;
  /** Read ahead of the position, in real time. */
  aheadMs: number;
  /** Further behind than this it does not hurry after the time, but goes on from where it is. */
  lagMs: number;
  /** Others run after so much work at a stretch. */
  sliceMs: number;
  /** At `max` it waits for screens that want every row and have so many samples to come. */
  backlogSamples: number;
  /** Not longer than this for one that takes nothing. */
  patienceMs: number;
}

export const PLAYER_LIMITS: PlayerLimits = {
  beatMs: 16,
  aheadMs: 300,
  lagMs: 250,
  sliceMs: 8,
  backlogSamples: 1_000_000,
  patienceMs: 5000,
};

export interface PlayerOptions {
  clock: Clock;
  deck: Deck;
  /** State, position or speed are others now. */
  changed: () => void;
  /** It could not keep the pace and goes on later than it should. */
  slipped?: (() => void) | undefined;
  /** Samples given that screens which want every row have not got yet. */
  backlog?: (() => number) | undefined;
  limits?: Partial<PlayerLimits> | undefined;
}
