import type { LabOutlet, LabRows } from '../../src/lab/equipment.ts';

/** Keeps all that a stream delivers, and what breaks the rules of an outlet. */
export class RecordingOutlet implements LabOutlet {
  readonly values: number[] = [];
  readonly timesNs: bigint[] = [];
  /** One word a batch: `live 3`, `filled 2`, `gap 1`, `polled 1 lost 4`, `source silent`. */
  readonly story: string[] = [];
  readonly faults: string[] = [];
  readonly gaps: Parameters<LabOutlet['gap']>[0][] = [];
  readonly sources: string[] = [];
  lost = 0;
  #isOpen = false;

  opened(): void {
    this.#isOpen = true;
    this.story.push('opened');
  }

  rows({ columns, rows, timesNs, source, lost }: LabRows): void {
    if (!this.#isOpen) this.faults.push('rows before opened');
    if (timesNs.length < rows || columns.some((column) => column.length < rows)) this.faults.push('short columns');
    for (let at = 0; at < rows; at++) {
      this.values.push(columns[0]?.[at] ?? Number.NaN);
      const before = this.timesNs.at(-1);
      const time = timesNs[at] ?? 0n;
      if (before !== undefined && time <= before) this.faults.push(`time ${time} after ${before} (${source})`);
      this.timesNs.push(time);
    }
    this.lost += lost;
    this.story.push(`${source} ${rows}${lost > 0 ? ` lost ${lost}` : ''}`);
  }

  gap(gap: Parameters<LabOutlet['gap']>[0]): void {
    if (gap.toNs < gap.fromNs) this.faults.push('a gap backwards');
    if (gap.reason === '') this.faults.push('a gap without a reason');
    const last = this.timesNs.at(-1);
    if (last !== undefined && gap.fromNs < last) this.faults.push('a gap over rows');
    this.gaps.push(gap);
    this.lost += gap.lost;
    this.story.push(`gap ${gap.lost}`);
  }

  source(source: string, reason: string): void {
    if (source === 'silent' && reason === '') this.faults.push('silence without a reason');
    this.sources.push(source);
    this.story.push(`source ${source}`);
  }
}
