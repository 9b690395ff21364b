import { BATCH_FLAG } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { ChunkTableBuilder } from './chunk-table-build.ts';
import { cellRows, isSlow } from './digest.ts';
import { CELL_BYTES, cellBytes, type DigestView, digestEvents, type StreamView } from './digest-codec.ts';
import { LevelColumns } from './level-columns.ts';
import type { EncodedLevel } from './levels-codec.ts';
import { OverviewBuilder } from './overview.ts';
import type { RowPages } from './row-pages.ts';

/** Events kept of one file: the newest. */
export const MAX_EVENTS = 100_000;
/** A level of so few entries needs none above it. */
const ENOUGH_ENTRIES = 64;
const MOST_LEVELS = 16;
/** Entries in one of the next level: a column is made of one or two, and all levels together are a third larger than the finest. */
const FAN = 4;

/** What the digests of one file say, gathered chunk by chunk: table of chunks, events, and the pyramid of each stream. */
export class PyramidBuilder {
  readonly table = new ChunkTableBuilder();
  readonly streams = new Map<number, StreamLevels>();
  readonly #infos: ReadonlyMap<number, StreamInfo>;
  #events: string[] = [];

  /** `infos`: the streams of the file by MCAP channel id. */
  constructor(infos: ReadonlyMap<number, StreamInfo>) {
    this.#infos = infos;
  }

  /** The newest `MAX_EVENTS`, as JSON texts, in the order written. */
  get events(): readonly string[] {
    return this.#events.slice(-MAX_EVENTS);
  }

  /** The digest of the next chunk. Borrows its bytes for the call. */
  add(digest: DigestView): void {
    this.table.begin(digest.place);
    for (const stream of digest.streams) {
      this.table.add(stream);
      if (stream.cells > 0) this.#levelsOf(stream)?.add(digest.view, stream);
    }
    this.#addEvents(digestEvents(digest));
  }

  /** The digest of a chunk whose samples lie elsewhere: only its events count. */
  addEventsOf(digest: DigestView): void {
    const events = digestEvents(digest);
    if (events.length > 0) this.table.begin(digest.place);
    this.#addEvents(events);
  }

  #addEvents(events: readonly string[]): void {
    for (const event of events) this.#events.push(event);
    if (this.#events.length > 2 * MAX_EVENTS) this.#events = this.#events.slice(-MAX_EVENTS);
  }

  #levelsOf(stream: StreamView): StreamLevels | undefined {
    const known = this.streams.get(stream.channel);
    if (known) return known.columns === stream.columns ? known : undefined;
    const info = this.#infos.get(stream.channel);
    if (!info || info.columns.length !== stream.columns) return undefined;
    const levels = new StreamLevels(info, stream);
    this.streams.set(stream.channel, levels);
    return levels;
  }
}

/** Pyramid of one stream on top of the cells of its digests. */
export class StreamLevels {
  readonly columns: number;
  /** Times count from here; ns since 1970. */
  readonly originNs: bigint;
  readonly overview = new OverviewBuilder();
  /** Some batch has Float64 columns. */
  isFloat64 = false;
  readonly isSlow: boolean;
  readonly #base: LevelColumns;
  #rows = 0;
  readonly #originHigh: number;
  readonly #originLow: number;

  constructor(info: StreamInfo, { columns, firstNs }: Pick<StreamView, 'columns' | 'firstNs'>) {
    this.columns = columns;
    this.isSlow = isSlow(info);
    this.originNs = firstNs;
    this.#originHigh = Number(firstNs >> 32n);
    this.#originLow = Number(BigInt.asUintN(32, firstNs));
    this.#base = new LevelColumns(cellRows(info.rateHz), columns);
  }

  /** The cells of one chunk, read where they lie. */
  add(view: DataView, { cells, cellsAt, columns, form }: StreamView): void {
    this.isFloat64 ||= (form & BATCH_FLAG.float64) !== 0;
    const base = this.#base;
    const length = cellBytes(columns);
    for (let at = cellsAt; at < cellsAt + cells * length; at += length) {
      const row = view.getFloat64(at, true);
      const rows = view.getUint32(at + 24, true);
      const isAfterGap = view.getUint32(at + 28, true) !== 0;
      if (!Number.isSafeInteger(row) || rows === 0) continue;
      // Two halves make a difference of times without a bigint for each cell.
      const time =
        (view.getInt32(at + 12, true) - this.#originHigh) * 0x1_0000_0000 +
        (view.getUint32(at + 8, true) - this.#originLow);
      this.#rows += rows;
      const isNew = base.begin(row, rows, time, view.getFloat64(at + 16, true), isAfterGap);
      const values = at + CELL_BYTES;
      for (let column = 0; column < columns; column++) {
        const min = view.getFloat64(values + column * 16, true);
        const max = view.getFloat64(values + column * 16 + 8, true);
        base.merge(column, min, max, view.getUint8(values + columns * 16 + column), isNew);
      }
      if (columns > 0) {
        const min = view.getFloat64(values, true);
        const max = view.getFloat64(values + 8, true);
        this.overview.add(time, isAfterGap, min, max);
      }
    }
  }

  /** Rows that were gathered from the same batches: undefined if they are not all of this stream, and only of it. */
  fittingRows(pages: RowPages | undefined): EncodedLevel | undefined {
    const isFitting =
      pages?.rows === this.#rows && pages.originNs === this.originNs && pages.isFloat64 === this.isFloat64;
    return isFitting ? pages?.finish() : undefined;
  }

  /** All levels, finest first, until one is small, or gaps keep it from getting smaller. */
  *levels(): Generator<LevelColumns> {
    let level = this.#base;
    yield level;
    for (let count = 1; count < MOST_LEVELS && level.length > ENOUGH_ENTRIES; count++) {
      const upper = level.fold(FAN);
      if (upper.length > 0.75 * level.length) return;
      yield upper;
      level = upper;
    }
  }
}
