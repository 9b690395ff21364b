import type { Batch } from '../../core/batch.ts';
import { BATCH_FLAG, batchBytes, copyBatch, createBatch } from '../../core/batch.ts';

/** The batch in a buffer that holds nothing else: one laid over a part of a larger buffer must not drag that along. */
export function ownBatch(batch: Batch): Batch {
  const { rows, channels, flags, buffer } = batch;
  return buffer.byteLength === batchBytes(rows, channels, flags) ? batch : copyBatch(batch);
}

/** A copy that says that so many rows are lost before it. */
export function copyWithLost(batch: Batch, lost: number): Batch {
  const copy = createBatch({ ...batch, lost, flags: batch.flags | BATCH_FLAG.gap });
  if (batch.times) copy.times?.set(batch.times);
  for (const [index, column] of batch.columns.entries()) copy.columns[index]?.set(column);
  return copy;
}
