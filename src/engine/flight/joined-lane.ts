import { columnsIn, rowsPerColumn } from '../../core/decimate.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { type HistoryRequest, PIECE_BYTES, type Pieces } from '../history/history-pieces.ts';
import { batchOf, pageRows, sendPart, splitColumns } from '../history/read-history.ts';
import type { StreamHistory } from '../history/stream-history.ts';
import type { RecordedRows } from '../recording/recorded-rows.ts';
import type { RecordedGap } from '../recording/recording-info.ts';

/**
 * Rows of one stream from both ends: memory has the newest (and perhaps the oldest, coarsely), the disk what lies between.
 *
 *     from ── memory, coarse ── disk ─────────────────── seam ── memory, exact ── to
 *             only what the     whatever memory has            aligned to the columns
 *             disk let go       not, or not as fine            asked
 */
export class JoinedLane {
  /** With the number under which its rows go out. */
  readonly info: StreamInfo;
  readonly #channels: number[];
  readonly #memory: StreamHistory | undefined;
  readonly #disk: RecordedRows | undefined;
  readonly #gaps: readonly RecordedGap[];
  #from = 0;
  #to = 0;
  #n = 1;
  /** Rows [#diskFrom, #seam) come from disk. */
  #diskFrom = 0;
  #seam = 0;
  #share = 0;

  constructor(
    info: StreamInfo,
    channels: number[],
    memory: StreamHistory | undefined,
    disk: RecordedRows | undefined,
    gaps: readonly RecordedGap[],
  ) {
    this.info = info;
    this.#channels = channels;
    this.#memory = memory;
    this.#disk = disk;
    this.#gaps = gaps;
  }

  get isEmpty(): boolean {
    return this.#from >= this.#to;
  }

