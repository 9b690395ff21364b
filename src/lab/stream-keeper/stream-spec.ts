/** Rows as a dialect read them. Pushed ones are lent for the call; those of `poll` and `fill` are given away. */
export interface ArrivedRows {
  columns: readonly (Float64Array | Float32Array)[];
  rows: number;
  /** ns since 1970 of each row by our clock. */
  timesNs: BigInt64Array;
  /** How sure the times are; s. */
  uncertaintyS: number;
  /** Number of the first row, where the server numbers rows: seq = previous seq + previous rows + skipped. */
  seq?: number | undefined;
  /** Of the numbering; another one begins anew. */
  epoch?: string | number | undefined;
  /** Rows the server left out just before these and said so. */
  skipped?: Skipped | undefined;
  /** Sent again after a loss of connection: they count as filled. */
  isReplay?: boolean | undefined;
  /** Where rows have no number: the time as the server wrote it, in any unit that grows. Rows not newer than the newest were delivered already. */
  stamps?: Float64Array | undefined;
  /** Every row up to the newest: one that does not reach back to the newest delivered leaves a hole, polled or not. */
  isWindow?: boolean | undefined;
}

export interface Skipped {
  rows: number;
  reason: string;
  /** Left out because fewer were asked for (`rate`, `decimated`): nothing is lost. */
  isThinned?: boolean | undefined;
}

/** Time, and where rows are numbered the numbers, nothing is known of. Both ends are of rows that are there. */
export interface Hole {
  fromNs: bigint;
  toNs: bigint;
  /** First number missing, how many, and of which numbering. */
  fromSeq?: number | undefined;
  rows?: number | undefined;
  epoch?: string | number | undefined;
}

/** What a dialect can do for one stream. None of it may throw, but for the promises. */
export interface StreamSpec {
  /** `instrument/stream`, and what the server knows it by. */
  readonly key: string;
  /** Asks the server for it: when the link is ready, and again when the interval changes. A dialect that says all it wants in its greeting does nothing here. */
  start(intervalMs: number): void;
  /** Nobody wants it any more. */
  stop(): void;
  /** The socket will not give it (a server whose stream cuts others off): it is polled as soon as the link stands. */
  isOnlyPolled?(): boolean;
  /** The present rows over REST; undefined: the server has nothing new. */
  poll?(signal: AbortSignal): Promise<ArrivedRows | undefined>;
  /** What the server kept of a hole, in order. More or less than asked for is cut or declared. */
  fill?(hole: Hole, signal: AbortSignal): Promise<readonly ArrivedRows[]>;
  /** It went silent on a link that stands; asked once per silence. Usually `link.renew`. */
  renew?(reason: string): void;
}

/** Times and limits of a keeper; every one is an option. */
export interface KeeperRules {
  /** Silent after the longer of this and `silentIntervals` intervals; ms. */
  silentMs: number;
  silentIntervals: number;
  /** Polled no faster than that; ms. */
  minPollMs: number;
  /** Polls that failed or gave nothing slow down to this; ms. */
  maxPollMs: number;
  pollTimeoutMs: number;
  /** Live rows wait so long for a hole to be filled, and so many of them. */
  holdMs: number;
  holdRows: number;
}

export const KEEPER_RULES: Readonly<KeeperRules> = {
  silentMs: 2_000,
  silentIntervals: 3,
  minPollMs: 1_000,
  maxPollMs: 10_000,
  pollTimeoutMs: 5_000,
  holdMs: 10_000,
  holdRows: 200_000,
};
