import type { Column } from '../../core/batch.ts';
import type { ExportedChannel } from './exported-channel.ts';
import { layTimes } from './int64-times.ts';
import { momentsOf } from './moments.ts';
import type { NpyField } from './npy-header.ts';
import { npyHeader } from './npy-header.ts';
import type { StoredMember, StoredZip } from './stored-zip.ts';
import type { StreamRows } from './stream-rows.ts';
import type { TableSource } from './table.ts';
import { UniqueNames } from './unique-names.ts';

type Values = Float32Array | Float64Array | BigInt64Array;

/** For the buffers of all arrays of a stream. */
const MEMORY_BYTES = 32 << 20;
const MOST_ROWS = 65_536;

/** One array of an archive, filled from its start on. */
class ArrayMember {
  readonly #member: StoredMember;
  readonly #header: Uint8Array;
  readonly values: Values;
  #filled = 0;
  #hasHeader = false;

  constructor(zip: StoredZip, name: string, rows: number, values: Values) {
    const type: NpyField['type'] =
      values instanceof BigInt64Array ? '<i8' : values instanceof Float64Array ? '<f8' : '<f4';
    this.#header = npyHeader(type, rows);
    this.#member = zip.reserve(`${name}.npy`, this.#header.byteLength + rows * values.BYTES_PER_ELEMENT);
    this.values = values;
  }

  async append(count: number, lay: (at: number, from: number, count: number) => void): Promise<void> {
    for (let from = 0; from < count; ) {
      const fitting = Math.min(count - from, this.values.length - this.#filled);
      lay(this.#filled, from, fitting);
      this.#filled += fitting;
      from += fitting;
      if (this.#filled === this.values.length) await this.flush();
    }
  }

  async flush(): Promise<void> {
    if (!this.#hasHeader) await this.#member.write(this.#header);
    this.#hasHeader = true;
    const bytes = this.#filled * this.values.BYTES_PER_ELEMENT;
    if (bytes > 0) await this.#member.write(new Uint8Array(this.values.buffer, 0, bytes));
    this.#filled = 0;
  }
}

/** One stream in a .npz archive: an array of times, one a channel, and where something is missing or a segment begins. */
export class NpzStream {
  readonly #zip: StoredZip;
  readonly #folder: string;
  readonly #times: ArrayMember;
  readonly #moments: ArrayMember[];
  readonly #columns: ArrayMember[];
  readonly #gapRows: bigint[] = [];
  readonly #segments: { row: bigint; t0Ns: bigint; x0S: number; dtS: number }[] = [];
  #rows = 0;

  /** `rows`: exactly so many will come. */
  constructor(zip: StoredZip, folder: string, rows: number, source: TableSource, channels: readonly ExportedChannel[]) {
    this.#zip = zip;
    this.#folder = folder;
    const arrays = source.fields.length + 3;
    const room = Math.max(1, Math.min(rows, MOST_ROWS, Math.floor(MEMORY_BYTES / (8 * arrays))));
    const names = new UniqueNames(['time_ns', 'sent_ns', 'received_ns', 'gap_rows']);
    const times = (name: string): ArrayMember =>
      new ArrayMember(zip, `${folder}/${name}`, rows, new BigInt64Array(room));
    this.#times = times('time_ns');
    this.#moments = source.timesTo < 0 ? [] : [times('sent_ns'), times('received_ns')];
    this.#columns = source.fields.map(({ from, to }) => {
      const name = names.take(source.stream.info.columns[from]?.channel ?? '');
      const values = channels[to]?.isFloat64 ? new Float64Array(room) : new Float32Array(room);
      return new ArrayMember(zip, `${folder}/${name}`, rows, values);
    });
  }

  async add({ rows, baseNs, timesNs, columns, uncertaintyS, isAfterGap, segment }: StreamRows): Promise<void> {
    if (isAfterGap && this.#rows > 0) this.#gapRows.push(BigInt(this.#rows));
    if (segment) this.#segments.push({ row: BigInt(this.#rows), ...segment });
    this.#rows += rows;
    const layNs = (member: ArrayMember, offsetsNs: Float64Array): Promise<void> =>
      member.append(rows, (at, from, count) =>
        layTimes(member.values as BigInt64Array, at, baseNs, offsetsNs.subarray(from, from + count), count),
      );
    await layNs(this.#times, timesNs);
    for (const [index, member] of this.#moments.entries()) {
      await layNs(member, momentsOf(timesNs, uncertaintyS, index === 0));
    }
    for (const [index, member] of this.#columns.entries()) {
      const column = columns[index] as Column;
      await member.append(rows, (at, from, count) =>
        (member.values as Column).set(column.subarray(from, from + count), at),
      );
    }
  }

  async finish(): Promise<void> {
    for (const member of [this.#times, ...this.#moments, ...this.#columns]) await member.flush();
    const list = async (name: string, values: BigInt64Array | Float64Array): Promise<void> => {
      if (values.length === 0) return;
      const member = new ArrayMember(this.#zip, `${this.#folder}/${name}`, values.length, values);
      await member.append(values.length, () => undefined);
    };
    await list('gap_rows', BigInt64Array.from(this.#gapRows));
    await list(
      'segment_rows',
      BigInt64Array.from(this.#segments, ({ row }) => row),
    );
    await list(
      'segment_t0_ns',
      BigInt64Array.from(this.#segments, ({ t0Ns }) => t0Ns),
    );
    await list(
      'segment_x0_s',
      Float64Array.from(this.#segments, ({ x0S }) => x0S),
    );
    await list(
      'segment_dt_s',
      Float64Array.from(this.#segments, ({ dtS }) => dtS),
    );
  }
}
