import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { Cell, ChunkDigest, ChunkPlace, ChunkStream, StreamDigest } from './digest.ts';

/*
 * Bytes of a digest, little endian, a multiple of 8 long:
 *
 *     0 u32 magic 'LWD1'   4 u32 length, all of it   8 u32 CRC-32 of what follows   12 u32 streams
 *    16 u64 chunk offset  24 u64 chunk length       32 u32 bytes of events          36 u32 reserved
 *    40 streams, each:
 *        0 u16 channel  2 u16 columns  4 u32 batches  8 f64 rows  16 f64 lost  24 f64 lost before  32 f64 first row  40 f64 end row
 *       48 i64 first ns  56 i64 last ns  64 u32 cells  68 u32 flags: 1 float64, 2 timed
 *       72 cells, each: f64 row, i64 ns, f64 step ns, u32 rows, u32 1 after a gap, per column f64 min, f64 max, then u8 flags, padded to 8
 *    then the events as a JSON array of texts, padded with spaces.
 */
const DIGEST_MAGIC = 0x3144574c;
const HEAD_BYTES = 40;
const STREAM_BYTES = 72;
/** Of a cell before its values: row, time, step, rows, gap. */
export const CELL_BYTES = 32;

/** A digest as bytes, one owned buffer. */
export function encodeDigest(digest: ChunkDigest): Uint8Array {
  const events = new TextEncoder().encode(digest.events.length > 0 ? JSON.stringify(digest.events) : '');
  const eventBytes = (events.byteLength + 7) & ~7;
  let length = HEAD_BYTES + eventBytes;
  for (const stream of digest.streams) length += STREAM_BYTES + stream.cells.length * cellBytes(stream.columns);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, DIGEST_MAGIC, true);
  view.setUint32(4, length, true);
  view.setUint32(12, digest.streams.length, true);
  view.setBigUint64(16, BigInt(digest.offset), true);
  view.setBigUint64(24, BigInt(digest.length), true);
  view.setUint32(32, eventBytes, true);
  let at = HEAD_BYTES;
  for (const stream of digest.streams) at = encodeStream(view, at, stream);
  bytes.fill(0x20, at);
  bytes.set(events, at);
  view.setUint32(8, crc32(bytes.subarray(12)), true);
  return bytes;
}

function encodeStream(view: DataView, at: number, stream: StreamDigest): number {
  view.setUint16(at, stream.channel, true);
  view.setUint16(at + 2, stream.columns, true);
  view.setUint32(at + 4, stream.batches, true);
  view.setFloat64(at + 8, stream.rows, true);
  view.setFloat64(at + 16, stream.lost, true);
  view.setFloat64(at + 24, stream.lostBefore, true);
  view.setFloat64(at + 32, stream.firstRow, true);
  view.setFloat64(at + 40, stream.endRow, true);
  view.setBigInt64(at + 48, stream.firstNs, true);
  view.setBigInt64(at + 56, stream.lastNs, true);
  view.setUint32(at + 64, stream.cells.length, true);
  view.setUint32(at + 68, stream.form, true);
  at += STREAM_BYTES;
  for (const cell of stream.cells) {
    view.setFloat64(at, cell.row, true);
    view.setBigInt64(at + 8, cell.tNs, true);
    view.setFloat64(at + 16, cell.stepNs, true);
    view.setUint32(at + 24, cell.rows, true);
    view.setUint32(at + 28, cell.isAfterGap ? 1 : 0, true);
    at += CELL_BYTES;
    for (let column = 0; column < stream.columns; column++, at += 16) {
      view.setFloat64(at, cell.min[column] ?? Number.NaN, true);
      view.setFloat64(at + 8, cell.max[column] ?? Number.NaN, true);
      view.setUint8(at + (stream.columns - column) * 16 + column, cell.flags[column] ?? 0);
    }
    at += flagBytes(stream.columns);
  }
  return at;
}

/** A digest where it lies: what is in the chunk without reading its cells. Borrows the bytes. */
export interface DigestView {
  place: ChunkPlace;
  streams: StreamView[];
  /** The bytes from the digest on. */
  view: DataView;
  /** Of the events, within `view`. */
  eventsAt: number;
  /** Where the next digest starts in the bytes. */
  end: number;
}

/** One stream of it; its cells start at `cellsAt` of the view, each `cellBytes(columns)` long. */
export interface StreamView extends ChunkStream {
  cells: number;
  cellsAt: number;
}

