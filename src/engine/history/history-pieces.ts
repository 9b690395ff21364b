import { encodeFrame } from '../../contract/frame-write.ts';
import { blockBytes, FRAME_HEADER_BYTES, type FrameBlock } from '../../contract/frames.ts';
import type { StreamInfo } from '../../core/stream-info.ts';

/** Largest piece of history on a link, so that live data get between them. */
export const PIECE_BYTES = 256 * 1024;
export interface HistoryRequest {
  /** Number under which the pieces come. */
  request: number;
  channels: readonly string[];
  fromNs: bigint;
  /** Rows before it. */
  toNs: bigint;
  /** Columns wanted over the whole range. */
  width: number;
  raw: boolean;
  /** Most rows or columns per answer. */
  limit: number;
}

export interface HistoryAnswer {
  streams: StreamInfo[];
  /** False: some rows are let go, or come in coarser columns than asked. */
  exact: boolean;
  /** Where to go on if the answer was cut. */
  nextNs: bigint | null;
}

/** Gathers blocks into frames of at most `PIECE_BYTES`. */
export class Pieces {
  readonly #send: (frame: ArrayBuffer) => void;
  #blocks: FrameBlock[] = [];
  #bytes = FRAME_HEADER_BYTES;

  constructor(send: (frame: ArrayBuffer) => void) {
    this.#send = send;
  }

  add(block: FrameBlock): void {
    const bytes = blockBytes(block);
    if (this.#blocks.length > 0 && this.#bytes + bytes > PIECE_BYTES) this.end();
    this.#blocks.push(block);
    this.#bytes += bytes;
  }

  end(): void {
    if (this.#blocks.length === 0) return;
    this.#send(encodeFrame({ number: 0, arrivedNs: 0n, blocks: this.#blocks }));
    this.#blocks = [];
    this.#bytes = FRAME_HEADER_BYTES;
  }
}
