import { blockBytes, type FrameBlock } from '../../contract/frames.ts';

/** How a screen wants to see its channels. */
export type WatchMode =
  /** Min/max columns of a live window, between `width` and twice that many. */
  | { kind: 'columns'; windowS: number; width: number }
  | { kind: 'raw' }
  /** The newest value of every channel, at most so often. */
  | { kind: 'latest'; rateHz: number }
  /** Waveforms in about `width` columns, newest only. */
  | { kind: 'segments'; width: number };

/** Last row a returning screen has of a stream. */
export interface ScreenRow {
  key: string;
  epoch: number;
  row: number;
}

/** What of a stream a watch will send first: rows `from` to `to`, in columns of `n` rows (1: rows). */
export interface WatchFill {
  stream: number;
  from: number;
  to: number;
  n: number;
}

/** The blocks of one frame under construction and the room left in it. */
export class FrameDraft {
  readonly blocks: FrameBlock[] = [];
  arrivedNs = 0n;
  leftBytes: number;

  constructor(sizeBytes: number) {
    this.leftBytes = sizeBytes;
  }

  /** Adds a block if there is room, or if it is the first: one block is never too large. */
  offer(block: FrameBlock): boolean {
    const bytes = blockBytes(block);
    if (bytes > this.leftBytes && this.blocks.length > 0) return false;
    this.leftBytes -= bytes;
    this.blocks.push(block);
    return true;
  }

  arrived(arrivedNs: bigint): void {
    if (arrivedNs > this.arrivedNs) this.arrivedNs = arrivedNs;
  }
}

/** The part of a watch that follows one stream: a cursor into history. */
export interface WatchPart {
  readonly streamId: number;
  /** Indices of the columns of the stream. */
  readonly channels: readonly number[];
  /** Puts what is new into the draft, as far as there is room; gives the rows the screen will not get. */
  collect(draft: FrameDraft): number;
  readonly fill: WatchFill;
  /** Rows promised and not sent yet: declared skipped if the stream is forgotten before. */
  readonly unsent: { from: number; to: number } | undefined;
}
