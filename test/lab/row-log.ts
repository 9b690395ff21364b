import type { RowSource } from '../../src/core/link-word.ts';
import type { ColumnInfo } from '../../src/core/stream-info.ts';
import type { LabOutlet, LabRows } from '../../src/lab/equipment.ts';

export interface LoggedRow {
  values: number[];
  timeNs: bigint;
  /** s. */
  uncertaintyS: number;
  source: RowSource;
}

export type LogEntry =
  | { kind: 'row'; row: LoggedRow }
  | { kind: 'lost'; lost: number; reason: string }
  | { kind: 'gap'; lost: number; reason: string; fromNs: bigint; toNs: bigint };

/** An outlet that writes down everything it is given, in order. */
export class RowLog implements LabOutlet {
  readonly entries: LogEntry[] = [];
  readonly opens: { columns: readonly ColumnInfo[]; rateHz: number }[] = [];
  readonly sources: string[] = [];
  count = 0;
  /** Called with each delivery; it may take its time: then nothing else runs. */
  onRows: ((rows: LabRows) => void) | undefined;

  opened(info: { columns: readonly ColumnInfo[]; rateHz: number }): void {
    this.opens.push(info);
  }

  rows(rows: LabRows): void {
    if (rows.lost > 0) this.entries.push({ kind: 'lost', lost: rows.lost, reason: rows.reason ?? '' });
    for (let i = 0; i < rows.rows; i++) {
      const values = rows.columns.map((column) => column[i] ?? Number.NaN);
      const { source, uncertaintyS } = rows;
      this.entries.push({ kind: 'row', row: { values, timeNs: rows.timesNs[i] ?? 0n, uncertaintyS, source } });
    }
    this.count += rows.rows;
    this.onRows?.(rows);
  }

  gap(gap: { fromNs: bigint; toNs: bigint; lost: number; reason: string }): void {
    this.entries.push({ kind: 'gap', ...gap });
  }

  source(source: RowSource | 'silent', reason: string): void {
    this.sources.push(reason === '' ? source : `${source}: ${reason}`);
  }

  get rowEntries(): LoggedRow[] {
    return this.entries.flatMap((entry) => (entry.kind === 'row' ? [entry.row] : []));
  }

  get last(): LoggedRow | undefined {
    return this.entries.findLast((entry) => entry.kind === 'row')?.row;
  }

  get gaps(): Extract<LogEntry, { kind: 'gap' }>[] {
    return this.entries.filter((entry) => entry.kind === 'gap');
  }
}
