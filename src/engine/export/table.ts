import type { Column } from '../../core/batch.ts';
import { UNCERTAINTY } from '../acquisition/timed-stream.ts';
import type { Recording, StreamChunk } from '../recording/recording.ts';
import type { RecordedStream } from '../recording/recording-info.ts';
import type { ChunkSource } from './chunk-source.ts';
import type { ChannelField, ExportedChannel } from './exported-channel.ts';
import { fieldsOf } from './exported-channel.ts';
import type { TimeBase, TimeRange } from './stream-cursor.ts';
import { StreamCursor } from './stream-cursor.ts';

/** A column of a table: values of a channel, or the times at which a polled row was sent for and received. */
export interface TableColumn {
  name: string;
  /** '' for times. */
  unit: string;
  kind: 'value' | 'time';
  channel: ExportedChannel | undefined;
  isFloat64: boolean;
}

/** Rows of a table in columns. All arrays are lent until the next block. */
export interface TableBlock {
  rows: number;
  /** What times count from, ns since 1970. */
  baseNs: bigint;
  /** Time of each row, whole ns since the base. */
  timesNs: Float64Array;
  /** NaN: missing, or nothing at that time. Columns of times hold whole ns since the base. */
  columns: readonly Column[];
  /** For each source: 1 where it has a row. */
  present: readonly Uint8Array[];
  /** How far along the range it is, 0…1. */
  share: number;
}

/** A stream that fills columns of a table. */
export interface TableSource {
  stream: RecordedStream;
  chunks: readonly StreamChunk[];
  fields: readonly ChannelField[];
  /** Index of the stream's column of uncertainties, and of the first of the two columns of times made from it; -1 for none. */
  uncertainty: number;
  timesTo: number;
}

/** What a table is made of: its columns, and the streams that fill them. */
export interface TablePlan {
  recording: Recording;
  columns: TableColumn[];
  channels: readonly ExportedChannel[];
  sources: TableSource[];
  range: TimeRange;
  /** First and last time there can be. */
  fromNs: bigint;
  toNs: bigint;
}

const BLOCK_BYTES = 4 << 20;
const MOST_ROWS = 8192;
const FEWEST_ROWS = 64;

/** Streams of these channels, with the chunks that hold rows in the range. A stream without any is left out. */
export function planTable(
  recording: Recording,
  channels: readonly ExportedChannel[],
  range: TimeRange,
  hasProvenance: boolean,
): TablePlan {
  const columns: TableColumn[] = channels.map((channel) => ({
    name: channel.name,
    unit: channel.unit,
    kind: 'value',
    channel,
    isFloat64: channel.isFloat64,
  }));
  const sources: TableSource[] = [];
  for (const stream of recording.streams) {
    const fields = fieldsOf(stream, channels);
    if (fields.length === 0) continue;
    const { info } = stream;
    const uncertainty = hasProvenance ? info.columns.findIndex((column) => column.channel === UNCERTAINTY.channel) : -1;
    const timesTo = uncertainty < 0 ? -1 : timeColumns(columns, info.key);
    sources.push({ stream, chunks: chunksIn(recording, stream, range), fields, uncertainty, timesTo });
  }
  const used = sources.filter(({ stream }) => stream.rows > 0);
  const first = used.reduce<bigint | undefined>(
    (least, { stream }) => (least === undefined || stream.firstNs < least ? stream.firstNs : least),
    undefined,
  );
  const last = used.reduce<bigint | undefined>(
    (most, { stream }) => (most === undefined || stream.lastNs > most ? stream.lastNs : most),
    undefined,
  );
  const fromNs = range.fromNs ?? first ?? recording.info.fromNs;
  const toNs = range.toNs ?? last ?? fromNs;
  return { recording, columns, channels, sources, range, fromNs, toNs };
}

/** The two columns of a stream's times; streams of the same key share them. */
function timeColumns(columns: TableColumn[], key: string): number {
  const at = columns.findIndex(({ name }) => name === `${key} sent`);
  if (at >= 0) return at;
  for (const what of ['sent', 'received'])
    columns.push({ name: `${key} ${what}`, unit: '', kind: 'time', channel: undefined, isFloat64: true });
  return columns.length - 2;
}

/** The chunks with rows of a stream in a range. */
export function chunksIn(recording: Recording, { info }: RecordedStream, range: TimeRange): StreamChunk[] {
  // The rows of a segment lie around its trigger, which is all the index knows.
  return info.kind === 'segment' ? recording.chunksOf(info.id) : recording.chunksOf(info.id, range.fromNs, range.toNs);
}

/** A cursor for each source, all counting from one base, standing on their first rows. */
export async function openCursors(plan: TablePlan, base: TimeBase, chunks: ChunkSource): Promise<StreamCursor[]> {
  const cursors = plan.sources.map(
    (source) => new StreamCursor(chunks, source.stream, source.chunks, base, plan.range),
  );
  for (const cursor of cursors) await cursor.load();
  return cursors;
}

/** Rows of one block: as many as fit the memory meant for it. */
export function blockRows(columns: number): number {
  return Math.max(FEWEST_ROWS, Math.min(MOST_ROWS, Math.floor(BLOCK_BYTES / (8 * (columns + 1)))));
}

/** Arrays for one block after the other. */
export class BlockSpace {
  readonly rows: number;
  readonly timesNs: Float64Array;
  readonly columns: Column[];
  readonly present: Uint8Array[];

  constructor({ columns, sources }: TablePlan, mostRows = MOST_ROWS) {
    this.rows = Math.min(mostRows, blockRows(columns.length));
    this.timesNs = new Float64Array(this.rows);
    this.columns = columns.map(({ isFloat64 }) =>
      isFloat64 ? new Float64Array(this.rows) : new Float32Array(this.rows),
    );
    this.present = sources.map(() => new Uint8Array(this.rows));
  }

  /** Nothing is there yet. */
  clear(): void {
    for (const column of this.columns) column.fill(Number.NaN);
    for (const present of this.present) present.fill(0);
  }
}

/** How far along its range a table is at a time. */
export function shareOf({ fromNs, toNs }: Pick<TablePlan, 'fromNs' | 'toNs'>, timeNs: bigint): number {
  const span = Number(toNs - fromNs);
  return span <= 0 ? 1 : Math.min(1, Math.max(0, Number(timeNs - fromNs) / span));
}
