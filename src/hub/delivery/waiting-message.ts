import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import { LinkedList, type Links } from './linked-list.ts';
import type { OutboundMessage } from './outbound-message.ts';

/** Index into PRIORITIES: 0 is CRITICAL. */
export type Rank = number;

/** What has its turn in the order of sending: a message, or a source, which waits once however much waits in it. */
export interface Turn {
  turnBefore: Turn | undefined;
  turnAfter: Turn | undefined;
  /** When it began to wait; ms. */
  readonly sinceMs: number;
}

/** By the order of sending. */
export const TURN_LINKS: Links<Turn> = {
  before: (turn) => turn.turnBefore,
  after: (turn) => turn.turnAfter,
  setBefore: (turn, other) => {
    turn.turnBefore = other;
  },
  setAfter: (turn, other) => {
    turn.turnAfter = other;
  },
};

/** By what a class would give up. */
export const PLACE_LINKS: Links<WaitingMessage> = {
  before: (entry) => entry.placeBefore,
  after: (entry) => entry.placeAfter,
  setBefore: (entry, other) => {
    entry.placeBefore = other;
  },
  setAfter: (entry, other) => {
    entry.placeAfter = other;
  },
};

/** By the order of its key. */
const LANE_LINKS: Links<WaitingMessage> = {
  before: (entry) => entry.laneBefore,
  after: (entry) => entry.laneAfter,
  setBefore: (entry, other) => {
    entry.laneBefore = other;
  },
  setAfter: (entry, other) => {
    entry.laneAfter = other;
  },
};

/** What is kept about one key. */
export interface KeyLane {
  readonly key: string;
  /** Its messages that wait, in order. */
  readonly messages: LinkedList<WaitingMessage>;
  /** Left out since the last message that waits or went. */
  pendingSkip: FrameSkip | undefined;
  /** Part of a message that is due under decimation; at 1 one is let through. */
  decimationDebt: number;
  /** The snapshot of its second, let through in emergency: while it waits a newer one takes its place. */
  snapshot: WaitingMessage | undefined;
  /** When that was; ms. */
  snapshotMs: number;
  /** Of one message that goes out again, outside the order of its key; its rows are counted already. */
  readonly isAside: boolean;
}

export const NO_CLASS: Rank = -1;

/** Few messages have something left out before them, so it takes no room in the others. */
const skips = new WeakMap<WaitingMessage, FrameSkip>();

/**
 * One message that waits. It is in three lists: the order of sending, what its class would give up, and its key. There may be hundreds of thousands, so what is
 * the same for many is in the message.
 */
export class WaitingMessage implements Turn {
  readonly lane: KeyLane;
  readonly sinceMs: number;
  /** Position among all that ever waited. */
  readonly order: number;
  message: OutboundMessage;
  /** The class whose room it takes; NO_CLASS once it is given up. */
  classRank: Rank;
  /** The class in whose order it goes; higher than its own when a more urgent one of its key waits behind it. */
  turnRank: Rank;
  turnBefore: Turn | undefined;
  turnAfter: Turn | undefined;
  placeBefore: WaitingMessage | undefined;
  placeAfter: WaitingMessage | undefined;
  laneBefore: WaitingMessage | undefined;
  laneAfter: WaitingMessage | undefined;

  constructor(message: OutboundMessage, lane: KeyLane, rank: Rank, order: number, nowMs: number) {
    this.message = message;
    this.lane = lane;
    this.classRank = rank;
    this.turnRank = rank;
    this.order = order;
    // Whole numbers lie in the object itself, others in one of their own.
    this.sinceMs = Math.floor(nowMs);
  }

  /** Left out just before it. */
  get skip(): FrameSkip | undefined {
    return skips.get(this);
  }

  set skip(skip: FrameSkip | undefined) {
    if (skip) skips.set(this, skip);
    else skips.delete(this);
  }

  /** Given up. */
  get isLost(): boolean {
    return this.classRank === NO_CLASS;
  }

  /** Whether it goes out again. */
  get isAgain(): boolean {
    return this.lane.isAside;
  }

  /** Rows for the accounts; a message without numbered rows counts 1. */
  get units(): number {
    return this.isAgain ? 0 : unitsOf(this.message);
  }
}

export function unitsOf(message: OutboundMessage): number {
  return Math.max(1, message.rows);
}

export function emptyLane(key: string, isAside = false): KeyLane {
  return {
    key,
    messages: new LinkedList(LANE_LINKS),
    pendingSkip: undefined,
    decimationDebt: 0,
    snapshot: undefined,
    snapshotMs: Number.NEGATIVE_INFINITY,
    isAside,
  };
}
