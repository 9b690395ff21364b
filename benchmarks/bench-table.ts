/** One line of a benchmark: our figure beside that of a peer (or of the limit) measured in the same run. */
export interface BenchRow {
  what: string;
  unit: string;
  us: number;
  peer: string;
  theirs: number;
  /** Goal for us / theirs; absent: no goal. */
  atMost?: number;
  atLeast?: number;
}

/** Middle value; of an even number of them the lower one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN;
}

/** Prints the table of one benchmark; true if every goal is met. */
export function printBench(title: string, rows: readonly BenchRow[]): boolean {
  console.log(`\n${title}`);
  const lines = rows.map((row) => [
    row.what,
    `${figure(row.us)} ${row.unit}`,
    row.peer,
    `${figure(row.theirs)} ${row.unit}`,
    `${figure(row.us / row.theirs)} ×`,
    goalOf(row),
  ]);
  printTable(['', 'us', 'against', 'theirs', 'ratio', 'goal'], lines);
  return rows.every(isMet);
}

function isMet({ us, theirs, atMost, atLeast }: BenchRow): boolean {
  const ratio = us / theirs;
  return (atMost === undefined || ratio <= atMost) && (atLeast === undefined || ratio >= atLeast);
}

function goalOf(row: BenchRow): string {
  const { atMost, atLeast } = row;
  if (atMost === undefined && atLeast === undefined) return '';
  const wanted = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
  return `${wanted} ${isMet(row) ? 'met' : 'MISSED'}`;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function printTable(columns: string[], rows: string[][]): void {
  const widths = columns.map((name, index) => Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  console.log(line(columns));
  console.log(widths.map((width) => '─'.repeat(width)).join('  '));
  for (const row of rows) console.log(line(row));
}
