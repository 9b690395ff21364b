import type { Column } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import type { FormatJob } from './format-writer.ts';
import type { StreamRows } from './stream-rows.ts';
import { streamRows } from './stream-rows.ts';
import type { TablePlan, TableSource } from './table.ts';

/** What one stream needs to know before its first sample is written. */
export interface WavPlan {
  source: TableSource;
  t0Ns: bigint;
  /** Rows per second, as they are. */
  rateHz: number;
  /** With silence in the place of what is missing. */
  frames: number;
  /** Frames of silence. */
  silent: number;
  /** Values that are missing (silence) or overload (full scale). */
  missing: number;
  overloads: number;
  /** By channel: greatest magnitude. */
  peaks: number[];
}

/** Silence between two rows is no longer, so that a clock that jumped fills no disk; h. */
const MOST_SILENCE_H = 24;

/** A stretch of samples and the silence before it. */
export interface WavPiece {
  silent: number;
  rows: StreamRows;
}

/**
 * Rows on the even grid of the stream: where some are missing, as many frames of silence as time has passed, so that frame k is at t0 + k / rate.
 * @throws LabError export.unsupported
 */
export async function* wavPieces(plan: TablePlan, source: TableSource): AsyncGenerator<WavPiece> {
  let frames = 0;
  let t0Ns: bigint | undefined;
  for await (const rows of streamRows(plan, source, plan.range)) {
    const startNs = rows.baseNs + BigInt(rows.timesNs[0] as number);
    t0Ns ??= startNs;
    const due = Math.round(Number(startNs - t0Ns) / (rows.dtS * 1e9));
    const silent = rows.isAfterGap ? Math.max(0, due - frames) : 0;
    if (silent * rows.dtS > MOST_SILENCE_H * 3600) {
      throw new LabError(
        'export.unsupported',
        `${source.stream.info.key} has a gap of more than ${MOST_SILENCE_H} h, which would be silence in a WAV file. Nothing was written. Export the ranges before and after it.`,
      );
    }
    frames += silent + rows.rows;
    yield { silent, rows };
  }
}

/** Goes through the stream once: how long it is and how large its values are. Undefined if it has no rows in the range. */
export async function planWav(plan: TablePlan, source: TableSource, { tick }: FormatJob): Promise<WavPlan | undefined> {
  const found: WavPlan = {
    source,
    t0Ns: 0n,
    rateHz: 0,
    frames: 0,
    silent: 0,
    missing: 0,
    overloads: 0,
    peaks: source.fields.map(() => 0),
  };
  for await (const { silent, rows } of wavPieces(plan, source)) {
    if (found.frames === 0) {
      found.t0Ns = rows.baseNs + BigInt(rows.timesNs[0] as number);
      // The reciprocal of a rounded step is no round number.
      found.rateHz = Number((1 / rows.dtS).toPrecision(12));
    }
    found.frames += silent + rows.rows;
    found.silent += silent;
    for (const [index, column] of rows.columns.entries()) measure(found, index, column);
    tick(0);
  }
  return found.frames === 0 ? undefined : found;
}

function measure(found: WavPlan, index: number, column: Column): void {
  let peak = found.peaks[index] as number;
  for (let row = 0; row < column.length; row++) {
    const size = Math.abs(column[row] as number);
    if (size > peak && size !== Number.POSITIVE_INFINITY) peak = size;
    else if (size === Number.POSITIVE_INFINITY) found.overloads++;
    else if (Number.isNaN(size)) found.missing++;
  }
  found.peaks[index] = peak;
}
