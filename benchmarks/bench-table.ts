/** A goal of docs/performance and what was reached in this run. */
export interface BenchGoal {
  name: string;
  goal: string;
  reached: string;
  isMet: boolean;
}

export interface BenchReport {
  title: string;
  columns: string[];
  rows: string[][];
  goals: BenchGoal[];
}

/** Middle value; of an even number of them the lower one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN;
}

/** Prints the table of one benchmark and its goals; a missed goal makes the exit code 1. */
export function printBench({ title, columns, rows, goals }: BenchReport): void {
  console.log(`\n${title}`);
  printTable(columns, rows);
  if (goals.length > 0) {
    console.log('');
    printTable(
      ['goal', 'wanted', 'reached', ''],
      goals.map(({ name, goal, reached, isMet }) => [name, goal, reached, isMet ? 'met' : 'MISSED']),
    );
  }
  if (goals.some((goal) => !goal.isMet)) process.exitCode = 1;
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
