import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import type { ChunkRows } from './chunk-rows.ts';
import { viewChunkRows } from './chunk-rows.ts';
import type { ChunkEntry, ChunkPlace, ChunkStream } from './digest.ts';
import { PackedColumn } from './packed-column.ts';

/*
 * Bytes, little endian:  0 u32 chunks  4 u32 channels  8 packed columns: offset, length of each chunk  … per channel its rows (chunk-rows.ts)
 */

/** The chunks of one file in the order of the file, and what each holds of which stream: some 20 bytes per chunk and stream. */
export class ChunkTable implements Iterable<ChunkEntry> {
  readonly #offsets: PackedColumn;
  readonly #lengths: PackedColumn;
  readonly #rows = new Map<number, ChunkRows>();
  readonly #entries = new Map<number, ChunkEntry>();

  /**
   * Lays it over bytes aligned to 8; borrows them.
   * @throws RangeError: they are no table of chunks.
   */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const channels = view.getUint32(4, true);
    const offsets = PackedColumn.view(bytes, 8);
    const lengths = PackedColumn.view(bytes, offsets.end);
    this.#offsets = offsets.column;
    this.#lengths = lengths.column;
    let at = lengths.end;
    for (let index = 0; index < channels; index++) {
      const { rows, end } = viewChunkRows(bytes, at);
      this.#rows.set(rows.channel, rows);
      at = end;
    }
    if (view.getUint32(0, true) !== this.length || this.#lengths.length !== this.length) {
      throw new RangeError('the table of chunks does not fit itself');
    }
  }

  /** Chunks. */
  get length(): number {
    return this.#offsets.length;
  }

  /** The channels with anything in any chunk. */
  get channels(): Iterable<ChunkRows> {
    return this.#rows.values();
  }

  /** Which chunks hold a channel; undefined if none does. */
  rowsOf(channel: number): ChunkRows | undefined {
    return this.#rows.get(channel);
  }

  placeOf(chunk: number): ChunkPlace {
    return { offset: this.#offsets.at(chunk), length: this.#lengths.at(chunk) };
  }

  /** The chunk with what is in it; the same object each time. */
  entryOf(chunk: number): ChunkEntry {
    let entry = this.#entries.get(chunk);
    if (!entry) {
      entry = new LazyEntry(this.placeOf(chunk), () => this.#streamsOf(chunk));
      this.#entries.set(chunk, entry);
    }
    return entry;
  }

  *[Symbol.iterator](): Generator<ChunkEntry> {
    for (let chunk = 0; chunk < this.length; chunk++) {
      yield new LazyEntry(this.placeOf(chunk), () => this.#streamsOf(chunk));
    }
  }

  #streamsOf(chunk: number): ChunkStream[] {
    const streams: ChunkStream[] = [];
    for (const rows of this.#rows.values()) {
      const index = lastAtOrBefore(rows.length, (at) => rows.chunkAt(at), chunk);
      if (rows.chunkAt(index) === chunk) streams.push(rows.at(index));
    }
    return streams;
  }
}

/** Most who ask for a chunk do not ask what else is in it. */
class LazyEntry implements ChunkEntry {
  readonly offset: number;
  readonly length: number;
  readonly #list: () => ChunkStream[];

  constructor({ offset, length }: ChunkPlace, list: () => ChunkStream[]) {
    this.offset = offset;
    this.length = length;
    this.#list = list;
  }

  get streams(): ChunkStream[] {
    return this.#list();
  }
}
