import type { Batch, Column } from '../../core/batch.ts';
import { BATCH_FLAG } from '../../core/batch.ts';
import { type ColumnBlock, columnRow, columnsIn, rowsPerColumn } from '../../core/decimate.ts';
import type { RowPage } from '../../core/ring.ts';
import type { ChannelsOf, History } from './history.ts';
import { type HistoryAnswer, type HistoryRequest, PIECE_BYTES, Pieces } from './history-pieces.ts';
import { readSegments } from './read-segments.ts';
import type { StreamHistory } from './stream-history.ts';

/** Most bytes of one answer; more is cut, `nextNs` says where to go on. */
export const ANSWER_BYTES = 16 * 1024 * 1024;

/** Rows [from, to) of a stream in columns of n. */
export interface HistoryPart extends ChannelsOf<StreamHistory> {
  from: number;
  to: number;
  n: number;
}

/**
 * Reads a time range of some channels and sends it in pieces (frames with number 0, blocks with `isReply`), all before it returns.
 * If the answer would be larger than `limit`, every stream is cut at the same time. Raw rows of a waveform channel are its newest segment.
 */
export function readHistory(
  history: History,
  request: HistoryRequest,
  send: (frame: ArrayBuffer) => void,
): HistoryAnswer {
  const parts = history.streamsOf(request.channels).map((found): HistoryPart => partOf(found, request, request.toNs));
  const nextNs = cutAt(parts, request);
  const pieces = new Pieces(send);
  let exact = true;
  for (const part of parts) {
    const cut = nextNs === null ? part : { ...part, to: Math.min(part.to, part.stream.rowAt(nextNs)) };
    if (cut.from < cut.to && !sendPart(cut, request, pieces)) exact = false;
  }
  const segments = request.raw ? readSegments(history, request, pieces) : [];
  pieces.end();
  const streams = parts.filter((part) => part.from < part.to).map((part) => part.stream.info);
  return { streams: [...streams, ...segments], exact, nextNs };
}

function partOf(found: ChannelsOf<StreamHistory>, request: HistoryRequest, toNs: bigint): HistoryPart {
  const from = found.stream.rowAt(request.fromNs);
  const to = found.stream.rowAt(toNs);
  return { ...found, from, to, n: request.raw ? 1 : rowsPerColumn((to - from) / request.width) };
}

/** The time at which all streams are cut; null if the answer fits. */
function cutAt(parts: readonly HistoryPart[], request: HistoryRequest): bigint | null {
  const bytesOf = (part: HistoryPart): number =>
    part.channels.length * (part.stream.isFloat64 ? 8 : 4) * (part.n > 1 ? 2 : 1) + 8;
  const full = parts.filter((part) => part.from < part.to);
  const limit = Math.floor(request.limit / Math.max(1, full.length));
  let cutNs: bigint | null = null;
  for (const part of full) {
    const share = Math.max(1, Math.min(limit, Math.floor(ANSWER_BYTES / full.length / bytesOf(part))));
    if (columnsIn(part.from, part.to - part.from, part.n) <= share) continue;
    const lastRow = (Math.floor(part.from / part.n) + share) * part.n;
    let timeNs = part.stream.timeOf(Math.min(part.to - 1, lastRow));
    // Rows at one time cannot be parted: rather more than asked than the same piece for ever.
    if (timeNs <= request.fromNs) timeNs = request.fromNs + 1n;
    if (cutNs === null || timeNs < cutNs) cutNs = timeNs;
  }
  return cutNs;
}

