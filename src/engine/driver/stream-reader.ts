import type { ColumnInfo } from '../../core/stream-info.ts';
import type { StreamRows } from './driver.ts';

/** What a streaming device says about itself before it starts. */
export interface StreamSetup {
  columns: ColumnInfo[];
  rateHz: number;
}

/** Bytes of one run of a streaming device to rows. One per run. */
export interface StreamReader {
  /** Whether the columns are Float64. */
  readonly float64: boolean;
  /** The device said that the run is over: what follows are plain replies. */
  readonly hasEnded: boolean;
  /** Bad lines or frames so far. */
  readonly malformed: number;
  /** `bytes` is borrowed; rows go to `onRows` from within the call, all with this arrival time. */
  push(bytes: Uint8Array, arrivedNs: bigint): void;
}

export type OpenReader = (setup: StreamSetup, onRows: (rows: StreamRows) => void) => StreamReader;
