import type { ByteSource } from './byte-source.ts';
import { joinBytes } from './join-bytes.ts';
import type { LevelColumns } from './level-columns.ts';
import { PackedColumn, packColumn } from './packed-column.ts';
import { encodeIndexBlock, encodeValueBlock, type ValueForm } from './page-codec.ts';
import { PAGE_ENTRIES } from './pyramid-layout.ts';
import { type LevelLayout, StoredLevel } from './stored-level.ts';

/*
 * Section of the levels of a stream. Offsets are from where the pages start.
 *
 *      0 u32 MCAP channel  4 u32 columns  8 u32 1 if values are f64  12 u32 levels  16 i64 origin, ns since 1970
 *     24 levels, finest first, each: f64 rows of a block, u32 entries, u32 entries of a full page, u32 1 if it is of rows, u32 reserved,
 *        f64 offset of the index blocks, f64 offset of the values' blocks, packed columns: offset of each index block and of the end, from
 *        the first; row and time of the first entry of each page
 */
const HEAD_BYTES = 24;
const LEVEL_BYTES = 40;

/** The pyramid of one stream in one file. */
export interface StoredLevels {
  channel: number;
  columns: number;
  /** Times count from here; ns since 1970. */
  originNs: bigint;
  /** Finest first; empty if the stream has no rows. */
  levels: StoredLevel[];
}

/** Where pages are gathered one after the other. */
export interface PageArea {
  buffers: Uint8Array<ArrayBuffer>[];
  bytes: number;
}

/** Puts the pages of one stream into the area and gives its section. */
export function encodeLevels(
  stream: { channel: number; columns: number; originNs: bigint; isFloat64: boolean },
  levels: Iterable<LevelColumns>,
  area: PageArea,
): Uint8Array<ArrayBuffer> {
  const sections: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for (const level of levels) {
    if (level.length === 0) continue;
    sections.push(...encodeLevel(level, stream, area));
    count++;
  }
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, stream.channel, true);
  view.setUint32(4, stream.columns, true);
  view.setUint32(8, stream.isFloat64 ? 1 : 0, true);
  view.setUint32(12, count, true);
  view.setBigInt64(16, stream.originNs, true);
  return joinBytes([head, ...sections]);
}

function encodeLevel(
  level: LevelColumns,
  { columns, isFloat64 }: { columns: number; isFloat64: boolean },
  area: PageArea,
): Uint8Array<ArrayBuffer>[] {
  const form: ValueForm = { isFloat64, isRows: level.blockRows === 1 };
  const starts = Array.from({ length: Math.ceil(level.length / PAGE_ENTRIES) }, (_, page) => page * PAGE_ENTRIES);
  const endOf = (start: number): number => Math.min(level.length, start + PAGE_ENTRIES);
  const put = (bytes: Uint8Array<ArrayBuffer>): void => {
    area.buffers.push(bytes);
    area.bytes += bytes.byteLength;
  };
  const indexAt = area.bytes;
  const offsets = [0];
  for (const start of starts) {
    put(encodeIndexBlock(level, start, endOf(start)));
    offsets.push(area.bytes - indexAt);
  }
  const valuesAt = area.bytes;
  for (let column = 0; column < columns; column++) {
    for (const start of starts) put(encodeValueBlock(level, column, start, endOf(start), form));
  }
  const head = new Uint8Array(LEVEL_BYTES);
  const view = new DataView(head.buffer);
  view.setFloat64(0, level.blockRows, true);
  view.setUint32(8, level.length, true);
  view.setUint32(12, PAGE_ENTRIES, true);
  view.setUint32(16, form.isRows ? 1 : 0, true);
  view.setFloat64(24, indexAt, true);
  view.setFloat64(32, valuesAt, true);
  const firstOf = (list: LevelColumns['row']): Uint8Array<ArrayBuffer> =>
    packColumn(starts.map((start) => list.values[start] as number));
  return [head, packColumn(offsets), firstOf(level.row), firstOf(level.time)];
}

/**
 * Lays the levels over their section; borrows it.
 * @throws RangeError: it is no such section.
 */
export function viewLevels(section: Uint8Array<ArrayBuffer>, pagesAt: number, source: ByteSource): StoredLevels {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  const isFloat64 = view.getUint32(8, true) === 1;
  const count = view.getUint32(12, true);
  const levels: StoredLevel[] = [];
  let at = HEAD_BYTES;
  for (let index = 0; index < count; index++) {
    const indexOffsets = PackedColumn.view(section, at + LEVEL_BYTES);
    const firstRow = PackedColumn.view(section, indexOffsets.end);
    const firstTime = PackedColumn.view(section, firstRow.end);
    const layout: LevelLayout = {
      isFloat64,
      isRows: view.getUint32(at + 16, true) === 1,
      blockRows: view.getFloat64(at, true),
      entries: view.getUint32(at + 8, true),
      pageEntries: view.getUint32(at + 12, true),
      indexAt: pagesAt + view.getFloat64(at + 24, true),
      valuesAt: pagesAt + view.getFloat64(at + 32, true),
      indexOffsets: indexOffsets.column,
      firstRow: firstRow.column,
      firstTime: firstTime.column,
    };
    const pages = Math.ceil(layout.entries / layout.pageEntries);
    if (!(pages > 0) || firstRow.column.length !== pages || indexOffsets.column.length !== pages + 1) {
      throw new RangeError('a level that does not fit itself');
    }
    levels.push(new StoredLevel(layout, source));
    at = firstTime.end;
  }
  const columns = view.getUint32(4, true);
  return { channel: view.getUint32(0, true), columns, originNs: view.getBigInt64(16, true), levels };
}
