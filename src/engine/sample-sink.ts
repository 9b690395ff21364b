import type { Batch } from '../core/batch.ts';
import type { StreamInfo } from '../core/stream-info.ts';

/** Why rows are missing; drawn with the gap and kept in recordings. */
export interface StreamGap {
  stream: number;
  /** Number of the first row after the gap. */
  seq: number;
  /** ns since 1970. */
  fromNs: bigint;
  toNs: bigint;
  /** Rows known to be lost; 0 if the source was silent. */
  lost: number;
  reason: string;
}

/**
 * Takes what sources produce, in this order for every stream: opened, batches, closed. Each consumer (recorder first, then
 * history, alarms) is one. It borrows the batch for the length of the call: the buffer is never written again, so keeping a reference is fine.
 * It must not throw and must not wait.
 */
export interface SampleSink {
  streamOpened(info: StreamInfo): void;
  batch(batch: Batch): void;
  gap(gap: StreamGap): void;
  streamClosed(stream: number): void;
}
