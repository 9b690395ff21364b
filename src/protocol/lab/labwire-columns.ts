import { LabError } from '../../core/errors.ts';
import type { FrameCodec, FrameDtype, LabwireFrame } from './labwire-frame.ts';
import { decodeRice, encodeRice, riceBound } from './rice.ts';

/** How the numbers of one column are made of codes: value = code * scale + offset. */
export interface ColumnGrid {
  scale: number;
  offset: number;
}

export interface ColumnForm {
  /** What the values are; integer frames are restored to it. */
  dtype: 'f32' | 'f64';
  /** Of each column; absent: values go as they are. */
  grids?: readonly (ColumnGrid | undefined)[] | undefined;
}

export interface FrameLimits {
  maxColumns: number;
  /** Values of one frame, all columns together. */
  maxValues: number;
  maxInflatedBytes: number;
}

export const FRAME_LIMITS: FrameLimits = {
  maxColumns: 4096,
  maxValues: 2 << 20,
  maxInflatedBytes: 16 << 20,
};

/** Inflates raw deflate to at most `maxBytes`; throws beyond, and for what grows too much. */
export type InflateRaw = (bytes: Uint8Array, maxBytes: number) => Uint8Array;

export interface FrameColumns {
  columns: (Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>)[];
  /** ns since 1970, by the clock of the server. */
  timesNs: BigInt64Array<ArrayBuffer>;
}

/** A row further from its frame than that is no row: s. */
const MAX_SINCE_S = 1e9;

const DTYPE_BYTES: Readonly<Record<FrameDtype, number>> = { f32: 4, f64: 8, i16: 2, i32: 4 };

/**
 * Payload: with dt 0 first n Float64 (seconds since t0), then column by column n values, each column padded to 8. With codec `deflate` all that is
 * deflated; with `i16d-rice` each column is packed (`rice.ts`), the times are not.
 * Throws `protocol.malformed`, and `protocol.too-long` for more than the limits.
 */
export function decodeColumns(
  frame: LabwireFrame,
  form: ColumnForm,
  inflate: InflateRaw,
  limits: FrameLimits = FRAME_LIMITS,
): FrameColumns {
  const { channels, rows } = frame;
  if (channels > limits.maxColumns || rows * channels > limits.maxValues || rows > limits.maxValues)
    throw new LabError(
      'protocol.too-long',
      `The lab server sent ${channels} columns of ${rows} rows at once; the limit is ${limits.maxValues} values. They are left out.`,
      { channels, rows, limit: limits.maxValues },
    );
  const plain = frame.codec === 'deflate' ? inflate(frame.payload, limits.maxInflatedBytes) : frame.payload;
  const timesBytes = frame.dtS === 0 ? rows * 8 : 0;
  const size = DTYPE_BYTES[frame.dtype];
  const stride = padded(rows * size);
  const isPacked = frame.codec === 'i16d-rice';
  // Before anything is made of it: a packed value has at least a bit.
  const isFitting = isPacked
    ? plain.length >= timesBytes + channels * Math.ceil(rows / 8)
    : plain.length === timesBytes + channels * stride;
  if (!isFitting || (channels === 0 && rows > 0)) throw tooShort(frame, plain.length);
  const timesNs = readTimes(frame, plain);
  if (isPacked) return { columns: unpackColumns(frame, form, plain, timesBytes), timesNs };
  const columns = Array.from({ length: channels }, (_, index) => {
    // A copy of its own: aligned, and not lent. `slice` would not do: of a Buffer of Node it is a view.
    const start = timesBytes + index * stride;
    const bytes = new Uint8Array(rows * size);
    bytes.set(plain.subarray(start, start + rows * size));
    return readColumn(bytes.buffer, frame.dtype, form, index);
  });
  return { columns, timesNs };
}

/** The payload of rows whose values lie on the grids (`codes`), or as they are. `timesS`: with dt 0. */
export function encodeColumns(
  codec: Exclude<FrameCodec, 'deflate'>,
  columns: readonly (Float32Array | Float64Array | Int16Array | Int32Array)[],
  timesS?: Float64Array,
): Uint8Array<ArrayBuffer> {
  const timesBytes = timesS ? timesS.length * 8 : 0;
  const bound = columns.reduce(
    (sum, column) => sum + padded(codec === 'raw' ? column.byteLength : riceBound(column.length)),
    timesBytes,
  );
  const bytes = new Uint8Array(bound);
  if (timesS) bytes.set(new Uint8Array(timesS.buffer, timesS.byteOffset, timesS.byteLength));
  let at = timesBytes;
  for (const column of columns) {
    if (codec === 'raw') {
      bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
      at += padded(column.byteLength);
    } else if (column instanceof Int16Array) at += padded(encodeRice(column, bytes, at));
    else throw new LabError('internal.failed', 'Labwire made a mistake: only int16 codes can be packed.');
  }
  return bytes.slice(0, at);
}

/** The codes of values on a grid, if each is restored to exactly the same Float32; else undefined. */
export function gridCodes(values: Float32Array, grid: ColumnGrid): Int16Array<ArrayBuffer> | undefined {
  const codes = new Int16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const code = Math.round((value - grid.offset) / grid.scale);
    if (!(code >= -32768 && code <= 32767) || Math.fround(code * grid.scale + grid.offset) !== value) return undefined;
    codes[i] = code;
  }
  return codes;
}

function readTimes(frame: LabwireFrame, plain: Uint8Array): BigInt64Array<ArrayBuffer> {
  const { rows, dtS, t0Ns } = frame;
  const times = new BigInt64Array(rows);
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  for (let i = 0; i < rows; i++) {
    const sinceS = dtS === 0 ? view.getFloat64(i * 8, true) : i * dtS;
    if (!(Math.abs(sinceS) < MAX_SINCE_S)) throw tooShort(frame, plain.length);
    times[i] = t0Ns + BigInt(Math.round(sinceS * 1e9));
  }
  return times;
}

function readColumn(
  buffer: ArrayBuffer,
  dtype: FrameDtype,
  form: ColumnForm,
  index: number,
): FrameColumns['columns'][number] {
  if (dtype === 'f32') return new Float32Array(buffer);
  if (dtype === 'f64') return new Float64Array(buffer);
  return restore(dtype === 'i16' ? new Int16Array(buffer) : new Int32Array(buffer), form, index);
}

function unpackColumns(
  frame: LabwireFrame,
  form: ColumnForm,
  plain: Uint8Array,
  start: number,
): FrameColumns['columns'] {
  let at = start;
  const columns = Array.from({ length: frame.channels }, (_, index) => {
    const codes = new Int16Array(frame.rows);
    at += padded(decodeRice(plain, at, codes));
    return restore(codes, form, index);
  });
  if (at !== plain.length) throw tooShort(frame, plain.length);
  return columns;
}

function restore(codes: Int16Array | Int32Array, form: ColumnForm, index: number): FrameColumns['columns'][number] {
  const { scale, offset } = form.grids?.[index] ?? { scale: 1, offset: 0 };
  const values = form.dtype === 'f32' ? new Float32Array(codes.length) : new Float64Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = (codes[i] as number) * scale + offset;
  return values;
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

function tooShort(frame: LabwireFrame, bytes: number): LabError {
  const { rows, channels, codec, dtype } = frame;
  return new LabError(
    'protocol.malformed',
    `The lab server sent ${channels} columns of ${rows} rows (${codec}, ${dtype}) in ${bytes} bytes, which does not fit. They are left out; the numbering shows them as lost.`,
    { rows, channels, bytes },
  );
}
