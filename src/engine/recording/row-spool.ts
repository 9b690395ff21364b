import type { Batch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { isSlow } from './digest.ts';
import { RowPages } from './row-pages.ts';

/** Memory for the rows of one file. */
const MOST_BYTES = 48 << 20;

/**
 * The rows of the slow streams of one file, for its sidecar. Their rows lie thinly in the chunks: an hour of a channel polled at 10 Hz may be spread
 * over gigabytes, and is half a megabyte by itself. Beyond the limit the largest stream is let go, which needs it least: its chunks are full of it.
 */
export class RowSpool {
  readonly #limit: number;
  readonly #pages = new Map<number, RowPages>();
  readonly #isLetGo = new Set<number>();

  constructor(limit = MOST_BYTES) {
    this.#limit = limit;
  }

  /** Takes the next batch of a channel. Copies what it keeps. */
  add(channel: number, info: StreamInfo, batch: Batch): void {
    if (!isSlow(info) || batch.rows === 0 || this.#isLetGo.has(channel)) return;
    const pages = this.#pages.get(channel) ?? new RowPages(batch);
    this.#pages.set(channel, pages);
    const before = pages.bytes;
    if (!pages.add(batch)) this.#letGo(channel);
    else if (pages.bytes > before) this.#makeRoom();
  }

  /** The rows of a channel; undefined if there are none, or they were let go. */
  of(channel: number): RowPages | undefined {
    return this.#pages.get(channel);
  }

  /** There were too many rows of it. */
  isFullOf(channel: number): boolean {
    return this.#isLetGo.has(channel);
  }

  #makeRoom(): void {
    let sum = 0;
    let largest: { channel: number; bytes: number } | undefined;
    for (const [channel, { bytes }] of this.#pages) {
      sum += bytes;
      if (bytes > (largest?.bytes ?? 0)) largest = { channel, bytes };
    }
    if (largest && sum > this.#limit) this.#letGo(largest.channel);
  }

  #letGo(channel: number): void {
    this.#pages.delete(channel);
    this.#isLetGo.add(channel);
  }
}
