import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';

/** Row after the last one, from row `from` on, that is not later than a time (ns since 1970); stops at the first that is. */
export function rowsUntil(batch: Batch, from: number, untilNs: bigint): number {
  const spanNs = Number(untilNs - batch.t0Ns);
  const { times, dtS, rows } = batch;
  let row = from;
  if (!times) {
    if (spanNs < 0) return from;
    // Rounded as rowTimeNs rounds: near the estimate, then exact.
    const estimate = dtS > 0 ? Math.floor(spanNs / (dtS * 1e9)) : rows;
    row = Math.max(from, Math.min(rows, estimate - 1));
    while (row < rows && Math.round(row * dtS * 1e9) <= spanNs) row++;
    return row;
  }
  while (row < rows && Math.round((times[row] ?? 0) * 1e9) <= spanNs) row++;
  return row;
}

/** Rows [from, to) of a batch in a buffer of their own. What was lost before it and the gap stay with its first row. */
export function cutBatch(batch: Batch, from: number, to: number): Batch {
  const isFirst = from === 0;
  const edge =
    (isFirst ? 0 : BATCH_FLAG.gap | BATCH_FLAG.firstOfSegment) | (to === batch.rows ? 0 : BATCH_FLAG.lastOfSegment);
  const cut = createBatch({
    ...batch,
    rows: to - from,
    flags: batch.flags & ~edge,
    seq: batch.seq + from,
    lost: isFirst ? batch.lost : 0,
    // Times of timed rows stay as they are, to the bit.
    t0Ns: batch.times ? batch.t0Ns : rowTimeNs(batch, from),
  });
  if (batch.times) cut.times?.set(batch.times.subarray(from, to));
  for (let index = 0; index < batch.channels; index++) {
    const column = batch.columns[index];
    if (column) cut.columns[index]?.set(column.subarray(from, to));
  }
  return cut;
}

/** When a piece of a waveform is there: at its last row, at least its trigger. */
export function segmentEndNs(batch: Batch): bigint {
  const endNs = batch.t0Ns + BigInt(Math.round((batch.xOriginS + (batch.rows - 1) * batch.dtS) * 1e9));
  return endNs > batch.t0Ns ? endNs : batch.t0Ns;
}
