import { CHUNK_ROWS_HEAD_BYTES, type ChannelTotals } from './chunk-rows.ts';
import { ChunkTable } from './chunk-table.ts';
import type { ChunkPlace, ChunkStream } from './digest.ts';
import { joinBytes } from './join-bytes.ts';
import { NumberList } from './number-list.ts';
import { packColumn } from './packed-column.ts';

/** Gathers the table of chunks of one file, chunk by chunk. */
export class ChunkTableBuilder {
  readonly #offsets = new NumberList();
  readonly #lengths = new NumberList();
  readonly #channels = new Map<number, ChannelRows>();

  /** The next chunk; `add` tells what is in it. */
  begin({ offset, length }: ChunkPlace): void {
    this.#offsets.push(offset);
    this.#lengths.push(length);
  }

  add(stream: ChunkStream): void {
    let rows = this.#channels.get(stream.channel);
    if (!rows) {
      rows = new ChannelRows(stream);
      this.#channels.set(stream.channel, rows);
    }
    rows.add(this.#offsets.length - 1, stream);
  }

  /** The table as bytes (ChunkTable lays itself over them). */
  encode(): Uint8Array<ArrayBuffer> {
    const head = new Uint8Array(8);
    const view = new DataView(head.buffer);
    view.setUint32(0, this.#offsets.length, true);
    view.setUint32(4, this.#channels.size, true);
    const channels = [...this.#channels.values()].flatMap((rows) => rows.encode());
    return joinBytes([head, packList(this.#offsets), packList(this.#lengths), ...channels]);
  }
}

/** A table of what is in these chunks. */
export function chunkTableOf(chunks: Iterable<ChunkPlace & { streams: readonly ChunkStream[] }>): ChunkTable {
  const builder = new ChunkTableBuilder();
  for (const chunk of chunks) {
    builder.begin(chunk);
    for (const stream of chunk.streams) builder.add(stream);
  }
  return new ChunkTable(builder.encode());
}

/** What a file holds of one channel, while it is gathered: the columns of `ChunkRows`. */
class ChannelRows {
  readonly #chunk = new NumberList();
  readonly #form = new NumberList();
  readonly #batches = new NumberList();
  readonly #rows = new NumberList();
  readonly #lost = new NumberList();
  readonly #lostBefore = new NumberList();
  readonly #firstRow = new NumberList();
  readonly #span = new NumberList();
  readonly #first = new NumberList();
  readonly #duration = new NumberList();
  readonly #channel: number;
  readonly #columns: number;
  readonly #originNs: bigint;
  readonly #totals: ChannelTotals;
  #isAscending = true;
  #last: ChunkStream | undefined;

  constructor({ channel, columns, firstNs, lastNs, firstRow, endRow }: ChunkStream) {
    this.#channel = channel;
    this.#columns = columns;
    this.#originNs = firstNs;
    this.#totals = { rows: 0, lost: 0, lostBefore: 0, firstRow, endRow, firstNs, lastNs };
  }

  add(chunk: number, stream: ChunkStream): void {
    const last = this.#last;
    if (
      last &&
      (stream.firstNs < last.firstNs ||
        stream.lastNs < last.lastNs ||
        stream.firstRow < last.firstRow ||
        stream.endRow < last.endRow)
    ) {
      this.#isAscending = false;
    }
    this.#last = stream;
    this.#count(stream);
    this.#chunk.push(chunk);
    this.#form.push(stream.form);
    this.#batches.push(stream.batches);
    this.#rows.push(stream.rows);
    this.#lost.push(stream.lost);
    this.#lostBefore.push(stream.lostBefore);
    this.#firstRow.push(stream.firstRow);
    this.#span.push(stream.endRow - stream.firstRow);
    this.#first.push(Number(stream.firstNs - this.#originNs));
    this.#duration.push(Number(stream.lastNs - stream.firstNs));
  }

  #count(stream: ChunkStream): void {
    const totals = this.#totals;
    if (totals.rows === 0) {
      totals.firstRow = stream.firstRow;
      totals.firstNs = stream.firstNs;
      if (stream.firstRow !== stream.lostBefore) totals.lostBefore += stream.lostBefore;
    }
    totals.rows += stream.rows;
    totals.lost += stream.lost;
    totals.endRow = stream.endRow;
    totals.lastNs = stream.lastNs;
  }

  encode(): Uint8Array<ArrayBuffer>[] {
    const head = new Uint8Array(CHUNK_ROWS_HEAD_BYTES);
    const view = new DataView(head.buffer);
    const { rows, lost, lostBefore, firstRow, endRow, firstNs, lastNs } = this.#totals;
    view.setUint32(0, this.#channel, true);
    view.setUint32(4, this.#columns, true);
    view.setUint32(8, this.#isAscending ? 1 : 0, true);
    view.setBigInt64(16, this.#originNs, true);
    for (const [index, value] of [rows, lost, lostBefore, firstRow, endRow].entries()) {
      view.setFloat64(24 + 8 * index, value, true);
    }
    view.setBigInt64(64, firstNs, true);
    view.setBigInt64(72, lastNs, true);
    const counts = [this.#form, this.#batches, this.#rows, this.#lost, this.#lostBefore];
    return [head, ...[this.#chunk, ...counts, this.#firstRow, this.#span, this.#first, this.#duration].map(packList)];
  }
}

function packList(list: NumberList): Uint8Array<ArrayBuffer> {
  return packColumn(list.values, 0, list.length);
}
