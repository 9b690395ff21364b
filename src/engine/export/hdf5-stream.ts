import type { File, Group } from 'h5wasm/node';
import type { Column } from '../../core/batch.ts';
import type { ExportedChannel } from './exported-channel.ts';
import { chunkRows, GrowingDataset } from './hdf5-dataset.ts';
import { layTimes } from './int64-times.ts';
import { momentsOf } from './moments.ts';
import type { StreamRows } from './stream-rows.ts';
import type { TableSource } from './table.ts';

type Hdf5 = typeof import('h5wasm/node');

/** One stream as a group: a dataset of times, one a channel, and where something is missing or a segment begins. */
export class Hdf5Stream {
  readonly #group: Group;
  readonly #times: GrowingDataset;
  readonly #moments: GrowingDataset[] = [];
  readonly #columns: GrowingDataset[];
  readonly #gapRows: bigint[] = [];
  readonly #segmentRows: bigint[] = [];
  readonly #segmentTimes: bigint[] = [];
  readonly #segmentX: number[] = [];
  readonly #segmentSteps: number[] = [];
  #dtS = 0;
  #t0Ns: bigint | undefined;

  constructor(
    library: Hdf5,
    file: File,
    group: Group,
    source: TableSource,
    channels: readonly ExportedChannel[],
    names: readonly string[],
  ) {
    this.#group = group;
    const rows = chunkRows(source.stream.rows, source.fields.length + 3);
    const times = (name: string): GrowingDataset =>
      new GrowingDataset(library, file, group, name, new BigInt64Array(rows));
    this.#times = times('time_ns');
    if (source.timesTo >= 0) this.#moments = [times('sent_ns'), times('received_ns')];
    this.#columns = source.fields.map(({ to }, index) => {
      const values = channels[to]?.isFloat64 ? new Float64Array(rows) : new Float32Array(rows);
      return new GrowingDataset(library, file, group, names[index] ?? String(index), values);
    });
  }

  get rows(): number {
    return this.#times.rows;
  }

  add({ rows, baseNs, timesNs, columns, uncertaintyS, isAfterGap, segment, dtS }: StreamRows): void {
    if (isAfterGap && this.rows > 0) this.#gapRows.push(BigInt(this.rows));
    if (segment) {
      this.#segmentRows.push(BigInt(this.rows));
      this.#segmentTimes.push(segment.t0Ns);
      this.#segmentX.push(segment.x0S);
      this.#segmentSteps.push(segment.dtS);
    }
    this.#dtS = dtS;
    this.#t0Ns ??= baseNs + BigInt(timesNs[0] ?? 0);
    this.#times.append(rows, (values, at, from, count) =>
      layTimes(values as BigInt64Array, at, baseNs, timesNs.subarray(from, from + count), count),
    );
    for (const [index, moments] of this.#moments.entries()) {
      const momentsNs = momentsOf(timesNs, uncertaintyS, index === 0);
      moments.append(rows, (values, at, from, count) =>
        layTimes(values as BigInt64Array, at, baseNs, momentsNs.subarray(from, from + count), count),
      );
    }
    for (const [index, dataset] of this.#columns.entries()) {
      const column = columns[index] as Column;
      dataset.append(rows, (values, at, from, count) =>
        (values as Column).set(column.subarray(from, from + count), at),
      );
    }
  }

  /** Writes the rest, and what is known only now. */
  finish(): void {
    for (const dataset of [this.#times, ...this.#moments, ...this.#columns]) dataset.flush();
    const group = this.#group;
    const list = (name: string, data: BigInt64Array | Float64Array): void => {
      if (data.length > 0) group.create_dataset({ name, data });
    };
    list('gap_rows', BigInt64Array.from(this.#gapRows));
    list('segment_rows', BigInt64Array.from(this.#segmentRows));
    list('segment_t0_ns', BigInt64Array.from(this.#segmentTimes));
    list('segment_x0_s', Float64Array.from(this.#segmentX));
    list('segment_dt_s', Float64Array.from(this.#segmentSteps));
    group.create_attribute('t0_ns', BigInt64Array.of(this.#t0Ns ?? 0n), []);
    group.create_attribute('dt_s', Float64Array.of(this.#dtS), []);
  }
}
