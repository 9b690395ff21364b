import { type FieldOptions, frameFields } from '../../protocol/stream/frame-fields.ts';
import { type FrameOptions, FrameSplitter } from '../../protocol/stream/frame-splitter.ts';
import { ArrivalTimes } from './arrival-times.ts';
import type { StreamOutlet } from './driver.ts';
import type { FreeReader } from './free-stream.ts';
import { streamColumns } from './stream-columns.ts';

export type FrameFormat = Omit<FrameOptions, 'onFrame'> &
  FieldOptions & { columns: readonly string[]; units: readonly string[] };

/** Frames handed on at once. */
const MAX_ROWS = 4096;

/** Frames of Serial Studio's kind to a stream of rows. All frames have as many fields as the first good one. */
export class FrameReader implements FreeReader {
  readonly #outlet: StreamOutlet;
  readonly #format: FrameFormat;
  readonly #splitter: FrameSplitter;
  readonly #times = new ArrivalTimes();
  #columns: Float64Array[] = [];
  #rows = 0;
  #badFields = 0;
  #arrivedNs = 0n;

  constructor(outlet: StreamOutlet, format: FrameFormat) {
    this.#outlet = outlet;
    this.#format = format;
    this.#splitter = new FrameSplitter({ ...format, onFrame: (payload) => this.#frame(payload) });
  }

  get malformed(): number {
    return this.#splitter.malformed + this.#badFields;
  }

  push(bytes: Uint8Array, arrivedNs: bigint): void {
    this.#arrivedNs = arrivedNs;
    this.#times.arrived(arrivedNs);
    this.#splitter.push(bytes);
    this.#flush();
  }

  #frame(payload: Uint8Array): void {
    const values = frameFields(payload, this.#format);
    const wanted = this.#columns.length || this.#format.layout?.length || values?.length;
    if (!values || values.length !== wanted) {
      this.#badFields++;
      return;
    }
    if (this.#columns.length === 0) {
      this.#columns = values.map(() => new Float64Array(MAX_ROWS));
      const columns = streamColumns(values.length, this.#format.columns, this.#format.units);
      this.#outlet.opened({ stream: 'frames', columns, rateHz: 0, float64: true });
    }
    for (const [index, value] of values.entries()) (this.#columns[index] ?? [])[this.#rows] = value;
    if (++this.#rows === MAX_ROWS) this.#flush();
  }

  #flush(): void {
    const rows = this.#rows;
    if (rows === 0) return;
    this.#rows = 0;
    const columns = this.#columns.map((column) => column.subarray(0, rows));
    this.#outlet.rows({
      stream: 'frames',
      columns,
      rows,
      lost: 0,
      arrivedNs: this.#arrivedNs,
      ...this.#times.timesOf(rows),
    });
  }
}
