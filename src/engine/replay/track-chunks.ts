import type { PartIndex } from '../recording/part-index.ts';
import type { Recording, StreamPart } from '../recording/recording.ts';

/** One chunk as far as one stream goes. Times: ns since 1970 of the stream's first and last row in it. */
export interface TrackChunk {
  part: PartIndex;
  offset: number;
  length: number;
  firstNs: bigint;
  lastNs: bigint;
}

/** The chunks that hold one stream, over all parts, in order; each is looked up when it is asked for, so that a long recording costs no memory. */
export class TrackChunks {
  readonly length: number;
  readonly #parts: { from: number; part: StreamPart }[] = [];

  constructor(recording: Recording, stream: number) {
    let from = 0;
    for (const part of recording.partsOf(stream)) {
      this.#parts.push({ from, part });
      from += part.chunks.length;
    }
    this.length = from;
  }

  at(index: number): TrackChunk | undefined {
    const found = index < 0 || index >= this.length ? undefined : this.#parts.findLast(({ from }) => from <= index);
    if (!found) return undefined;
    const { part, chunks } = found.part;
    const at = index - found.from;
    const { firstNs, lastNs } = chunks.at(at);
    return { part, ...part.chunks.placeOf(chunks.chunkAt(at)), firstNs, lastNs };
  }

  /** Last one that begins at or before a time; -1 if none does. */
  before(timeNs: bigint): number {
    let low = -1;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.at(middle)?.firstNs ?? timeNs) <= timeNs) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
