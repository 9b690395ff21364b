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
 *      0 u32 MCAP channel  4 u32 columns  8 u32 flags: 1 values are f64, 2 nothing is to be gained by reading its rows
 *     12 u32 levels  16 i64 origin, ns since 1970
 *     24 levels, finest first, each: f64 rows of a block (1: rows themselves), u32 entries, u32 entries of a full page, f64 reserved,
 *        f64 offset of the index blocks, f64 offset of the values' blocks, packed columns: offset of each index block and of the end, from
 *        the first; row and time of the first entry of each page
 */
const HEAD_BYTES = 24;
const LEVEL_BYTES = 40;
const FLOAT64 = 1;
const HAS_ROWS = 2;

/** The pyramid of one stream in one file. */
export interface StoredLevels {
  channel: number;
  columns: number;
  /** Times count from here; ns since 1970. */
  originNs: bigint;
  /** Its rows are in the finest level, or there were too many of them. */
  hasRows: boolean;
  /** Finest first; empty if the stream has no rows. */
  levels: StoredLevel[];
}

/** Where pages are gathered one after the other. */
export interface PageArea {
  buffers: Uint8Array<ArrayBuffer>[];
  bytes: number;
}

/** What a section says of its stream. */
export interface LevelsHead {
  channel: number;
  columns: number;
  originNs: bigint;
  isFloat64: boolean;
  /** Its rows are in the finest level, or there were too many of them. */
  hasRows: boolean;
}

/** Puts the pages of one stream into the area and gives its section. `rows`: the finest level, where there is room for it. */
export function encodeLevels(
  head: LevelsHead,
  rows: EncodedLevel | undefined,
  levels: Iterable<LevelColumns>,
  area: PageArea,
): Uint8Array<ArrayBuffer> {
  const sections: Uint8Array<ArrayBuffer>[] = [];
  if (rows) sections.push(...putLevel(rows, area));
  let count = rows ? 1 : 0;
  for (const level of levels) {
    if (level.length === 0) continue;
    sections.push(...putLevel(encodeLevel(level, head), area));
    count++;
  }
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, head.channel, true);
  view.setUint32(4, head.columns, true);
  view.setUint32(8, (head.isFloat64 ? FLOAT64 : 0) | (head.hasRows ? HAS_ROWS : 0), true);
  view.setUint32(12, count, true);
  view.setBigInt64(16, head.originNs, true);
  return joinBytes([bytes, ...sections]);
}

/** A level in pages, ready to be put somewhere. */
export interface EncodedLevel {
  blockRows: number;
  entries: number;
  /** Index block of each page. */
  indexes: Uint8Array<ArrayBuffer>[];
  /** Per column of the stream the block of values of each page. */
  values: Uint8Array<ArrayBuffer>[][];
  /** Row and time of the first entry of each page. */
  firstRow: number[];
  firstTime: number[];
}

function encodeLevel(level: LevelColumns, { columns, isFloat64 }: LevelsHead): EncodedLevel {
  const form: ValueForm = { isFloat64, isRows: false };
  const starts = Array.from({ length: Math.ceil(level.length / PAGE_ENTRIES) }, (_, page) => page * PAGE_ENTRIES);
  const endOf = (start: number): number => Math.min(level.length, start + PAGE_ENTRIES);
  const index = {
    row: level.row.values,
    rows: level.rows.values,
    time: level.time.values,
    step: level.step.values,
    gap: level.gap.values,
  };
  const valuesOf = (column: number): Uint8Array<ArrayBuffer>[] => {
    const min = level.min[column]?.values ?? NONE;
    const max = level.max[column]?.values;
    const flags = level.flags[column]?.values;
    return starts.map((start) => encodeValueBlock({ min, max, flags }, start, endOf(start), form));
  };
  return {
    blockRows: level.blockRows,
    entries: level.length,
    indexes: starts.map((start) => encodeIndexBlock(index, start, endOf(start))),
    values: Array.from({ length: columns }, (_, column) => valuesOf(column)),
    firstRow: starts.map((start) => index.row[start] as number),
    firstTime: starts.map((start) => index.time[start] as number),
  };
}

const NONE = new Float64Array(0);

/** Puts the pages of a level into the area and gives what the section says of it. */
function putLevel(level: EncodedLevel, area: PageArea): Uint8Array<ArrayBuffer>[] {
  const put = (bytes: Uint8Array<ArrayBuffer>): void => {
    area.buffers.push(bytes);
    area.bytes += bytes.byteLength;
  };
  const indexAt = area.bytes;
  const offsets = [0];
  for (const index of level.indexes) {
    put(index);
    offsets.push(area.bytes - indexAt);
  }
  const valuesAt = area.bytes;
  for (const column of level.values) column.forEach(put);
  const head = new Uint8Array(LEVEL_BYTES);
  const view = new DataView(head.buffer);
  view.setFloat64(0, level.blockRows, true);
  view.setUint32(8, level.entries, true);
  view.setUint32(12, PAGE_ENTRIES, true);
  view.setFloat64(24, indexAt, true);
  view.setFloat64(32, valuesAt, true);
  return [head, packColumn(offsets), packColumn(level.firstRow), packColumn(level.firstTime)];
}

/**
 * Lays the levels over their section; borrows it.
 * @throws RangeError: it is no such section.
 */
export function viewLevels(section: Uint8Array<ArrayBuffer>, pagesAt: number, source: ByteSource): StoredLevels {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  const flags = view.getUint32(8, true);
  const isFloat64 = (flags & FLOAT64) !== 0;
  const count = view.getUint32(12, true);
  const levels: StoredLevel[] = [];
  let at = HEAD_BYTES;
  for (let index = 0; index < count; index++) {
    const indexOffsets = PackedColumn.view(section, at + LEVEL_BYTES);
    const firstRow = PackedColumn.view(section, indexOffsets.end);
    const firstTime = PackedColumn.view(section, firstRow.end);
    const layout: LevelLayout = {
      isFloat64,
      isRows: view.getFloat64(at, true) === 1,
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
  const hasRows = (flags & HAS_ROWS) !== 0;
  return { channel: view.getUint32(0, true), columns, originNs: view.getBigInt64(16, true), hasRows, levels };
}
