import type { Batch } from '../../src/core/batch.ts';
import type { StreamInfo } from '../../src/core/stream-info.ts';
import { rampCode } from '../../src/simulator/daq/signal.ts';

const CODES = 65_536;

/** Compares what came with the DAQ's SIGNal RAMP: a function of row and channel alone, so that every sample can be judged. */
export class RampCheck {
  /** Samples compared. */
  samples = 0;
  /** First sample that differed, in words. */
  fault: string | undefined;
  #nextRow: number | undefined;
  /** Value of every code, as the packet reader scales it. */
  readonly #values: Float32Array[];

  constructor(info: StreamInfo) {
    this.#values = info.columns.map(({ scale = 1, offset = 0 }) =>
      Float32Array.from({ length: CODES }, (_, index) => (index - CODES / 2) * scale + offset),
    );
  }

  value(row: number, channel: number): number {
    return this.#values[channel]?.[rampCode(row, channel) + CODES / 2] ?? Number.NaN;
  }

  /** Rows must follow each other without a hole. */
  batch(batch: Batch): void {
    if (this.#nextRow !== undefined && batch.seq !== this.#nextRow)
      this.fault ??= `row ${batch.seq} follows ${this.#nextRow - 1}`;
    this.#nextRow = batch.seq + batch.rows;
    for (const [channel, column] of batch.columns.entries()) {
      const values = this.#values[channel];
      const step = 2 * channel + 1;
      let index = (rampCode(batch.seq, channel) + CODES / 2) & 0xffff;
      for (let row = 0; row < batch.rows; row++) {
        if (column[row] !== values?.[index])
          this.fault ??= `row ${batch.seq + row} of channel ${channel}: ${column[row]}`;
        index = (index + step) & 0xffff;
      }
      this.samples += batch.rows;
    }
  }
}
