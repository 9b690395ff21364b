/**
 * The batch: rows of one stream in one ArrayBuffer, the unit of the sample path. The same bytes go to the file, the port
 * and the socket. Little endian (all our platforms are); offsets and sizes are written once, here.
 *
 *     0 u32 magic 'LWB1'   4 u16 version  6 u16 flags   8 u32 stream   12 u32 rows
 *    16 u32 channels      20 u32 reserved 24 u64 seq   32 u64 lost     40 i64 t0 ns since 1970
 *    48 i64 arrived ns    56 f64 dt s     64 f64 xOrigin s             72 columns, each 8-byte aligned:
 *    [Float64 seconds since t0 per row, if `timed`] then one column per channel, Float32 (or Float64, if `float64`).
 *
 * Row number: `seq` is the number of the first row in its epoch, lost rows counted: seq = previous seq + previous rows + lost.
 * NaN = missing, ±Infinity = overload.
 */
export const BATCH_MAGIC = 0x3142574c;
export const BATCH_VERSION = 1;
export const BATCH_HEADER_BYTES = 72;

export const BATCH_FLAG = {
  /** Columns are Float64 instead of Float32. */
  float64: 1,
  /** Rows are unevenly timed: a Float64 column of seconds since t0 comes first. */
  timed: 2,
  /** First and last batch of a segment (scope waveform). */
  firstOfSegment: 4,
  lastOfSegment: 8,
  /** Something is missing before the first row (rows lost, or a pause of the source). */
  gap: 16,
} as const;

/** What a batch is made from. `t0Ns`, `arrivedNs`: ns since 1970; `dtS`, `xOriginS`: s. */
export interface BatchHeader {
  stream: number;
  rows: number;
  channels: number;
  flags: number;
  /** Number of the first row. */
  seq: number;
  /** Rows the engine never got, between the previous batch and this one. */
  lost: number;
  t0Ns: bigint;
  arrivedNs: bigint;
  /** Seconds from row to row; 0 when timed. */
  dtS: number;
  /** Segments: x of the first row. */
  xOriginS: number;
}

export type Column = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** A batch laid over its buffer: header fields by value, columns as views (they borrow the buffer). */
export interface Batch extends BatchHeader {
  buffer: ArrayBuffer;
  /** Seconds since t0 per row; only when timed. */
  times: Float64Array<ArrayBuffer> | undefined;
  columns: Column[];
}

function columnBytes(rows: number, flags: number): number {
  return flags & BATCH_FLAG.float64 ? rows * 8 : Math.ceil(rows / 2) * 8;
}

/** Bytes of a batch of that shape. */
export function batchBytes(rows: number, channels: number, flags: number): number {
  const timed = flags & BATCH_FLAG.timed ? rows * 8 : 0;
  return BATCH_HEADER_BYTES + timed + channels * columnBytes(rows, flags);
}

/** A batch with empty columns, to be filled by the caller. It owns its buffer. */
export function createBatch(header: BatchHeader): Batch {
  return layNewBatch(new ArrayBuffer(batchBytes(header.rows, header.channels, header.flags)), 0, header);
}

/** The same in a part of a larger buffer (a frame), at an 8-byte aligned offset with room for `batchBytes`. */
export function layNewBatch(buffer: ArrayBuffer, offset: number, header: BatchHeader): Batch {
  const view = new DataView(buffer, offset, BATCH_HEADER_BYTES);
  view.setUint32(0, BATCH_MAGIC, true);
  view.setUint16(4, BATCH_VERSION, true);
  view.setUint16(6, header.flags, true);
  view.setUint32(8, header.stream, true);
  view.setUint32(12, header.rows, true);
  view.setUint32(16, header.channels, true);
  setUint64(view, 24, header.seq);
  setUint64(view, 32, header.lost);
  view.setBigInt64(40, header.t0Ns, true);
  view.setBigInt64(48, header.arrivedNs, true);
  view.setFloat64(56, header.dtS, true);
  view.setFloat64(64, header.xOriginS, true);
  return layBatch(buffer, offset, header);
}

/**
 * Views a batch in bytes from a file or link, 8-byte aligned at `offset`.
 * Undefined if the bytes are no whole, well-formed batch: never a guess, never a throw.
 */
export function viewBatch(buffer: ArrayBuffer, offset = 0, length = buffer.byteLength - offset): Batch | undefined {
  if (length < BATCH_HEADER_BYTES || offset % 8 !== 0 || offset + length > buffer.byteLength) return undefined;
  const view = new DataView(buffer, offset, length);
  if (view.getUint32(0, true) !== BATCH_MAGIC || view.getUint16(4, true) !== BATCH_VERSION) return undefined;
  const header: BatchHeader = {
    flags: view.getUint16(6, true),
    stream: view.getUint32(8, true),
    rows: view.getUint32(12, true),
    channels: view.getUint32(16, true),
    seq: getUint64(view, 24),
    lost: getUint64(view, 32),
    t0Ns: view.getBigInt64(40, true),
    arrivedNs: view.getBigInt64(48, true),
    dtS: view.getFloat64(56, true),
    xOriginS: view.getFloat64(64, true),
  };
  if (batchBytes(header.rows, header.channels, header.flags) !== length) return undefined;
  return layBatch(buffer, offset, header);
}

/** Time of a row in ns since 1970. */
export function rowTimeNs(batch: Batch, row: number): bigint {
  const seconds = batch.times ? (batch.times[row] ?? 0) : row * batch.dtS;
  return batch.t0Ns + BigInt(Math.round(seconds * 1e9));
}

/** The same batch in a buffer of its own, renumbered for another stream id (files and engines number streams on their own). */
export function copyBatch(batch: Batch, stream = batch.stream): Batch {
  const copy = createBatch({ ...batch, stream });
  if (batch.times) copy.times?.set(batch.times);
  for (let index = 0; index < batch.channels; index++) {
    const column = batch.columns[index];
    if (column) copy.columns[index]?.set(column);
  }
  return copy;
}

function layBatch(buffer: ArrayBuffer, start: number, header: BatchHeader): Batch {
  let offset = start + BATCH_HEADER_BYTES;
  let times: Float64Array<ArrayBuffer> | undefined;
  if (header.flags & BATCH_FLAG.timed) {
    times = new Float64Array(buffer, offset, header.rows);
    offset += header.rows * 8;
  }
  const columns: Column[] = [];
  const step = columnBytes(header.rows, header.flags);
  for (let channel = 0; channel < header.channels; channel++) {
    columns.push(
      header.flags & BATCH_FLAG.float64
        ? new Float64Array(buffer, offset, header.rows)
        : new Float32Array(buffer, offset, header.rows),
    );
    offset += step;
  }
  const { stream, rows, channels, flags, seq, lost, t0Ns, arrivedNs, dtS, xOriginS } = header;
  return { stream, rows, channels, flags, seq, lost, t0Ns, arrivedNs, dtS, xOriginS, buffer, times, columns };
}

/** Row numbers are safe integers: 2^53 rows at 1 MS/s are 285 years. */
function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 0x1_0000_0000, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}

function getUint64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}
