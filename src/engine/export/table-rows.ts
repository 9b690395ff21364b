import { LabError } from '../../core/errors.ts';
import type { FormatJob } from './format-writer.ts';
import { gridRows } from './grid-rows.ts';
import { mergedRows } from './merged-rows.ts';
import type { TableBlock, TablePlan } from './table.ts';
import { planTable } from './table.ts';

/** The table a person asked for: its plan and its rows, merged as asked. @throws LabError export.unsupported */
export function openTable({ recording, channels, range, options }: FormatJob): {
  plan: TablePlan;
  blocks: AsyncGenerator<TableBlock>;
} {
  const { merge, provenance, gridS } = options;
  if (provenance && merge === 'interpolated') {
    throw new LabError(
      'export.unsupported',
      'A value between two rows was sent for at no time: times of sending and receiving go with as-measured or nearest rows. Nothing was written. Choose one of these, or leave out those times.',
    );
  }
  const plan = planTable(recording, channels, range, provenance);
  return { plan, blocks: merge === 'as-measured' ? mergedRows(plan) : gridRows(plan, { rule: merge, gridS }) };
}

/** How the rows came together, in words for the file: `as measured`, `nearest`, `interpolated, every 0.1 s`. */
export function mergeText({ merge, gridS }: FormatJob['options']): string {
  if (merge === 'as-measured') return 'as measured';
  return gridS === undefined ? merge : `${merge}, every ${gridS} s`;
}
