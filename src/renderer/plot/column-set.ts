import type { FrameBlock } from '../../contract/frames.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import { ChangeLog } from './change-log.ts';
import { cutColumns, type GapNote, StreamColumns } from './stream-columns.ts';
import type { TraceColumns } from './trace-columns.ts';

/** Finds a stream by its number. */
export type StreamLookup = (stream: number) => StreamInfo | undefined;

interface HeldStream {
  info: StreamInfo;
  columns: StreamColumns;
}

/** Streams of one channel kept at most: a stream that is opened again and again does not pile up. */
const MOST_STREAMS = 2000;

/**
 * Columns of many streams from one watch, or from one answer of history: blocks in, traces by channel out.
 * A channel may be spread over several streams, one after the other (a device that was attached again).
 */
export class ColumnSet {
  readonly #originNs: bigint;
  readonly #mostColumns: number;
  readonly #lookup: StreamLookup;
  readonly #streams = new Map<number, HeldStream>();
  readonly #byChannel = new Map<string, { held: HeldStream; column: number }[]>();
  readonly changes = new ChangeLog();

  constructor(originNs: bigint, mostColumns: number, lookup: StreamLookup) {
    this.#originNs = originNs;
    this.#mostColumns = mostColumns;
    this.#lookup = lookup;
  }

  /** Takes a block of columns, a gap or a skip; copies what it keeps. Gives the newest time it now holds of the stream; s. */
  take(block: FrameBlock): number | undefined {
    if (block.kind !== 'columns' && block.kind !== 'gap' && block.kind !== 'skipped') return undefined;
    const held = this.#held(block.stream);
    if (!held) return undefined;
    if (block.kind === 'skipped') {
      held.columns.cut();
      return undefined;
    }
    if (block.kind === 'gap') {
      held.columns.addGap({
        fromS: Number(block.fromNs - this.#originNs) / 1e9,
        toS: Number(block.toNs - this.#originNs) / 1e9,
        reason: block.reason,
      });
      this.changes.note(Number.POSITIVE_INFINITY);
      return undefined;
    }
    if (block.isRestart) held.columns.clear();
    const fromS = held.columns.append(block.channels, block.columns);
    this.changes.note(block.isRestart ? Number.NEGATIVE_INFINITY : fromS);
    this.#index(held, block.channels);
    return held.columns.toS;
  }

  /** What is kept of a channel between two times, oldest stream first. */
  pieces(channel: string, fromS: number, toS: number): TraceColumns[] {
    const found: TraceColumns[] = [];
    for (const { held, column } of this.#byChannel.get(channel) ?? []) {
      const view = held.columns.view(column);
      const piece = view && cutColumns(view, fromS, toS);
      if (!view || !piece) continue;
      found.push(found.length > 0 && piece.start === view.start ? { ...piece, opensGap: true } : piece);
    }
    return found;
  }

  gapsOf(channel: string): GapNote[] {
    return (this.#byChannel.get(channel) ?? []).flatMap(({ held }) => held.columns.gaps);
  }

  /** First and last time of anything kept; NaN while empty. */
  get extent(): { fromS: number; toS: number } {
    let fromS = Number.NaN;
    let toS = Number.NaN;
    for (const { columns } of this.#streams.values()) {
      if (columns.length === 0) continue;
      if (!(fromS <= columns.fromS)) fromS = columns.fromS;
      if (!(toS >= columns.toS)) toS = columns.toS;
    }
    return { fromS, toS };
  }

  /** Last row of each stream, for a watch that goes on after a break of the link. */
  lastRows(): { key: string; epoch: number; row: number }[] {
    const rows: { key: string; epoch: number; row: number }[] = [];
    for (const { info, columns } of this.#streams.values()) {
      if (columns.endRow !== undefined) rows.push({ key: info.key, epoch: info.epoch, row: columns.endRow - 1 });
    }
    return rows.slice(-500);
  }

  /** Streams numbered anew by another engine run: kept columns stay under their key and epoch. */
  renumber(streams: readonly StreamInfo[]): void {
    const byKey = new Map([...this.#streams.values()].map((held) => [`${held.info.key} ${held.info.epoch}`, held]));
    for (const info of streams) {
      const held = byKey.get(`${info.key} ${info.epoch}`);
      if (!held || held.info.id === info.id) continue;
      this.#streams.delete(held.info.id);
      held.info = info;
      this.#streams.set(info.id, held);
    }
  }

  /** Lets everything before a time go, and streams that hold nothing else. */
  letGoBefore(timeS: number): void {
    for (const [id, held] of this.#streams) {
      if (held.columns.toS < timeS) {
        this.#streams.delete(id);
        for (const list of this.#byChannel.values()) {
          const at = list.findIndex((item) => item.held === held);
          if (at >= 0) list.splice(at, 1);
        }
      } else held.columns.letGoBefore(timeS);
    }
  }

  clear(): void {
    this.#streams.clear();
    this.#byChannel.clear();
    this.changes.note(Number.NEGATIVE_INFINITY);
  }

  #held(stream: number): HeldStream | undefined {
    const known = this.#streams.get(stream);
    if (known) return known;
    const info = this.#lookup(stream);
    if (!info || this.#streams.size >= MOST_STREAMS) return undefined;
    const held = { info, columns: new StreamColumns(this.#originNs, this.#mostColumns) };
    this.#streams.set(stream, held);
    return held;
  }

  #index(held: HeldStream, columns: readonly number[]): void {
    for (const column of columns) {
      const name = held.info.columns[column]?.channel;
      if (name === undefined) continue;
      const channel = channelId(held.info.instrument, name);
      const list = this.#byChannel.get(channel) ?? [];
      this.#byChannel.set(channel, list);
      if (list.some((item) => item.held === held)) continue;
      list.push({ held, column });
      list.sort((a, b) => a.held.info.epoch - b.held.info.epoch);
    }
  }
}
