import type { Batch } from '../../core/batch.ts';
import { BATCH_FLAG, rowTimeNs } from '../../core/batch.ts';
import type { ColumnBlock } from '../../core/decimate.ts';
import { ColumnBuilder, columnsIn } from '../../core/decimate.ts';
import { ColumnCounter } from './column-counter.ts';
import { LevelSlices, readSlice } from './level-slices.ts';
import type { StoredLevels } from './levels-codec.ts';
import { PageFeed } from './page-feed.ts';
import type { Recording, StreamPart } from './recording.ts';
import type { RecordedStream } from './recording-info.ts';
import { type EachRows, eachStretch, RowGather } from './row-gather.ts';
import type { CellPlace, StoredLevel } from './stored-level.ts';

/** Decoded chunks kept for the next question, which is mostly near the last one. */
const CACHED_CHUNKS = 8;
/** Chunks read while another one is looked at, if they are so large. */
const CHUNKS_AHEAD = 2;
const LARGE_CHUNK_BYTES = 256 << 10;
/** Files whose pages are read at a time. */
const PARTS_AHEAD = 8;

/** An entry of the finest level of a part. */
interface Located {
  originNs: bigint;
  level: StoredLevel;
  place: CellPlace;
  nextRow: number | undefined;
}

/** One regular or timed stream of a recording, seen by row number: what history keeps in memory, read from the pyramids and the files. */
export class RecordedRows {
  readonly stream: RecordedStream;
  readonly #recording: Recording;
  readonly #parts: StreamPart[];
  readonly #cache = new Map<string, Promise<Batch[]>>();
  readonly #form: number;

  constructor(recording: Recording, stream: RecordedStream) {
    this.#recording = recording;
    this.stream = stream;
    this.#parts = recording.partsOf(stream.info.id).filter(({ chunks }) => chunks.totals.rows > 0);
    this.#form = this.#firstForm();
  }

