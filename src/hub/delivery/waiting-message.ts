import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import { LinkedList, ListNode } from './linked-list.ts';
import type { OutboundMessage } from './outbound-message.ts';

/** Index into PRIORITIES: 0 is CRITICAL. */
export type Rank = number;

/** What has its turn in the order of sending: a message, or a source, which waits once however much waits in it. */
export interface Turn {
  readonly turn: ListNode<Turn>;
  /** When it began to wait; ms. */
  readonly sinceMs: number;
}

/** What is kept about one key. */
export interface KeyLane {
  readonly key: string;
  /** Its messages that wait, in order. */
  readonly messages: LinkedList<WaitingMessage>;
  /** Left out since the last message that waits or went. */
  pendingSkip: FrameSkip | undefined;
  /** Part of a message that is due under decimation; at 1 one is let through. */
  decimationDebt: number;
  /** When a snapshot was let through last in emergency; ms. */
  snapshotMs: number;
}

/** One message that waits. It hangs in three lists: the order of sending, what its class would give up, and its key. */
export class WaitingMessage implements Turn {
  readonly lane: KeyLane;
  readonly sinceMs: number;
  /** Position among all that ever waited. */
  readonly order: number;
  /** Goes out again: its rows are counted already. */
  readonly isAgain: boolean;
  /** Let through as the snapshot of its second: a newer one takes its place. */
  isSnapshot = false;
  /** Given up. */
  isLost = false;
  message: OutboundMessage;
  /** Left out just before it. */
  skip: FrameSkip | undefined;
  /** The class whose room it takes. */
  classRank: Rank;
  /** The class in whose order it goes; higher than its own when a more urgent one of its key waits behind it. */
  turnRank: Rank;
  readonly turn: ListNode<Turn>;
  readonly place: ListNode<WaitingMessage>;
  readonly inLane: ListNode<WaitingMessage>;

  constructor(message: OutboundMessage, lane: KeyLane, rank: Rank, order: number, nowMs: number, isAgain: boolean) {
    this.message = message;
    this.lane = lane;
    this.classRank = rank;
    this.turnRank = rank;
    this.order = order;
    this.sinceMs = nowMs;
    this.isAgain = isAgain;
    this.turn = new ListNode<Turn>(this);
    this.place = new ListNode<WaitingMessage>(this);
    this.inLane = new ListNode<WaitingMessage>(this);
  }

  /** Rows for the accounts; a message without numbered rows counts 1. */
  get units(): number {
    return this.isAgain ? 0 : unitsOf(this.message);
  }
}

export function unitsOf(message: OutboundMessage): number {
  return Math.max(1, message.rows);
}

export function emptyLane(key: string): KeyLane {
  return {
    key,
    messages: new LinkedList(),
    pendingSkip: undefined,
    decimationDebt: 0,
    snapshotMs: Number.NEGATIVE_INFINITY,
  };
}
