import type { ColumnBlock } from '../../core/decimate.ts';
import { columnRow, rowsPerColumn } from '../../core/decimate.ts';
import { COLUMN_FLAG, scanExtent } from '../../core/extent.ts';
import { RecordedRows } from '../recording/recorded-rows.ts';
import type { ChannelField, ExportedChannel } from './exported-channel.ts';
import { streamRows } from './stream-rows.ts';
import type { TablePlan, TableSource } from './table.ts';

/** What is drawn of one channel of one stream: columns with their extremes, in order of time. */
export interface PlotTrace {
  channel: ExportedChannel;
  /** s since the left edge. */
  timesS: number[];
  /** With the scale of the channel. NaN: no value. */
  min: number[];
  max: number[];
  /** COLUMN_FLAG of each: `gap` where the line must not be joined to the one before. */
  flags: number[];
}

/** Min/max columns of a regular or timed stream, about one a pixel. */
export async function streamTraces(plan: TablePlan, source: TableSource, widthPx: number): Promise<PlotTrace[]> {
  const rows = new RecordedRows(plan.recording, source.stream);
  const from = await rows.rowAt(plan.fromNs);
  const to = plan.range.toNs === undefined ? rows.endRow : await rows.rowAt(plan.range.toNs);
  if (from >= to) return [];
  const n = rowsPerColumn((to - from) / widthPx);
  const traces = source.fields.map(({ to: channel }) => emptyTrace(plan.channels[channel] as ExportedChannel));
  const columns = source.fields.map((field) => field.from);
  for (const block of await rows.columns(columns, from, to, n)) addBlock(traces, block, source.fields, plan, from, to);
  return traces;
}

function emptyTrace(channel: ExportedChannel): PlotTrace {
  return { channel, timesS: [], min: [], max: [], flags: [] };
}

function addBlock(
  traces: PlotTrace[],
  block: ColumnBlock,
  fields: readonly ChannelField[],
  plan: TablePlan,
  from: number,
  to: number,
): void {
  const startS = Number(block.t0Ns - plan.fromNs) / 1e9;
  for (let at = 0; at < block.length; at++) {
    const row = columnRow(block, at);
    if (row + block.n <= from || row >= to) continue;
    // A column stands in the middle of its rows; one that begins before the left edge begins there.
    const timeS = block.timeS ? startS + (block.timeS[at] as number) : startS + (row - block.firstRow) * block.dtS;
    const middle = block.timeS ? 0 : (Math.min(block.n, to - row) - 1) * block.dtS * 0.5;
    for (const [index, trace] of traces.entries()) {
      const { gain, offset } = fields[index] as ChannelField;
      const low = gain * (block.min[index]?.[at] ?? Number.NaN) + offset;
      const high = gain * (block.max[index]?.[at] ?? Number.NaN) + offset;
      const isApart = at === 0 && block.isAfterGap;
      trace.timesS.push(Math.max(0, timeS + middle));
      trace.min.push(Math.min(low, high));
      trace.max.push(Math.max(low, high));
      trace.flags.push((block.flags?.[index * block.length + at] ?? 0) | (isApart ? COLUMN_FLAG.gap : 0));
    }
  }
}

/** The last waveform of a range over its own time: x counts from its first row. Undefined if there is none. */
export async function waveformTraces(
  plan: TablePlan,
  source: TableSource,
  widthPx: number,
): Promise<{ traces: PlotTrace[]; t0Ns: bigint; x0S: number; endS: number } | undefined> {
  const last = await lastSegment(plan, source);
  if (!last) return undefined;
  const traces = source.fields.map(({ to }) => emptyTrace(plan.channels[to] as ExportedChannel));
  const step = Math.max(1, Math.ceil(last.rows / (2 * widthPx)));
  const extent = { min: 0, max: 0, flags: 0 };
  let segment = -1;
  let row = 0;
  for await (const rows of streamRows(plan, source, plan.range)) {
    if (rows.segment) {
      segment++;
      row = 0;
    }
    if (segment < last.number) continue;
    for (let from = 0; from < rows.rows; from += step) {
      const end = Math.min(rows.rows, from + step);
      for (const [index, trace] of traces.entries()) {
        scanExtent(rows.columns[index] as NonNullable<(typeof rows.columns)[number]>, from, end, extent);
        trace.timesS.push((row + (from + end - 1) / 2) * last.dtS);
        trace.min.push(extent.min);
        trace.max.push(extent.max);
        trace.flags.push(extent.flags | (row + from === 0 ? COLUMN_FLAG.gap : 0));
      }
    }
    row += rows.rows;
  }
  return { traces, t0Ns: last.t0Ns, x0S: last.x0S, endS: (last.rows - 1) * last.dtS };
}

interface LastSegment {
  number: number;
  rows: number;
  t0Ns: bigint;
  x0S: number;
  dtS: number;
}

async function lastSegment(plan: TablePlan, source: TableSource): Promise<LastSegment | undefined> {
  let last: LastSegment | undefined;
  for await (const { segment, rows } of streamRows(plan, source, plan.range)) {
    if (segment) last = { number: (last?.number ?? -1) + 1, rows: 0, ...segment };
    if (last) last.rows += rows;
  }
  return last;
}
