import { fromScpiNumber } from '../../core/units.ts';
import { TextLineDecoder } from '../../protocol/text-line-decoder.ts';
import { ArrivalTimes } from './arrival-times.ts';
import type { StreamOutlet } from './driver.ts';
import type { FreeReader } from './free-stream.ts';
import { streamColumns } from './stream-columns.ts';

/** So many lines of another form in a row, and none of the old one between them: the device was flashed anew. */
const NEW_FORM_AFTER = 20;

/** Lines of numbers (Arduino plotter, CSV) to a stream of rows; names from labels, from a header line, or from the person. */
export class LineReader implements FreeReader {
  readonly #outlet: StreamOutlet;
  readonly #format: { columns: readonly string[]; units: readonly string[] };
  readonly #times = new ArrivalTimes();
  #decoder: TextLineDecoder;
  #names: readonly string[] = [];
  #width = 0;
  #arrivedNs = 0n;
  #before = 0;
  /** Bad lines at the last good one. */
  #badAtRow = 0;

  constructor(outlet: StreamOutlet, format: { columns: readonly string[]; units: readonly string[] }) {
    this.#outlet = outlet;
    this.#format = format;
    this.#decoder = this.#createDecoder(true);
  }

  get malformed(): number {
    return this.#before + this.#decoder.malformed;
  }

  push(bytes: Uint8Array, arrivedNs: bigint): void {
    this.#arrivedNs = arrivedNs;
    this.#times.arrived(arrivedNs);
    this.#decoder.push(bytes);
    if (this.malformed - this.#badAtRow < NEW_FORM_AFTER) return;
    this.#before = this.malformed;
    this.#badAtRow = this.#before;
    this.#names = [];
    this.#width = 0;
    this.#decoder = this.#createDecoder(true);
  }

  #createDecoder(dropsFirst: boolean): TextLineDecoder {
    return new TextLineDecoder({
      dropsFirst,
      sink: {
        rows: (columns, rows) => this.#rows(columns, rows),
        names: (names) => {
          this.#names = names;
        },
      },
    });
  }

  #rows(columns: Float64Array[], rows: number): void {
    this.#badAtRow = this.malformed;
    if (columns.length !== this.#width) {
      this.#width = columns.length;
      const named = this.#names.length === this.#width ? this.#names : [];
      const names = this.#format.columns.length > 0 ? this.#format.columns : named;
      const info = streamColumns(this.#width, names, this.#format.units);
      this.#outlet.opened({ stream: 'lines', columns: info, rateHz: 0, float64: true });
    }
    for (const column of columns)
      for (let row = 0; row < rows; row++) column[row] = fromScpiNumber(column[row] ?? Number.NaN);
    this.#outlet.rows({
      stream: 'lines',
      columns,
      rows,
      lost: 0,
      arrivedNs: this.#arrivedNs,
      ...this.#times.timesOf(rows),
    });
  }
}
