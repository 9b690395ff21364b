import type { RowPage } from '../../core/ring.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { channelId, measuredColumns } from '../../core/stream-info.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { type RawHistoryPiece, readRawHistory } from '../bench/raw-history.ts';
import type { StreamFeed } from '../bench/stream-feed.ts';
import { timeOf } from './row-form.ts';

/** Rows of a page: [from, to). */
export interface PastRows {
  page: RowPage;
  from: number;
  to: number;
}

export interface MissingRows {
  from: number;
  to: number;
  reason: string;
}

export interface Past {
  /** As the stream was then. */
  info: StreamInfo;
  rows: PastRows[];
  missing: MissingRows[];
  /** There is more: where to go on. */
  next: number | undefined;
}

export interface PastRequest {
  /** The stream as it is now. */
  info: StreamInfo;
  /** Which numbering is asked for. */
  epoch: number;
  /** The feed of that stream, if it is held. */
  feed: StreamFeed | undefined;
  /** Both belong to it; `to` without end: up to the newest. */
  from: number;
  to: number;
  maxRows: number;
  signal?: AbortSignal | undefined;
}

/** Looks for a row by time, at most. */
const MOST_PROBES = 40;
/** Pages of the engine for one answer, at most. */
const MOST_READS = 20;
const PROBE_ROWS = 64;
/** How far back the newest row is looked for. */
const NEWEST_S = [1, 30, 600];
const NEWEST_ROWS = 100_000;
const SECOND_NS = 1_000_000_000n;

/** Rows of the past of one stream by their numbers: what the feed has, and before it what the engine has, which knows rows by time. */
export class PastReader {
  readonly #bench: HubBench;
  readonly #nowNs: () => bigint;

  constructor(bench: HubBench, nowNs: () => bigint) {
    this.#bench = bench;
    this.#nowNs = nowNs;
  }

  /** Throws what `history.read` throws. */
  async read(request: PastRequest): Promise<Past> {
    const { feed, from, to, maxRows, epoch } = request;
    const isHeld = feed !== undefined && feed.info.epoch === epoch && feed.ring.firstRow !== undefined;
    const heldFrom = isHeld ? feed.firstRow : Number.POSITIVE_INFINITY;
    const past: EnginePast = { info: request.info, rows: [] };
    if (from < heldFrom) await this.#readEngine(request, Math.min(to, heldFrom - 1), past);
    const { rows } = past;
    if (isHeld && to >= heldFrom)
      feed.ring.visit(Math.max(from, heldFrom), to + 1, (page, at, end) => void rows.push({ page, from: at, to: end }));
    const cut = cutTo(rows, maxRows);
    const isCut = cut.length < rows.length || cut.at(-1)?.to !== rows[cut.length - 1]?.to;
    const whole = Number.isFinite(to) ? to : (lastRow(rows.at(-1)) ?? from - 1);
    const end = isCut ? (lastRow(cut.at(-1)) ?? from - 1) : whole;
    return {
      info: past.info,
      rows: cut,
      missing: missingIn(cut, from, end, isHeld ? feed : undefined),
      next: end < whole ? end + 1 : undefined,
    };
  }

