import { decodeCobs } from './cobs.ts';
import {
  type Crc32,
  isPacketSound,
  MAX_PACKET_BYTES,
  PACKET,
  PACKET_CRC_BYTES,
  PACKET_HEADER_BYTES,
  parsePacketHeader,
} from './packet.ts';

/** Scale of one channel: value = code * scale + offset. */
export interface GridScale {
  scale: number;
  offset: number;
}

/** What a decoder hands on. Called from within `push`; must not throw. */
export interface PacketSink {
  /**
   * Rows decoded and scaled, one column per channel, borrowed for the call. `lost`: rows the device dropped (or that arrived
   * damaged) just before these. `firstRow`: number of the first row.
   */
  rows(columns: Float32Array[], rows: number, lost: number, firstRow: number): void;
  reply(text: string): void;
  /** The run ended; `rows` were made, `lost` of them after the last one handed on. */
  ended(rows: number, lost: number): void;
}

export interface PacketDecoderOptions {
  scales: readonly GridScale[];
  sink: PacketSink;
  /** Rows gathered before they are handed on; default 8192. What is left is handed on at the end of each push. */
  maxRows?: number;
  maxPacketBytes?: number;
  /** Default: the one of crc.ts. */
  crc?: Crc32;
}

/**
 * Bytes of a packet stream to columns. A frame that lies whole in a chunk is decoded from it, one that is cut by the end of a chunk is kept.
 *
 *     const decoder = new PacketDecoder({ scales, sink });
 *     decoder.push(chunk);     // sink.rows(columns, rows, lost) once per chunk or 8192 rows
 *
 * Damaged frames (no COBS, wrong CRC, wrong channel count, repeated rows) are counted in `malformed` and dropped; their rows show as lost.
 */
export class PacketDecoder {
  malformed = 0;
  readonly #scales: readonly GridScale[];
  readonly #sink: PacketSink;
  readonly #maxRows: number;
  readonly #columns: Float32Array[];
  #rows = 0;
  #firstRow = 0;
  #lost = 0;
  /** Next row expected; undefined before the first packet of a run. */
  #nextRow = 0;
  #run: number | undefined;
  /** Frame cut by the end of a chunk. */
  readonly #carry: Uint8Array;
  #carried = 0;
  /** More bytes than a frame may have: everything up to the next 0x00 is thrown away. */
  #overrun = false;
  readonly #packet: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #codes: Int16Array;
  readonly #crc: Crc32 | undefined;
  readonly #text = new TextDecoder('utf-8');

  constructor(options: PacketDecoderOptions) {
    const maxPacketBytes = options.maxPacketBytes ?? MAX_PACKET_BYTES;
    this.#crc = options.crc;
    this.#scales = options.scales;
    this.#sink = options.sink;
    this.#maxRows = options.maxRows ?? 8192;
    this.#columns = options.scales.map(() => new Float32Array(this.#maxRows));
    this.#packet = new Uint8Array((maxPacketBytes + 7) & ~7);
    this.#view = new DataView(this.#packet.buffer);
    this.#codes = new Int16Array(this.#packet.buffer);
    this.#carry = new Uint8Array(maxPacketBytes + Math.ceil(maxPacketBytes / 254) + 1);
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, start)) {
      if (this.#overrun) this.#overrun = false;
      else if (this.#carried === 0) this.#frame(chunk, start, end);
      else if (this.#keep(chunk, start, end)) this.#frame(this.#carry, 0, this.#carried);
      else this.#overrun = false;
      this.#carried = 0;
      start = end + 1;
    }
    if (start < chunk.length && !this.#overrun) this.#overrun = !this.#keep(chunk, start, chunk.length);
    this.#flush();
  }

  #keep(chunk: Uint8Array, start: number, end: number): boolean {
    if (this.#carried + end - start > this.#carry.length) {
      this.malformed++;
      this.#carried = 0;
      return false;
    }
    this.#carry.set(chunk.subarray(start, end), this.#carried);
    this.#carried += end - start;
    return true;
  }

  #frame(source: Uint8Array, start: number, end: number): void {
    // Two zeros in a row: an empty frame, as senders make to get in step.
    if (start === end) return;
    const length = decodeCobs(source, start, end, this.#packet);
    if (length <= PACKET_CRC_BYTES || !isPacketSound(this.#packet, this.#view, length, this.#crc)) {
      this.malformed++;
      return;
    }
    if (this.#packet[0] === PACKET.reply) {
      this.#flush();
      this.#sink.reply(this.#text.decode(this.#packet.subarray(1, length - PACKET_CRC_BYTES)));
      return;
    }
    const header = parsePacketHeader(this.#view, length);
    if (!header || header.channels !== this.#scales.length || !this.#follows(header.run, header.firstRow)) {
      this.malformed++;
      return;
    }
    const lost = header.firstRow - this.#nextRow;
    this.#nextRow = header.firstRow + header.rows;
    if (header.type === PACKET.end) {
      this.#flush();
      this.#run = undefined;
      this.#nextRow = 0;
      this.#sink.ended(header.firstRow, lost);
      return;
    }
    if (lost > 0) {
      this.#flush();
      this.#lost = lost;
    }
    this.#scaleRows(header.rows, header.firstRow);
  }

  /** A run starts at row 0; rows before the one expected were handed on already (or given up as lost). */
  #follows(run: number, firstRow: number): boolean {
    if (this.#run === undefined) {
      this.#run = run;
      this.#nextRow = 0;
    }
    return run === this.#run && firstRow >= this.#nextRow;
  }

  #scaleRows(rows: number, firstRow: number): void {
    for (let done = 0; done < rows; ) {
      if (this.#rows === this.#maxRows) this.#flush();
      if (this.#rows === 0) this.#firstRow = firstRow + done;
      const count = Math.min(rows - done, this.#maxRows - this.#rows);
      for (let channel = 0; channel < this.#scales.length; channel++) {
        const column = this.#columns[channel] as Float32Array;
        const { scale, offset } = this.#scales[channel] as GridScale;
        scaleCodes(
          this.#codes,
          PACKET_HEADER_BYTES / 2 + channel * rows + done,
          column,
          this.#rows,
          count,
          scale,
          offset,
        );
      }
      this.#rows += count;
      done += count;
    }
  }

  #flush(): void {
    if (this.#rows === 0) return;
    const rows = this.#rows;
    const lost = this.#lost;
    this.#rows = 0;
    this.#lost = 0;
    this.#sink.rows(
      this.#columns.map((column) => column.subarray(0, rows)),
      rows,
      lost,
      this.#firstRow,
    );
  }
}

/** The inner loop, by itself so that the compiler sees nothing else. */
function scaleCodes(
  codes: Int16Array,
  from: number,
  column: Float32Array,
  to: number,
  count: number,
  scale: number,
  offset: number,
): void {
  for (let i = 0; i < count; i++) column[to + i] = (codes[from + i] as number) * scale + offset;
}