/** Looks at the digest at `at`; undefined if the bytes are no whole, sound digest. */
export function viewDigest(bytes: Uint8Array, at = 0): DigestView | undefined {
  if (bytes.byteLength - at < HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.byteLength - at);
  const length = view.getUint32(4, true);
  if (view.getUint32(0, true) !== DIGEST_MAGIC || length < HEAD_BYTES || length > view.byteLength) return undefined;
  if (view.getUint32(8, true) !== crc32(bytes.subarray(at + 12, at + length))) return undefined;
  const count = view.getUint32(12, true);
  const eventsAt = length - view.getUint32(32, true);
  const streams: StreamView[] = [];
  let offset = HEAD_BYTES;
  for (let index = 0; index < count; index++) {
    const stream = viewStream(view, offset, eventsAt);
    if (!stream) return undefined;
    streams.push(stream);
    offset = stream.cellsAt + stream.cells * cellBytes(stream.columns);
  }
  if (offset !== eventsAt) return undefined;
  const place = { offset: Number(view.getBigUint64(16, true)), length: Number(view.getBigUint64(24, true)) };
  return { place, streams, view, eventsAt, end: at + length };
}

function viewStream(view: DataView, at: number, limit: number): StreamView | undefined {
  if (at + STREAM_BYTES > limit) return undefined;
  const columns = view.getUint16(at + 2, true);
  const cells = view.getUint32(at + 64, true);
  if (at + STREAM_BYTES + cells * cellBytes(columns) > limit) return undefined;
  return {
    channel: view.getUint16(at, true),
    columns,
    form: view.getUint32(at + 68, true),
    batches: view.getUint32(at + 4, true),
    rows: view.getFloat64(at + 8, true),
    lost: view.getFloat64(at + 16, true),
    lostBefore: view.getFloat64(at + 24, true),
    firstRow: view.getFloat64(at + 32, true),
    endRow: view.getFloat64(at + 40, true),
    firstNs: view.getBigInt64(at + 48, true),
    lastNs: view.getBigInt64(at + 56, true),
    cells,
    cellsAt: at + STREAM_BYTES,
  };
}

/** The events of a digest, as their JSON texts. */
export function digestEvents({ view, eventsAt }: DigestView): string[] {
  const length = view.getUint32(4, true) - eventsAt;
  if (length === 0) return [];
  return parseEvents(new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + eventsAt, length)));
}

/**
 * The digest at `at` and where the next one starts; undefined if the bytes are no whole, sound digest.
 * The bytes are not kept.
 */
export function decodeDigest(bytes: Uint8Array, at = 0): { digest: ChunkDigest; end: number } | undefined {
  const digest = viewDigest(bytes, at);
  if (!digest) return undefined;
  const streams = digest.streams.map(({ cells, cellsAt, ...stream }): StreamDigest => {
    const length = cellBytes(stream.columns);
    const decoded = Array.from({ length: cells }, (_, index) =>
      decodeCell(digest.view, cellsAt + index * length, stream.columns),
    );
    return { ...stream, cells: decoded };
  });
  return { digest: { ...digest.place, streams, events: digestEvents(digest) }, end: digest.end };
}

function decodeCell(view: DataView, at: number, columns: number): Cell {
  const cell: Cell = {
    row: view.getFloat64(at, true),
    tNs: view.getBigInt64(at + 8, true),
    stepNs: view.getFloat64(at + 16, true),
    rows: view.getUint32(at + 24, true),
    isAfterGap: view.getUint32(at + 28, true) !== 0,
    min: new Float64Array(columns),
    max: new Float64Array(columns),
    flags: new Uint8Array(columns),
  };
  for (let column = 0; column < columns; column++) {
    cell.min[column] = view.getFloat64(at + CELL_BYTES + column * 16, true);
    cell.max[column] = view.getFloat64(at + CELL_BYTES + column * 16 + 8, true);
    cell.flags[column] = view.getUint8(at + CELL_BYTES + columns * 16 + column);
  }
  return cell;
}

function parseEvents(text: string): string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Bytes of a cell. */
export function cellBytes(columns: number): number {
  return CELL_BYTES + columns * 16 + flagBytes(columns);
}

function flagBytes(columns: number): number {
  return (columns + 7) & ~7;
}