  /** The newest row of a stream that nobody holds; undefined: none came lately. Throws what `history.read` throws. */
  async newest(info: StreamInfo): Promise<PastRows | undefined> {
    const channels = measuredColumns(info).map(({ channel }) => channelId(info.instrument, channel));
    if (channels.length === 0) return undefined;
    const nowNs = this.#nowNs();
    for (const seconds of NEWEST_S) {
      const fromNs = nowNs - BigInt(seconds) * SECOND_NS;
      const { pieces, streams } = await readRawHistory(this.#bench.client, {
        channels: channels.slice(0, 500),
        fromNs,
        toNs: nowNs + SECOND_NS,
        limit: NEWEST_ROWS,
      });
      const then = streams.find((one) => one.key === info.key && one.epoch === info.epoch);
      const page = then ? pagesOf(pieces, then).at(-1) : undefined;
      if (page) return { page, from: page.rows - 1, to: page.rows };
    }
    return undefined;
  }

  async #readEngine(
    { info, epoch, from, maxRows, feed, signal }: PastRequest,
    to: number,
    past: EnginePast,
  ): Promise<void> {
    const channels = measuredColumns(info).map(({ channel }) => channelId(info.instrument, channel));
    if (to < from || channels.length === 0) return;
    const first = feed?.info.epoch === epoch ? feed.ring.pages[0] : undefined;
    const highNs = first ? timeOf(first, 0) + SECOND_NS : this.#nowNs() + SECOND_NS;
    const read: ReadPages = async (fromNs, limit) => {
      const { pieces, streams, nextNs } = await readRawHistory(this.#bench.client, {
        channels: channels.slice(0, 500),
        fromNs,
        toNs: highNs,
        limit,
        signal,
      });
      const then = streams.find((one) => one.key === info.key && one.epoch === epoch);
      if (then) past.info = then;
      return { pages: then ? pagesOf(pieces, then) : [], nextNs };
    };
    let atNs: bigint | undefined = await timeBefore(epoch, from, highNs, read);
    let count = 0;
    for (let reads = 0; reads < MOST_READS && atNs !== undefined && count <= maxRows; reads++) {
      const { pages, nextNs } = await read(atNs, maxRows + PROBE_ROWS);
      for (const page of pages) {
        const done = (lastRow(past.rows.at(-1)) ?? -1) + 1;
        const begin = Math.max(0, from - page.firstRow, done - page.firstRow);
        const end = Math.min(page.rows, to + 1 - page.firstRow);
        if (begin >= end) continue;
        past.rows.push({ page, from: begin, to: end });
        count += end - begin;
      }
      const isPast = pages.some((page) => page.firstRow + page.rows > to);
      atNs = isPast || nextNs === undefined || nextNs <= atNs ? undefined : nextNs;
    }
  }
}

interface EnginePast {
  info: StreamInfo;
  rows: PastRows[];
}

type ReadPages = (fromNs: bigint, limit: number) => Promise<{ pages: RowPage[]; nextNs: bigint | undefined }>;

/** A time from which on the row comes, no more than a few rows before it: found by asking what is at times between. */
async function timeBefore(epoch: number, row: number, highNs: bigint, read: ReadPages): Promise<bigint> {
  let lowNs = BigInt(epoch) * 1000n - 60n * SECOND_NS;
  let topNs = highNs;
  for (let probe = 0; probe < MOST_PROBES && topNs - lowNs > 1_000_000n; probe++) {
    const middle = lowNs + (topNs - lowNs) / 2n;
    const first = (await read(middle, PROBE_ROWS)).pages[0];
    if (first === undefined || first.firstRow > row) topNs = middle;
    else if (first.firstRow + first.rows > row) return middle;
    else lowNs = middle;
  }
  return lowNs;
}

function pagesOf(pieces: readonly RawHistoryPiece[], info: StreamInfo): RowPage[] {
  return pieces
    .filter(({ stream }) => stream === info.id)
    .map(({ block: { batch, channels } }): RowPage => {
      const empty = new Float64Array(batch.rows).fill(Number.NaN);
      const columns = info.columns.map((_, index) => batch.columns[channels.indexOf(index)] ?? empty);
      return {
        firstRow: batch.seq,
        rows: batch.rows,
        t0Ns: batch.t0Ns,
        dtS: batch.dtS,
        timeS: batch.times,
        columns,
        arrivedNs: batch.arrivedNs,
        isAfterGap: false,
        sizeBytes: 0,
        capacity: batch.rows,
      };
    })
    .sort((one, other) => one.firstRow - other.firstRow);
}

function cutTo(rows: readonly PastRows[], maxRows: number): PastRows[] {
  const cut: PastRows[] = [];
  let left = maxRows;
  for (const { page, from, to } of rows) {
    if (left <= 0) break;
    const end = Math.min(to, from + left);
    cut.push({ page, from, to: end });
    left -= end - from;
  }
  return cut;
}

function lastRow(rows: PastRows): number;
function lastRow(rows: PastRows | undefined): number | undefined;
function lastRow(rows: PastRows | undefined): number | undefined {
  return rows && rows.page.firstRow + rows.to - 1;
}

/** What of [from, to] is not there, with the instrument's reason where it is known. */
function missingIn(rows: readonly PastRows[], from: number, to: number, feed: StreamFeed | undefined): MissingRows[] {
  const missing: MissingRows[] = [];
  let next = from;
  const miss = (end: number): void => {
    if (end < next) return;
    const reason = feed?.gapsIn(next, end + 1)[0]?.reason ?? 'They are not kept any more.';
    missing.push({ from: next, to: end, reason });
  };
  for (const part of rows) {
    miss(part.page.firstRow + part.from - 1);
    next = lastRow(part) + 1;
  }
  miss(to);
  return missing;
}
