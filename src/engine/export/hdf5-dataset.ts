import type { File, Group } from 'h5wasm/node';

type Hdf5 = typeof import('h5wasm/node');

/** What is handed to the library in one go, and one chunk of a dataset. */
const CHUNK_ROWS = 65_536;
const FEWEST_ROWS = 64;
/** For the chunks of all datasets of a stream. */
const MEMORY_BYTES = 32 << 20;

type Values = Float32Array | Float64Array | BigInt64Array;

/** Rows of a chunk for datasets that will have about so many: a chunk takes its whole room in the file, and one of each is in memory. */
export function chunkRows(rows: number, datasets: number): number {
  let chunk = FEWEST_ROWS;
  while (chunk < rows && chunk < CHUNK_ROWS && chunk * 2 * 8 * datasets <= MEMORY_BYTES) chunk *= 2;
  return chunk;
}

/**
 * A dataset of one dimension that grows: rows are gathered and written a chunk at a time, so only one chunk is in memory.
 * @throws Error of the library when the disk takes nothing more.
 */
export class GrowingDataset {
  readonly path: string;
  readonly #library: Hdf5;
  readonly #file: File;
  readonly #values: Values;
  readonly #bytes: Uint8Array;
  #filled = 0;
  #written = 0;

  constructor(library: Hdf5, file: File, group: Group, name: string, values: Values) {
    this.#library = library;
    this.#file = file;
    this.#values = values;
    this.#bytes = new Uint8Array(values.buffer);
    this.path = `${group.path === '/' ? '' : group.path}/${name}`;
    const dtype = values instanceof BigInt64Array ? '<q' : values instanceof Float64Array ? '<d' : '<f';
    const empty = values.subarray(0, 0);
    group.create_dataset({ name, data: empty, shape: [0], maxshape: [null], chunks: [values.length], dtype });
  }

  /** Rows so far. */
  get rows(): number {
    return this.#written + this.#filled;
  }

  /** Takes `count` rows; `lay` writes those from one on into the buffer from a position on. */
  append(count: number, lay: (values: Values, at: number, from: number, count: number) => void): void {
    for (let from = 0; from < count; ) {
      const fitting = Math.min(count - from, this.#values.length - this.#filled);
      lay(this.#values, this.#filled, from, fitting);
      this.#filled += fitting;
      from += fitting;
      if (this.#filled === this.#values.length) this.flush();
    }
  }

  /** Writes what is gathered. */
  flush(): void {
    const { Module } = this.#library;
    if (this.#filled === 0) return;
    const id = this.#file.file_id;
    const end = this.#written + this.#filled;
    Module.resize_dataset(id, this.path, [BigInt(end)]);
    const bytes = this.#filled * this.#values.BYTES_PER_ELEMENT;
    const pointer = Module._malloc(bytes);
    try {
      Module.HEAPU8.set(this.#bytes.subarray(0, bytes), pointer);
      const [count, offset] = [[BigInt(this.#filled)], [BigInt(this.#written)]];
      const status = Module.set_dataset_data(id, this.path, count, offset, [1n], BigInt(pointer));
      // What the library's own `write_slice` does not look at.
      if (status < 0) throw new Error('the disk took no more of it');
    } finally {
      Module._free(pointer);
    }
    this.#written = end;
    this.#filled = 0;
  }
}
