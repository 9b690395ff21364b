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

  /** Latest time of a last row of them, if it is later than the time given, else that. */
  latest(timeNs: bigint): bigint {
    let latestNs = timeNs;
    for (const { part } of this.#parts) {
      for (const index of part.chunks.within(timeNs + 1n)) {
        const { lastNs } = part.chunks.at(index);
        if (lastNs > latestNs) latestNs = lastNs;
      }
    }
    return latestNs;
  }

  /**
   * The one in which rows later than a time begin, or the last one before them; -1 if the first row is later. Times may go back within a stream (its
   * clock was set anew after a loss): rows keep their order, so the first that is later counts.
   */
  before(timeNs: bigint): number {
    let after = this.length;
    for (const { from, part } of this.#parts) {
      const { value } = part.chunks.within(timeNs + 1n).next();
      if (typeof value !== 'number') continue;
      after = from + value;
      break;
    }
    const chunk = this.at(after);
    return chunk && chunk.firstNs <= timeNs ? after : after - 1;
  }
}
