import type { StreamInfo } from '../../core/stream-info.ts';
import type { PartIndex } from './part-index.ts';
import { parseJson } from './part-records.ts';
import { streamTotals, totalsName } from './part-totals.ts';

/** What was read of a stream in one part. */
export interface CountedStream {
  info: StreamInfo;
  firstRow: number;
  endRow: number;
  rows: number;
  lost: number;
  batches: number;
}

/** Where what was read of a part differs from what its writer counted, in sentences. */
export function compareTotals(
  part: PartIndex,
  found: readonly CountedStream[],
  others: { events: number; exchanges: number },
): string[] {
  const { totals } = part;
  const problems: string[] = [];
  const byName = new Map(found.map((stream) => [totalsName(stream.info.key, stream.info.epoch), stream]));
  const where = `part ${part.head.part} (${part.path})`;
  for (const [name, text] of totals) {
    if (name in others) continue;
    const said = streamTotals.safeParse(parseJson(text));
    if (!said.success) {
      problems.push(`The totals of ${name} in ${where} cannot be read.`);
      continue;
    }
    const stream = byName.get(name);
    byName.delete(name);
    const { rows, batches, firstRow, endRow, lost } = said.data;
    const counted = `${rows} rows in ${batches} batches, ${firstRow} to ${endRow - 1}, ${lost} lost`;
    const read = stream
      ? `${stream.rows} rows in ${stream.batches} batches, ${stream.firstRow} to ${stream.endRow - 1}, ${stream.lost} lost`
      : 'none';
    if (read !== counted)
      problems.push(`Stream ${name} in ${where}: the writer counted ${counted}; there are ${read}.`);
  }
  for (const [name, { rows }] of byName) {
    problems.push(`Stream ${name} in ${where} has ${rows} rows which its writer did not count.`);
  }
  for (const [name, count] of Object.entries(others)) {
    const said = Number(totals.get(name) ?? count);
    if (count !== said) problems.push(`The writer of ${where} counted ${said} ${name}; there are ${count}.`);
  }
  return problems;
}