  /** Finds the rows of a range and who has them; false: there are none. */
  async locate({ fromNs, toNs, width, raw }: HistoryRequest): Promise<boolean> {
    const memory = stretchOf(this.#memory?.rowAt(fromNs), this.#memory?.rowAt(toNs));
    const disk = stretchOf(await this.#disk?.rowAt(fromNs), await this.#disk?.rowAt(toNs));
    this.#from = firstOf(memory?.from, disk?.from, memory && (this.#memory?.blockAt(memory.from) ?? 1));
    this.#to = Math.max(memory?.to ?? 0, disk?.to ?? 0);
    if (this.isEmpty) return false;
    const n = raw ? 1 : rowsPerColumn((this.#to - this.#from) / width);
    this.#n = n;
    this.#diskFrom = disk?.from ?? this.#to;
    this.#seam = this.#to;
    if (memory) {
      const exact = Math.max(memory.from, this.#memory?.exactRow(n) ?? memory.to);
      const first = exact <= this.#from ? this.#from : Math.ceil(exact / n) * n;
      // What the disk has not got yet, or has missed at its end, only memory can give.
      const last = disk && disk.to < memory.to ? Math.floor(disk.to / n) * n : this.#to;
      this.#seam = Math.min(first, last, this.#to);
      if (!disk || this.#seam <= this.#diskFrom) {
        this.#diskFrom = this.#from;
        this.#seam = this.#from;
      }
    }
    return true;
  }

  /** Rows or columns it may have of the answer: no more than `most`, in no more than so many bytes. */
  setShare(most: number, bytes: number): void {
    const isFloat64 = this.#memory?.isFloat64 || this.#disk?.isFloat64;
    const columnBytes = this.#channels.length * (isFloat64 ? 8 : 4) * (this.#n > 1 ? 2 : 1) + 8;
    this.#share = Math.max(1, Math.min(most, Math.floor(bytes / columnBytes)));
  }

  /** The time at which it has its share; undefined if all of it fits. */
  async cutNs({ fromNs }: HistoryRequest): Promise<bigint | undefined> {
    const from = this.#from;
    const n = this.#n;
    let row: number | undefined;
    if (columnsIn(from, this.#to - from, n) > this.#share) row = (Math.floor(from / n) + this.#share) * n;
    else row = await this.#disk?.rowAfterColumns(this.#diskFrom, this.#seam, n, this.#share);
    if (row === undefined) return undefined;
    const timeNs = await this.#timeOf(Math.min(this.#to - 1, row));
    // Rows at one time cannot be parted: rather more than asked than the same piece for ever.
    return timeNs > fromNs ? timeNs : fromNs + 1n;
  }

  /** Ends before a time. */
  async cutAt(timeNs: bigint): Promise<void> {
    const onDisk = await this.#disk?.rowAt(timeNs);
    // At its ends it does not know what lies beyond.
    const isInside = this.#disk && onDisk !== undefined && onDisk > this.#diskFrom && onDisk < this.#disk.endRow;
    const row = isInside ? onDisk : (this.#memory?.rowAt(timeNs) ?? onDisk ?? this.#to);
    this.#to = Math.max(this.#from, Math.min(this.#to, row));
    this.#seam = Math.min(this.#seam, this.#to);
  }

  /** Sends it; false if it is not all, or not as fine as asked. */
  async send(request: HistoryRequest, pieces: Pieces): Promise<boolean> {
    const diskFrom = Math.min(this.#diskFrom, this.#to);
    let exact = true;
    if (this.#from < diskFrom) exact = this.#sendMemory(this.#from, diskFrom, request, pieces) && exact;
    if (diskFrom < this.#seam) exact = (await this.#sendDisk(diskFrom, this.#seam, request, pieces)) && exact;
    if (this.#seam < this.#to) exact = this.#sendMemory(this.#seam, this.#to, request, pieces) && exact;
    return exact;
  }

  #sendMemory(from: number, to: number, request: HistoryRequest, pieces: Pieces): boolean {
    const stream = this.#memory;
    return (
      stream !== undefined && sendPart({ stream, channels: this.#channels, from, to, n: this.#n }, request, pieces)
    );
  }

  async #sendDisk(from: number, end: number, request: HistoryRequest, pieces: Pieces): Promise<boolean> {
    const rows = this.#disk;
    if (!rows) return false;
    const head = { id: request.request, isReply: true, stream: this.info.id };
    const channels = this.#channels;
    // Rows that all have the same time cannot be asked for piece by piece: what is too many of them is left out.
    const to = Math.min(end, (Math.floor(from / this.#n) + 4 * this.#share) * this.#n);
    for (const { seq, fromNs, toNs, lost, reason } of this.#gaps) {
      if (seq >= from && seq <= to) pieces.add({ kind: 'gap', ...head, seq, fromNs, toNs, lost, reason });
    }
    if (request.raw) {
      await rows.rows(channels, from, to, (page, start, end) => {
        const step = pageRows(page, channels.length, PIECE_BYTES / 2);
        for (let row = start; row < end; row += step) {
          const batch = batchOf(page, channels, row, Math.min(end, row + step));
          pieces.add({ kind: 'raw', ...head, channels, batch });
        }
      });
    } else {
      for (const columns of await rows.columns(channels, from, to, this.#n)) {
        for (const piece of splitColumns(columns, PIECE_BYTES / 2)) {
          pieces.add({ kind: 'columns', ...head, isRestart: false, channels, columns: piece });
        }
      }
    }
    if (to < end) pieces.add({ kind: 'skipped', ...head, from: to, to: end, reason: 'history' });
    return to === end;
  }

  async #timeOf(row: number): Promise<bigint> {
    const first = this.#memory?.firstRow;
    const isOnDisk = this.#disk && row >= this.#diskFrom && row < this.#seam;
    if (this.#disk && (isOnDisk || first === undefined || row < first)) return this.#disk.timeOf(row);
    return this.#memory?.timeOf(row) ?? 0n;
  }
}

/** The first row of both; of memory, where it knows only blocks, a row of the same block is no earlier one. */
function firstOf(memory: number | undefined, disk: number | undefined, block: number | undefined): number {
  if (memory === undefined || disk === undefined) return memory ?? disk ?? 0;
  return disk - memory < (block ?? 1) ? disk : Math.min(memory, disk);
}

function stretchOf(from: number | undefined, to: number | undefined): { from: number; to: number } | undefined {
  return from === undefined || to === undefined || from >= to ? undefined : { from, to };
}
