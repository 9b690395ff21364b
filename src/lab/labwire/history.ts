import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { LabwireStreamSchema } from '../../protocol/lab/labwire-messages.ts';
import type { RestClient } from '../rest-client.ts';
import { overloadValue } from './stream-form.ts';

const page = z.object({
  epoch: z.int(),
  schema: z.looseObject({ channels: z.array(z.string()) }).optional(),
  rows: z.array(z.array(z.number().nullable()).min(2).max(4098)).max(100_000),
  /** Values beyond the range of the instrument, null in the rows: `[seq, column, 'overload' | '-overload']`. */
  states: z
    .array(z.tuple([z.int(), z.int(), z.string()]))
    .max(200_000)
    .default([]),
  next: z.int().nonnegative().optional(),
});

export interface HistoryPage {
  epoch: number;
  schema: LabwireStreamSchema | undefined;
  /** Runs of consecutive row numbers: `[seq, t, values…]`. */
  runs: (number | null)[][][];
  next: number | undefined;
}

export interface HistoryRange {
  epoch?: number | undefined;
  /** Both belong to it. */
  from?: number | undefined;
  to?: number | undefined;
}

/** One page of a stream's past over REST (section 5.7). Throws as `RestClient.request`, and server.malformed. */
export async function readHistory(
  rest: RestClient,
  key: string,
  range: HistoryRange,
  signal: AbortSignal,
): Promise<HistoryPage> {
  const json = await rest.get(`/api/v1/streams/${encodeURIComponent(key)}/history`, {
    query: { epoch: range.epoch, from: range.from, to: range.to },
    signal,
  });
  const judged = page.safeParse(json);
  if (!judged.success)
    throw new LabError(
      'server.malformed',
      `The lab server answered the past of ${key} with something that is none. What is missing is drawn as a gap.`,
    );
  const { epoch, schema, rows, states, next } = judged.data;
  const byNumber = new Map(rows.map((row) => [row[0], row]));
  for (const [seq, column, state] of states) {
    const row = byNumber.get(seq);
    if (row && column >= 0 && column < row.length - 2) row[column + 2] = overloadValue(state);
  }
  return { epoch, schema: schema as LabwireStreamSchema | undefined, runs: consecutive(rows), next };
}

/** Splits rows where a number does not follow the one before; rows without a number are left out. */
function consecutive(rows: (number | null)[][]): (number | null)[][][] {
  const runs: (number | null)[][][] = [];
  let last = Number.NaN;
  for (const row of rows) {
    const seq = row[0];
    if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) continue;
    if (seq === last + 1) runs.at(-1)?.push(row);
    else runs.push([row]);
    last = seq;
  }
  return runs;
}