/** Sends one stream; false if it is not exact. */
export function sendPart(part: HistoryPart, request: HistoryRequest, pieces: Pieces): boolean {
  const head = { id: request.request, isReply: true, stream: part.stream.info.id };
  const { stream, channels, from, to, n } = part;
  for (const gap of stream.runs.gaps(from, to)) pieces.add({ kind: 'gap', ...head, ...gap });
  if (!request.raw) {
    const answer = stream.columns(channels, from, to, n);
    if (answer.firstRow > from) {
      pieces.add({ kind: 'skipped', ...head, from, to: Math.min(to, answer.firstRow), reason: 'history' });
    }
    for (const columns of answer.blocks) {
      for (const piece of splitColumns(columns, PIECE_BYTES / 2)) {
        pieces.add({ kind: 'columns', ...head, isRestart: false, channels, columns: piece });
      }
    }
    return answer.isExact;
  }
  const first = Math.max(from, stream.ring.firstRow ?? to);
  if (first > from) pieces.add({ kind: 'skipped', ...head, from, to: Math.min(first, to), reason: 'history' });
  stream.ring.visit(first, to, (page, start, end) => {
    const step = pageRows(page, channels.length, PIECE_BYTES / 2);
    for (let row = start; row < end; row += step) {
      pieces.add({ kind: 'raw', ...head, channels, batch: batchOf(page, channels, row, Math.min(end, row + step)) });
    }
  });
  return first === from;
}

/** Rows of a page that fit in so many bytes. */
export function pageRows(page: RowPage, channels: number, sizeBytes: number): number {
  const rowBytes = channels * (page.columns[0]?.BYTES_PER_ELEMENT ?? 4) + (page.timeS ? 8 : 0);
  return Math.max(1, Math.floor(sizeBytes / rowBytes));
}

/** Rows `from` to `to` of a page as a batch of some of its columns; borrows the page. */
export function batchOf(page: RowPage, channels: readonly number[], from: number, to: number): Omit<Batch, 'buffer'> {
  const isFloat64 = page.columns[0] instanceof Float64Array;
  const isGap = page.isAfterGap && from === 0;
  const seconds = page.timeS ? 0 : from * page.dtS;
  return {
    stream: 0,
    rows: to - from,
    channels: channels.length,
    flags: (isFloat64 ? BATCH_FLAG.float64 : 0) | (page.timeS ? BATCH_FLAG.timed : 0) | (isGap ? BATCH_FLAG.gap : 0),
    seq: page.firstRow + from,
    lost: 0,
    t0Ns: page.t0Ns + BigInt(Math.round(seconds * 1e9)),
    arrivedNs: page.arrivedNs,
    dtS: page.dtS,
    xOriginS: 0,
    times: page.timeS?.subarray(from, to),
    columns: channels.map((channel) => (page.columns[channel] as Column).subarray(from, to)),
  };
}

/** The same columns in blocks of at most about `sizeBytes`. */
export function splitColumns(block: ColumnBlock, sizeBytes: number): ColumnBlock[] {
  const columnBytes = block.min.length * (block.min[0]?.BYTES_PER_ELEMENT ?? 4) * 2 + block.min.length + 8;
  const step = Math.max(1, Math.floor(sizeBytes / columnBytes));
  if (block.length <= step) return [block];
  const pieces: ColumnBlock[] = [];
  for (let from = 0; from < block.length; from += step) {
    const to = Math.min(block.length, from + step);
    const firstRow = columnRow(block, from);
    const endRow = to === block.length ? block.firstRow + block.rows : columnRow(block, to);
    const min = block.min.map((column) => column.subarray(from, to));
    const t0Ns = block.timeS
      ? block.t0Ns
      : block.t0Ns + BigInt(Math.round((firstRow - block.firstRow) * block.dtS * 1e9));
    pieces.push({
      ...block,
      firstRow,
      rows: endRow - firstRow,
      length: to - from,
      t0Ns,
      timeS: block.timeS?.subarray(from, to),
      min,
      max: block.n === 1 ? min : block.max.map((column) => column.subarray(from, to)),
      flags: block.flags && splitFlags(block.flags, block.length, block.min.length, from, to),
      isAfterGap: block.isAfterGap && from === 0,
      isPartial: block.isPartial && to === block.length,
    });
  }
  return pieces;
}

function splitFlags(
  flags: Uint8Array,
  length: number,
  channels: number,
  from: number,
  to: number,
): Uint8Array<ArrayBuffer> {
  const part = new Uint8Array((to - from) * channels);
  for (let index = 0; index < channels; index++) {
    part.set(flags.subarray(index * length + from, index * length + to), index * (to - from));
  }
  return part;
}
