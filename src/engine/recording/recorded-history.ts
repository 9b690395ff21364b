import { columnsIn, rowsPerColumn } from '../../core/decimate.ts';
import { lastAtOrBefore } from '../../core/pyramid-level.ts';
import { channelId } from '../../core/stream-info.ts';
import type { HistoryAnswer, HistoryRequest } from '../history/history-pieces.ts';
import { PIECE_BYTES, Pieces } from '../history/history-pieces.ts';
import { batchOf, pageRows, splitColumns } from '../history/read-history.ts';
import { RecordedRows } from './recorded-rows.ts';
import type { Recording } from './recording.ts';
import type { RecordedGap } from './recording-info.ts';

/** Most bytes of one answer; more is cut, `nextNs` says where to go on. */
const ANSWER_BYTES = 16 * 1024 * 1024;

interface Part {
  rows: RecordedRows;
  channels: number[];
  from: number;
  to: number;
  n: number;
  /** Rows or columns it may have of the answer. */
  share: number;
}

/**
 * A recording as history: the same questions and the same pieces as the live one. Columns of 1024 rows and more (64 for slow streams) come from
 * the pyramids; finer ones and raw rows are read from the few chunks that hold them, those of slow streams from the pyramids too.
 */
export class RecordedHistory {
  readonly recording: Recording;
  readonly #rows = new Map<number, RecordedRows>();
  /** By stream, in the order of rows. */
  readonly #gaps = new Map<string, RecordedGap[]>();

  constructor(recording: Recording) {
    this.recording = recording;
    for (const gap of recording.info.gaps) {
      const gaps = this.#gaps.get(streamName(gap.stream, gap.epoch));
      if (gaps) gaps.push(gap);
      else this.#gaps.set(streamName(gap.stream, gap.epoch), [gap]);
    }
    for (const gaps of this.#gaps.values()) gaps.sort((a, b) => a.seq - b.seq);
  }

  /**
   * Reads a time range of some channels (ids `instrument/channel`) and sends it in pieces, all before it resolves. However much lies in the range,
   * the answer has no more than the limit and some 16 MiB.
   * @throws LabError recording.malformed: a chunk in the range is damaged.
   */
  async read(request: HistoryRequest, send: (frame: ArrayBuffer) => void): Promise<HistoryAnswer> {
    const parts = await this.#partsOf(request);
    const nextNs = await cutAt(parts, request);
    const pieces = new Pieces(send);
    let exact = true;
    for (const part of parts) {
      const to = nextNs === null ? part.to : Math.min(part.to, await part.rows.rowAt(nextNs));
      if (part.from < to && !(await this.#send({ ...part, to }, request, pieces))) exact = false;
    }
    pieces.end();
    const streams = parts.filter((part) => part.from < part.to).map((part) => part.rows.stream.info);
    return { streams, exact, nextNs };
  }

  async #partsOf(request: HistoryRequest): Promise<Part[]> {
    const parts: Part[] = [];
    for (const stream of this.recording.streams) {
      if (stream.info.kind === 'segment' || stream.rows === 0) continue;
      const ids = stream.info.columns.map((column) => channelId(stream.info.instrument, column.channel));
      const channels = [
        ...new Set(request.channels.map((channel) => ids.indexOf(channel)).filter((index) => index >= 0)),
      ];
      if (channels.length === 0) continue;
      const rows = this.#rows.get(stream.info.id) ?? new RecordedRows(this.recording, stream);
      this.#rows.set(stream.info.id, rows);
      const from = await rows.rowAt(request.fromNs);
      const to = await rows.rowAt(request.toNs);
      const n = request.raw ? 1 : rowsPerColumn((to - from) / request.width);
      parts.push({ rows, channels, from, to, n, share: 0 });
    }
    const full = parts.filter((part) => part.from < part.to);
    const limit = Math.floor(request.limit / Math.max(1, full.length));
    for (const part of full) {
      const valueBytes = (part.rows.isFloat64 ? 8 : 4) * (part.n > 1 ? 2 : 1);
      const fitting = Math.floor(ANSWER_BYTES / full.length / (part.channels.length * valueBytes + 8));
      part.share = Math.max(1, Math.min(limit, fitting));
    }
    return parts;
  }

  /** Sends one stream; false if it is not all. */
  async #send(part: Part, request: HistoryRequest, pieces: Pieces): Promise<boolean> {
    const { rows, channels, from, n } = part;
    const head = { id: request.request, isReply: true, stream: rows.stream.info.id };
    // Rows that all have the same time cannot be asked for piece by piece: what is too many of them is left out.
    const to = Math.min(part.to, (Math.floor(from / n) + 4 * part.share) * n);
    for (const { seq, fromNs, toNs, lost, reason } of this.#gapsIn(part, from, to)) {
      pieces.add({ kind: 'gap', ...head, seq, fromNs, toNs, lost, reason });
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
      for (const columns of await rows.columns(channels, from, to, n)) {
        for (const piece of splitColumns(columns, PIECE_BYTES / 2)) {
          pieces.add({ kind: 'columns', ...head, isRestart: false, channels, columns: piece });
        }
      }
    }
    if (to < part.to) pieces.add({ kind: 'skipped', ...head, from: to, to: part.to, reason: 'history' });
    return to === part.to;
  }

  /** Gaps whose row after lies in [from, to]. */
  #gapsIn({ rows }: Part, from: number, to: number): RecordedGap[] {
    const { key, epoch } = rows.stream.info;
    const gaps = this.#gaps.get(streamName(key, epoch)) ?? [];
    const first = lastAtOrBefore(gaps.length, (at) => gaps[at]?.seq ?? 0, from - 0.5);
    const found: RecordedGap[] = [];
    for (let at = first; at < gaps.length; at++) {
      const gap = gaps[at] as RecordedGap;
      if (gap.seq > to) break;
      if (gap.seq >= from) found.push(gap);
    }
    return found;
  }
}

function streamName(key: string, epoch: number): string {
  return `${key}#${epoch}`;
}

/** The time at which all streams are cut; null if the answer fits. */
async function cutAt(parts: readonly Part[], request: HistoryRequest): Promise<bigint | null> {
  let cutNs: bigint | null = null;
  for (const part of parts) {
    if (part.from >= part.to) continue;
    const row = await cutRow(part);
    if (row === undefined) continue;
    const timeNs = await part.rows.timeOf(Math.min(part.to - 1, row));
    // Rows at one time cannot be parted: rather more than asked than the same piece for ever.
    const laterNs = timeNs > request.fromNs ? timeNs : request.fromNs + 1n;
    if (cutNs === null || laterNs < cutNs) cutNs = laterNs;
  }
  return cutNs;
}

/** The row before which a stream has its share; undefined if all of it fits. */
async function cutRow({ rows, from, to, n, share }: Part): Promise<number | undefined> {
  if (columnsIn(from, to - from, n) > share) return (Math.floor(from / n) + share) * n;
  // Each gap makes a column more; rows are what they are.
  return n === 1 ? undefined : rows.rowAfterColumns(from, to, n, share);
}
