import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { ColumnInfo, StreamInfo } from '../../core/stream-info.ts';
import type { Waveform } from '../driver/driver.ts';
import type { SampleSink } from '../sample-sink.ts';
import type { StreamRegistry } from './stream-registry.ts';

const MAX_ROWS = 65_536;

/** Waveforms of one set of channels: each is a segment of one or several batches with its own x origin and step. */
export class SegmentStream implements Disposable {
  readonly info: StreamInfo;
  readonly #registry: StreamRegistry;
  readonly #sink: SampleSink;
  #seq = 0;

  constructor(place: { registry: StreamRegistry; sink: SampleSink }, instrument: string, columns: ColumnInfo[]) {
    this.#registry = place.registry;
    this.#sink = place.sink;
    this.info = place.registry.open({ instrument, stream: 'waveform', kind: 'segment', columns, rateHz: 0 });
  }

  /** Whether a waveform of these columns belongs here; other columns want another stream. */
  fits(columns: readonly ColumnInfo[]): boolean {
    return (
      columns.length === this.info.columns.length &&
      columns.every(
        (column, index) =>
          column.channel === this.info.columns[index]?.channel && column.unit === this.info.columns[index]?.unit,
      )
    );
  }

  add(waveform: Waveform, arrivedNs: bigint): void {
    const rows = waveform.samples[0]?.length ?? 0;
    for (let from = 0; from < rows; from += MAX_ROWS) {
      const count = Math.min(MAX_ROWS, rows - from);
      const edge =
        (from === 0 ? BATCH_FLAG.firstOfSegment : 0) | (from + count === rows ? BATCH_FLAG.lastOfSegment : 0);
      const batch = createBatch({
        stream: this.info.id,
        rows: count,
        channels: waveform.columns.length,
        flags: edge,
        seq: this.#seq,
        lost: 0,
        t0Ns: waveform.t0Ns,
        arrivedNs,
        dtS: waveform.dtS,
        xOriginS: waveform.xOriginS + from * waveform.dtS,
      });
      waveform.samples.forEach(
        (samples, channel) => void batch.columns[channel]?.set(samples.subarray(from, from + count)),
      );
      this.#seq += count;
      this.#sink.batch(batch);
    }
  }

  [Symbol.dispose](): void {
    this.#registry.close(this.info);
  }
}
