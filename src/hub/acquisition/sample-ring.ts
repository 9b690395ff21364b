/** Rows of numbers with their times, in memory of fixed size: the newest `capacity` stay. */
export class SampleRing {
  readonly capacity: number;
  readonly #times: BigInt64Array;
  readonly #columns: Float64Array[];
  #total = 0;

  constructor(channels: number, capacity: number) {
    this.capacity = capacity;
    this.#times = new BigInt64Array(capacity);
    this.#columns = Array.from({ length: channels }, () => new Float64Array(capacity));
  }

  /** Bytes a ring of this size takes. */
  static bytes(channels: number, capacity: number): number {
    return (channels + 1) * capacity * 8;
  }

  /** Rows that ever came. */
  get total(): number {
    return this.#total;
  }

  /** Rows kept. */
  get length(): number {
    return Math.min(this.#total, this.capacity);
  }

  push(timeNs: bigint, values: Float64Array): void {
    const at = this.#total % this.capacity;
    this.#times[at] = timeNs;
    this.#columns.forEach((column, index) => {
      column[at] = values[index] ?? Number.NaN;
    });
    this.#total++;
  }

  clear(): void {
    this.#total = 0;
  }

  /** Times of the newest `count` rows, oldest first. */
  times(count: number): bigint[] {
    return this.#indices(count).map((at) => this.#times[at] ?? 0n);
  }

  /** A column of the newest `count` rows, oldest first; NaN: missing. */
  column(index: number, count: number): Float64Array {
    const column = this.#columns[index];
    return Float64Array.from(this.#indices(count), (at) => column?.[at] ?? Number.NaN);
  }

  #indices(count: number): number[] {
    const rows = Math.max(0, Math.min(Math.floor(count), this.length));
    return Array.from({ length: rows }, (_, index) => (this.#total - rows + index) % this.capacity);
  }
}
