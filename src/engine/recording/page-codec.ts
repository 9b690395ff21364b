import { crc32 } from 'node:zlib';
import type { Column } from '../../core/batch.ts';
import { joinBytes } from './join-bytes.ts';
import { PackedColumn, packColumn } from './packed-column.ts';
import { padded } from './pyramid-layout.ts';

/*
 * A page of a level is an index block and one block of values per column of the stream. Each block: u32 CRC-32 of what follows,
 * u32 its length, then
 *
 *     index:   packed columns of row, rows, time, step, gap
 *     values:  min, max: f32 or f64 each, padded to 8; flags: u8, padded to 8      of a level of rows: the value only
 */
const BLOCK_HEAD_BYTES = 8;

/** Where the entries of a page are, packed as they lie there: most views ask for few of them. Times: ns since the origin of the stream. */
export interface PageIndex {
  row: PackedColumn;
  rows: PackedColumn;
  time: PackedColumn;
  /** ns from row to row; 0 if uneven. */
  step: PackedColumn;
  /** 1: rows are missing before the entry. */
  gap: PackedColumn;
}

/** One column of the stream in a page; of a level of rows `max` is `min`. */
export interface PageValues {
  min: Column;
  max: Column;
  flags: Uint8Array<ArrayBuffer>;
}

/** What a page's blocks of values look like. */
export interface ValueForm {
  isFloat64: boolean;
  isRows: boolean;
}

/** Where entries are, in columns that are to be packed; see `PageIndex`. */
export interface IndexColumns {
  row: ArrayLike<number>;
  rows: ArrayLike<number>;
  time: ArrayLike<number>;
  step: ArrayLike<number>;
  gap: ArrayLike<number>;
}

/** The index block of the entries from `from` to `to`. */
export function encodeIndexBlock(
  { row, rows, time, step, gap }: IndexColumns,
  from: number,
  to: number,
): Uint8Array<ArrayBuffer> {
  const columns = [row, rows, time, step, gap].map((column) => packColumn(column, from, to));
  return sealed([new Uint8Array(BLOCK_HEAD_BYTES), ...columns]);
}

/** @throws RangeError: the bytes are no index block of so many entries, or damaged. Borrows them; they start at a multiple of 8. */
export function viewIndexBlock(bytes: Uint8Array<ArrayBuffer>, entries: number): PageIndex {
  checkSeal(bytes);
  let at = BLOCK_HEAD_BYTES;
  const next = (): PackedColumn => {
    const { column, end } = PackedColumn.view(bytes, at);
    if (column.length !== entries) throw new RangeError('a page of another length');
    at = end;
    return column;
  };
  return { row: next(), rows: next(), time: next(), step: next(), gap: next() };
}

/** Bytes of a block of values of so many entries. */
export function valueBlockBytes(entries: number, { isFloat64, isRows }: ValueForm): number {
  const column = padded(entries * (isFloat64 ? 8 : 4));
  return BLOCK_HEAD_BYTES + (isRows ? column : 2 * column + padded(entries));
}

/** Values of one column of the stream; a block of rows has `min` only. */
export interface ValueColumns {
  min: Column | Uint8Array;
  max?: Column | Uint8Array | undefined;
  flags?: Column | Uint8Array | undefined;
}

/** The block of values of the entries from `from` to `to`. */
export function encodeValueBlock(
  values: ValueColumns,
  from: number,
  to: number,
  form: ValueForm,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(valueBlockBytes(to - from, form));
  const laid = layValues(bytes, to - from, form);
  laid.min.set(values.min.subarray(from, to));
  if (!form.isRows) {
    if (values.max) laid.max.set(values.max.subarray(from, to));
    if (values.flags) laid.flags.set(values.flags.subarray(from, to));
  }
  return sealed([bytes]);
}

/** @throws RangeError: the bytes are no block of values of so many entries, or damaged. Borrows them; they start at a multiple of 8. */
export function viewValueBlock(bytes: Uint8Array<ArrayBuffer>, entries: number, form: ValueForm): PageValues {
  checkSeal(bytes);
  if (bytes.byteLength !== valueBlockBytes(entries, form)) throw new RangeError('a page of another length');
  return layValues(bytes, entries, form);
}

const NO_FLAGS = new Uint8Array(0);

function layValues(bytes: Uint8Array<ArrayBuffer>, entries: number, { isFloat64, isRows }: ValueForm): PageValues {
  const start = bytes.byteOffset + BLOCK_HEAD_BYTES;
  const step = padded(entries * (isFloat64 ? 8 : 4));
  const column = (at: number): Column =>
    isFloat64 ? new Float64Array(bytes.buffer, at, entries) : new Float32Array(bytes.buffer, at, entries);
  const min = column(start);
  if (isRows) return { min, max: min, flags: NO_FLAGS };
  return { min, max: column(start + step), flags: new Uint8Array(bytes.buffer, start + 2 * step, entries) };
}

function sealed(buffers: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const bytes = buffers.length === 1 && buffers[0] ? buffers[0] : joinBytes(buffers);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, bytes.byteLength, true);
  view.setUint32(0, crc32(bytes.subarray(4)), true);
  return bytes;
}

function checkSeal(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.byteLength < BLOCK_HEAD_BYTES) throw new RangeError('a page cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(4, true) !== bytes.byteLength) throw new RangeError('a page of another length');
  if (view.getUint32(0, true) !== crc32(bytes.subarray(4))) throw new RangeError('a damaged page');
}
