import type { Batch } from '../../core/batch.ts';
import { BATCH_FLAG, createBatch, rowTimeNs } from '../../core/batch.ts';

/**
 * Rows [from, to) and the columns with these indices as a batch of their own. Times of timed rows and of segments stay what they are to the bit;
 * of a regular batch whose beginning is cut off, the step may round them by 1 ns.
 */
export function cutRows(batch: Batch, from: number, to: number, columns: readonly number[], isSegment: boolean): Batch {
  const isFirst = from === 0;
  const edges =
    (isFirst ? 0 : BATCH_FLAG.gap | BATCH_FLAG.firstOfSegment) | (to === batch.rows ? 0 : BATCH_FLAG.lastOfSegment);
  const cut = createBatch({
    ...batch,
    rows: to - from,
    channels: columns.length,
    flags: batch.flags & ~edges,
    seq: batch.seq + from,
    lost: isFirst ? batch.lost : 0,
    t0Ns: batch.times || isSegment || isFirst ? batch.t0Ns : rowTimeNs(batch, from),
    xOriginS: isSegment ? batch.xOriginS + from * batch.dtS : batch.xOriginS,
  });
  if (batch.times) cut.times?.set(batch.times.subarray(from, to));
  for (const [index, column] of columns.entries()) {
    const values = batch.columns[column]?.subarray(from, to);
    if (values) cut.columns[index]?.set(values);
  }
  return cut;
}
