import type { Batch, Column } from '../../core/batch.ts';
import type { ChannelField } from './exported-channel.ts';
import { writeMoments } from './moments.ts';
import type { StreamCursor } from './stream-cursor.ts';
import type { TableSource } from './table.ts';

/**
 * `nearest`: a row stands for the time up to half way to its neighbours; at a gap and at the ends, for half a step beyond itself.
 * `interpolated`: on the line between two neighbouring rows; never across a gap, never beyond the first and last row.
 */
export type SampleRule = 'nearest' | 'interpolated';

/** What the channels of one stream are at given times. Times must not go back from call to call. */
export class RowSampler {
  readonly #cursor: StreamCursor;
  readonly #source: TableSource;
  readonly #rule: SampleRule;
  /** The row before the one the cursor stands on: values by field, unscaled. */
  readonly #values: Float64Array;
  #timeNs = Number.NEGATIVE_INFINITY;
  #uncertaintyS = Number.NaN;
  #reachNs = 0;
  #hasRow = false;
  /** Nothing is missing between that row and the one the cursor stands on. */
  #isJoined = false;

  constructor(cursor: StreamCursor, source: TableSource, rule: SampleRule) {
    this.#cursor = cursor;
    this.#source = source;
    this.#rule = rule;
    this.#values = new Float64Array(source.fields.length);
  }

  /** The base of all times has moved by so many ns. */
  rebase(shiftNs: number): void {
    this.#timeNs -= shiftNs;
    this.#cursor.rebase(shiftNs);
  }

  /** Writes what the stream's channels are at each time, where it tells anything about it; `present` becomes 1 there. */
  async fill(timesNs: Float64Array, count: number, columns: readonly Column[], present: Uint8Array): Promise<void> {
    const cursor = this.#cursor;
    for (let at = 0; at < count; at++) {
      const timeNs = timesNs[at] as number;
      while (!this.#advance(timeNs)) {
        this.#isJoined = false;
        if (!(await cursor.load())) break;
        this.#isJoined = !cursor.isAfterGap;
      }
      const isTold = this.#rule === 'nearest' ? this.#nearest(timeNs, at, columns) : this.#between(timeNs, at, columns);
      if (isTold) present[at] = 1;
    }
  }

  /** Passes the rows up to a time; false if the batch ends before one later than that. */
  #advance(timeNs: number): boolean {
    const { times, end, batch } = this.#cursor;
    if (!batch) return true;
    let row = this.#cursor.row;
    while (row < end && (times[row] as number) <= timeNs) row++;
    if (row > this.#cursor.row) {
      this.#keep(batch, row - 1);
      this.#cursor.row = row;
    }
    return row < end;
  }

  #keep(batch: Batch, row: number): void {
    const { fields, uncertainty } = this.#source;
    for (let index = 0; index < fields.length; index++) {
      const from = (fields[index] as ChannelField).from;
      this.#values[index] = (batch.columns[from] as Column)[row] as number;
    }
    if (uncertainty >= 0) this.#uncertaintyS = (batch.columns[uncertainty] as Column)[row] as number;
    this.#timeNs = this.#cursor.times[row] as number;
    this.#reachNs = this.#reachOf(batch);
    this.#hasRow = true;
    this.#isJoined = true;
  }

  /** Half the step from row to row. */
  #reachOf({ dtS }: Batch): number {
    const { rateHz } = this.#cursor.stream.info;
    if (dtS > 0) return dtS * 5e8;
    return rateHz > 0 ? 5e8 / rateHz : 0;
  }

  #between(timeNs: number, at: number, columns: readonly Column[]): boolean {
    if (this.#hasRow && this.#timeNs === timeNs) {
      this.#write(at, columns, this.#values.length, (index) => this.#values[index] as number);
      return true;
    }
    const { batch, row } = this.#cursor;
    if (!batch || !this.#hasRow || !this.#isJoined) return false;
    const share = (timeNs - this.#timeNs) / (this.#cursor.timeNs - this.#timeNs);
    const { fields } = this.#source;
    this.#write(at, columns, fields.length, (index) => {
      const from = this.#values[index] as number;
      const to = (batch.columns[(fields[index] as ChannelField).from] as Column)[row] as number;
      // Between a value and an overload nothing is known.
      return Number.isFinite(from) && Number.isFinite(to) ? from + (to - from) * share : Number.NaN;
    });
    return true;
  }

  #nearest(timeNs: number, at: number, columns: readonly Column[]): boolean {
    const { batch, row } = this.#cursor;
    const { fields, uncertainty } = this.#source;
    const behind = this.#hasRow ? timeNs - this.#timeNs : Number.POSITIVE_INFINITY;
    const ahead = batch ? this.#cursor.timeNs - timeNs : Number.POSITIVE_INFINITY;
    let usesBehind = behind <= ahead;
    if (!this.#isJoined) {
      const isBehind = behind <= this.#reachNs;
      const isAhead = batch !== undefined && ahead <= this.#reachOf(batch);
      if (!isBehind && !isAhead) return false;
      usesBehind = isBehind && (usesBehind || !isAhead);
    }
    if (usesBehind || !batch) {
      this.#write(at, columns, fields.length, (index) => this.#values[index] as number);
      this.#writeTimes(at, columns, this.#timeNs, this.#uncertaintyS);
      return true;
    }
    const valueAt = (from: number): number => (batch.columns[from] as Column)[row] as number;
    this.#write(at, columns, fields.length, (index) => valueAt((fields[index] as ChannelField).from));
    if (uncertainty >= 0) this.#writeTimes(at, columns, this.#cursor.timeNs, valueAt(uncertainty));
    return true;
  }

  #write(at: number, columns: readonly Column[], count: number, sample: (index: number) => number): void {
    for (let index = 0; index < count; index++) {
      const { to, gain, offset, isScaled } = this.#source.fields[index] as ChannelField;
      const value = sample(index);
      (columns[to] as Column)[at] = isScaled ? gain * value + offset : value;
    }
  }

  #writeTimes(at: number, columns: readonly Column[], timeNs: number, uncertaintyS: number): void {
    const { timesTo } = this.#source;
    if (timesTo < 0) return;
    writeMoments(columns, timesTo, at, timeNs, uncertaintyS);
  }
}