  get isFloat64(): boolean {
    return (this.#form & BATCH_FLAG.float64) !== 0;
  }

  get isTimed(): boolean {
    return (this.#form & BATCH_FLAG.timed) !== 0;
  }

  /** Row after the last. */
  get endRow(): number {
    return this.stream.endRow;
  }

  /** First row at or after a time; `endRow` if all are before it. */
  async rowAt(timeNs: bigint): Promise<number> {
    const at = Math.max(
      0,
      this.#parts.findLastIndex(({ chunks }) => chunks.totals.firstNs < timeNs),
    );
    const part = this.#parts[at];
    if (!part) return this.endRow;
    const found = await this.#locate(part, (level, originNs) => level.placeBefore(Number(timeNs - originNs)));
    const { totals } = part.chunks;
    const nextPart = this.#parts[at + 1]?.chunks.totals.firstRow ?? this.endRow;
    if (!found) return (await this.#rowIn(part, totals.firstRow, totals.endRow, timeNs)) ?? nextPart;
    const { place, level } = found;
    const next = found.nextRow ?? nextPart;
    const time = Number(timeNs - found.originNs);
    if (place.time >= time) return place.row;
    if (level.blockRows === 1) return next;
    const end = place.row + place.rows;
    if (this.isTimed) return (await this.#rowIn(part, place.row, end, timeNs)) ?? next;
    // A step below a millionth of a row is rounding, not a later row.
    const row = place.row + Math.ceil((time - place.time) / place.step - 1e-6);
    return row < end ? row : next;
  }

  /** Time of a row, ns since 1970; of one lost, of the first row before it. */
  async timeOf(row: number): Promise<bigint> {
    const part = this.#parts.findLast(({ chunks }) => chunks.totals.firstRow <= row);
    if (!part) return this.stream.firstNs;
    const found = await this.#locate(part, (level) => level.placeOfRow(row));
    if (found && (!this.isTimed || found.level.blockRows === 1)) {
      const { place, originNs } = found;
      const within = Math.min(row, place.row + place.rows - 1) - place.row;
      return originNs + BigInt(place.time) + BigInt(Math.round(within * place.step));
    }
    const { firstRow } = part.chunks.totals;
    const last = found ? Math.min(row, found.place.row + found.place.rows - 1) : row;
    let timeNs = part.chunks.totals.firstNs;
    await this.#visitPart(part, found ? last : firstRow, last + 1, (batch, _, end) => {
      timeNs = rowTimeNs(batch, end - 1);
    });
    return timeNs;
  }

  /** Min/max columns of n = 2^k rows of the columns with these indices, over all columns that touch [fromRow, toRow). */
  async columns(channels: readonly number[], fromRow: number, toRow: number, n: number): Promise<ColumnBlock[]> {
    const from = Math.floor(fromRow / n) * n;
    const to = Math.ceil(toRow / n) * n;
    const feed = new PageFeed(this.stream, channels, fromRow, toRow);
    const builder = new ColumnBuilder(n, channels, this.isFloat64, (row) =>
      this.isTimed
        ? { t0Ns: this.stream.firstNs, dtS: 0, isTimed: true }
        : { t0Ns: feed.timeOf(row), dtS: feed.dtS, isTimed: false },
    );
    const touched = this.#touched(from, to);
    const slices = touched.map((part) => this.#slices(part, levelFor(n), channels, from, to));
    for (const [index, part] of touched.entries()) {
      // The next files are read meanwhile.
      for (const next of slices.slice(index, index + PARTS_AHEAD)) next.begin();
      const hasLevel = await slices[index]?.each(({ pages, originNs, blockRows }) => {
        for (const page of pages) feed.addPage(builder, page, { originNs, blockRows }, from, to);
      });
      if (hasLevel) continue;
      await this.#visitPart(part, from, to, (batch, start, end) => {
        feed.addBatch(builder, batch, start, end, start === 0 && this.isAfterGap(batch));
      });
    }
    return builder.finish(false);
  }

  /** The row before which a stretch makes so many columns of n rows, where gaps make more of them than n does; undefined if it makes fewer. */
  async rowAfterColumns(fromRow: number, toRow: number, n: number, most: number): Promise<number | undefined> {
    const touched = this.#touched(fromRow, toRow);
    let columns = columnsIn(fromRow, toRow - fromRow, n);
    for (const part of touched) columns += await this.#entriesIn(part, n, fromRow, toRow);
    if (columns <= most) return undefined;
    const counter = new ColumnCounter(n, most);
    for (const part of touched) {
      await this.#slices(part, gapLevel(n), [], fromRow, toRow).each(({ pages }) => {
        for (const page of pages) counter.add(page, fromRow, toRow);
      });
    }
    return counter.row;
  }

  /** Rows [fromRow, toRow) of the columns with these indices, in order; those of slow streams from the sidecars, where they have them. */
  async rows(channels: readonly number[], fromRow: number, toRow: number, each: EachRows): Promise<void> {
    const gather = new RowGather(each);
    for (const part of this.#touched(fromRow, toRow)) {
      const isInLevel = await this.#slices(part, levelFor(1), channels, fromRow, toRow).each(({ pages, originNs }) => {
        gather.end();
        for (const page of pages) {
          eachStretch(page, originNs, this.isTimed, channels, [fromRow, toRow], (rows, start, end) => {
            each({ ...rows, isAfterGap: rows.isAfterGap || rows.firstRow === this.stream.firstRow }, start, end);
          });
        }
      });
      if (isInLevel) continue;
      await this.#visitPart(part, fromRow, toRow, (batch, start, end) => {
        gather.add(batch, start, end, start === 0 && this.isAfterGap(batch));
      });
    }
    gather.end();
  }

  /** Rows are missing before the batch, or it is the first. */
  isAfterGap(batch: Batch): boolean {
    return batch.seq === this.stream.firstRow || batch.lost > 0 || (batch.flags & BATCH_FLAG.gap) !== 0;
  }

  #firstForm(): number {
    const chunks = this.#parts[0]?.chunks;
    for (let index = 0; chunks && index < chunks.length; index++) {
      const { rows, form } = chunks.at(index);
      if (rows > 0) return form;
    }
    return 0;
  }

  /** An entry of the finest level of a part; undefined if the part has no levels of the stream. */
  #locate(
    { part, chunks }: StreamPart,
    find: (level: StoredLevel, originNs: bigint) => Promise<{ place: CellPlace; nextRow: number | undefined }>,
  ): Promise<Located | undefined> {
    return part.pyramid.ask(chunks.channel, async (levels) => {
      const level = levels?.levels[0];
      return levels && level && { ...(await find(level, levels.originNs)), level, originNs: levels.originNs };
    });
  }

  /** At most so many entries of the level that shows the gaps between columns of n rows; 0 if there is none. */
  #entriesIn({ part, chunks }: StreamPart, n: number, from: number, to: number): Promise<number> {
    return part.pyramid.ask(chunks.channel, async (levels) => {
      const level = levels && gapLevel(n)(levels);
      return level ? (level.pageOfRow(to - 1) + 1 - level.pageOfRow(from)) * level.layout.pageEntries : 0;
    });
  }

  #touched(fromRow: number, toRow: number): StreamPart[] {
    return this.#parts.filter(({ chunks: { totals } }) => totals.endRow > fromRow && totals.firstRow < toRow);
  }

  /** A level of a part from the page that holds `from` to the one that holds the last row before `to`. */
  #slices(
    { part, chunks }: StreamPart,
    pick: (levels: StoredLevels) => StoredLevel | undefined,
    channels: readonly number[],
    from: number,
    to: number,
  ): LevelSlices {
    return new LevelSlices(from, (row) =>
      part.pyramid.ask(chunks.channel, async (levels) => {
        const level = levels && pick(levels);
        return level && readSlice(level, levels.originNs, channels, row, to);
      }),
    );
  }

  /** First row of [fromRow, toRow) at or after a time, by reading; undefined if all are before it. */
  async #rowIn(
    { part, chunks }: StreamPart,
    fromRow: number,
    toRow: number,
    timeNs: bigint,
  ): Promise<number | undefined> {
    for (const index of chunks.withRows(fromRow, toRow)) {
      if (chunks.at(index).lastNs < timeNs) continue;
      for (const batch of await this.#read({ part, chunks }, index)) {
        const end = Math.min(batch.rows, toRow - batch.seq);
        for (let row = Math.max(0, fromRow - batch.seq); row < end; row++) {
          if (rowTimeNs(batch, row) >= timeNs) return batch.seq + row;
        }
      }
    }
    return undefined;
  }

  async #visitPart(
    part: StreamPart,
    fromRow: number,
    toRow: number,
    each: (batch: Batch, start: number, end: number) => void,
  ): Promise<void> {
    for await (const batches of this.#inOrder(part, part.chunks.withRows(fromRow, toRow))) {
      for (const batch of batches) {
        const start = Math.max(0, fromRow - batch.seq);
        const end = Math.min(batch.rows, toRow - batch.seq);
        if (start < end) each(batch, start, end);
      }
    }
  }

  /** The batches of some chunks. The next large ones are read meanwhile: of small ones there are many in one read. */
  async *#inOrder(part: StreamPart, indexes: Iterable<number>): AsyncGenerator<Batch[]> {
    const begun: Promise<Batch[]>[] = [];
    for (const index of indexes) {
      begun.push(this.#read(part, index));
      const isLarge = part.part.chunks.placeOf(part.chunks.chunkAt(index)).length >= LARGE_CHUNK_BYTES;
      while (begun.length > (isLarge ? CHUNKS_AHEAD : 0)) yield (await begun.shift()) ?? [];
    }
    for (const batches of begun) yield await batches;
  }

  #read({ part, chunks }: StreamPart, index: number): Promise<Batch[]> {
    const key = `${part.path}\n${chunks.channel}\n${index}`;
    let batches = this.#cache.get(key);
    if (!batches) {
      const chunk = part.chunks.entryOf(chunks.chunkAt(index));
      batches = this.#recording.batchesIn({ part, chunk, digest: chunks.at(index) });
      if (this.#cache.size >= CACHED_CHUNKS) this.#cache.delete(this.#cache.keys().next().value ?? '');
      this.#cache.set(key, batches);
      // A disk may fail once.
      batches.catch(() => this.#cache.delete(key));
    }
    return batches;
  }
}

/** The level whose blocks are the largest that fit in n rows; undefined: rows must be read from the chunks. */
function levelFor(n: number): (levels: StoredLevels) => StoredLevel | undefined {
  return ({ levels }) => levels.findLast(({ blockRows }) => blockRows <= n);
}

/** The level with the fewest entries that shows every gap between columns of n rows. */
function gapLevel(n: number): (levels: StoredLevels) => StoredLevel | undefined {
  return ({ levels }) => {
    const blocks = levels.filter(({ blockRows }) => blockRows > 1);
    return blocks.findLast(({ blockRows }) => blockRows <= n) ?? blocks[0];
  };
}
