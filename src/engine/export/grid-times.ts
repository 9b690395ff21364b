import { LabError } from '../../core/errors.ts';
import { mergedRows } from './merged-rows.ts';
import type { TablePlan } from './table.ts';
import { blockRows, planTable } from './table.ts';

/** Times in blocks; the array is lent until the next one. */
export interface TimeBlock {
  count: number;
  /** ns since 1970. */
  baseNs: bigint;
  /** Whole ns since the base. */
  timesNs: Float64Array;
}

/** The times of a table that is not as measured: `gridS` apart from the start of the range on, or those of the fastest channel. */
export async function* gridTimes(plan: TablePlan, gridS: number | undefined): AsyncGenerator<TimeBlock> {
  const most = blockRows(plan.columns.length);
  if (gridS !== undefined) {
    yield* evenTimes(plan, gridS, most);
    return;
  }
  const fastest = [...plan.channels].sort((a, b) => b.rateHz - a.rateHz)[0];
  if (!fastest) return;
  const rows = planTable(plan.recording, [fastest], plan.range, false);
  for await (const { rows: count, baseNs, timesNs } of mergedRows(rows, most)) yield { count, baseNs, timesNs };
}

/** Times so far apart, the end of an open range included. */
function* evenTimes(plan: TablePlan, gridS: number, most: number): Generator<TimeBlock> {
  const stepNs = gridS * 1e9;
  if (stepNs < 1) {
    throw new LabError(
      'export.unsupported',
      `Rows ${gridS} s apart are closer than 1 ns, which is the finest time of a recording. Nothing was written. Choose a wider grid.`,
      { gridS },
    );
  }
  const lastNs = plan.range.toNs === undefined ? plan.toNs : plan.toNs - 1n;
  const timesNs = new Float64Array(most);
  for (let first = 0; ; first += most) {
    // Whole steps are exact however long the recording is.
    const aheadNs = Number.isInteger(stepNs) ? BigInt(first) * BigInt(stepNs) : BigInt(Math.round(first * stepNs));
    const restNs = Number.isInteger(stepNs) ? 0 : first * stepNs - Math.round(first * stepNs);
    const baseNs = plan.fromNs + aheadNs;
    const left = Number(lastNs - baseNs);
    let count = 0;
    for (; count < most; count++) {
      const offsetNs = Math.round(count * stepNs + restNs);
      if (offsetNs > left) break;
      timesNs[count] = offsetNs;
    }
    if (count > 0) yield { count, baseNs, timesNs };
    if (count < most) return;
  }
}
