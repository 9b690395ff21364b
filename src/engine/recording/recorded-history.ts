import { columnsIn, rowsPerColumn } from '../../core/decimate.ts';
import { channelId } from '../../core/stream-info.ts';
import type { HistoryAnswer, HistoryRequest } from '../history/history-pieces.ts';
import { PIECE_BYTES, Pieces } from '../history/history-pieces.ts';
import { batchOf, pageRows, splitColumns } from '../history/read-history.ts';
import { RecordedRows } from './recorded-rows.ts';
import type { Recording } from './recording.ts';

/** Most bytes of one answer; more is cut, `nextNs` says where to go on. */
const ANSWER_BYTES = 16 * 1024 * 1024;

interface Part {
  rows: RecordedRows;
  channels: number[];
  from: number;
  to: number;
  n: number;
}

/**
 * A recording as history: the same questions and the same pieces as the live one. Columns of 1024 rows and more (64 for slow streams) come from
 * the digests in memory; finer ones and raw rows are read from the few chunks that hold them.
 */
export class RecordedHistory {
  readonly recording: Recording;
  readonly #rows = new Map<number, RecordedRows>();

  constructor(recording: Recording) {
    this.recording = recording;
  }

  /**
   * Reads a time range of some channels (ids `instrument/channel`) and sends it in pieces, all before it resolves.
   * @throws LabError recording.malformed: a chunk in the range is damaged.
   */
  async read(request: HistoryRequest, send: (frame: ArrayBuffer) => void): Promise<HistoryAnswer> {
    const parts = await this.#partsOf(request);
    const nextNs = await cutAt(parts, request);
    const pieces = new Pieces(send);
    for (const part of parts) {
      const to = nextNs === null ? part.to : Math.min(part.to, await part.rows.rowAt(nextNs));
      if (part.from < to) await this.#send({ ...part, to }, request, pieces);
    }
    pieces.end();
    return {
      streams: parts.filter((part) => part.from < part.to).map((part) => part.rows.stream.info),
      exact: true,
      nextNs,
    };
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
      parts.push({ rows, channels, from, to, n: request.raw ? 1 : rowsPerColumn((to - from) / request.width) });
    }
    return parts;
  }

  async #send(part: Part, request: HistoryRequest, pieces: Pieces): Promise<void> {
    const { rows, channels, from, to, n } = part;
    const { key, epoch, id } = rows.stream.info;
    const head = { id: request.request, isReply: true, stream: id };
    for (const gap of this.recording.info.gaps) {
      if (gap.stream !== key || gap.epoch !== epoch || gap.seq < from || gap.seq > to) continue;
      const { seq, fromNs, toNs, lost, reason } = gap;
      pieces.add({ kind: 'gap', ...head, seq, fromNs, toNs, lost, reason });
    }
    if (!request.raw) {
      for (const columns of await rows.columns(channels, from, to, n)) {
        for (const piece of splitColumns(columns, PIECE_BYTES / 2)) {
          pieces.add({ kind: 'columns', ...head, isRestart: false, channels, columns: piece });
        }
      }
      return;
    }
    await rows.visit(from, to, (batch, start, end) => {
      const page = {
        firstRow: batch.seq,
        rows: batch.rows,
        t0Ns: batch.t0Ns,
        dtS: batch.dtS,
        timeS: batch.times,
        columns: batch.columns,
        arrivedNs: batch.arrivedNs,
        isAfterGap: rows.isAfterGap(batch),
        sizeBytes: 0,
        capacity: 0,
      };
      const step = pageRows(page, channels.length, PIECE_BYTES / 2);
      for (let row = start; row < end; row += step) {
        pieces.add({ kind: 'raw', ...head, channels, batch: batchOf(page, channels, row, Math.min(end, row + step)) });
      }
    });
  }
}

/** The time at which all streams are cut; null if the answer fits. */
async function cutAt(parts: readonly Part[], request: HistoryRequest): Promise<bigint | null> {
  const full = parts.filter((part) => part.from < part.to);
  const limit = Math.floor(request.limit / Math.max(1, full.length));
  let cutNs: bigint | null = null;
  for (const { rows, channels, from, to, n } of full) {
    const columnBytes = channels.length * (rows.isFloat64 ? 8 : 4) * (n > 1 ? 2 : 1) + 8;
    const share = Math.max(1, Math.min(limit, Math.floor(ANSWER_BYTES / full.length / columnBytes)));
    if (columnsIn(from, to - from, n) <= share) continue;
    const timeNs = await rows.timeOf(Math.min(to - 1, (Math.floor(from / n) + share) * n));
    // Rows at one time cannot be parted: rather more than asked than the same piece for ever.
    const laterNs = timeNs > request.fromNs ? timeNs : request.fromNs + 1n;
    if (cutNs === null || laterNs < cutNs) cutNs = laterNs;
  }
  return cutNs;
}
