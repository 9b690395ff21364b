const LF = 0x0a;
const CR = 0x0d;

/** Lines out of chunks, bounded: a line longer than the limit is thrown away up to its end and shows as `undefined`. */
export class LineInput {
  readonly #buffer: Uint8Array;
  #length = 0;
  #overrun = false;

  constructor(limitBytes = 65_536) {
    this.#buffer = new Uint8Array(limitBytes);
  }

  /** Every line finished by these bytes, without its LF or CR LF. A line is borrowed until the next one is asked for. */
  *push(bytes: Uint8Array): Generator<Uint8Array | undefined> {
    let start = 0;
    while (start < bytes.length) {
      const end = bytes.indexOf(LF, start);
      const stop = end < 0 ? bytes.length : end;
      this.#keep(bytes.subarray(start, stop));
      if (end < 0) return;
      start = end + 1;
      const overrun = this.#overrun;
      let length = this.#length;
      this.#overrun = false;
      this.#length = 0;
      if (length > 0 && this.#buffer[length - 1] === CR) length--;
      yield overrun ? undefined : this.#buffer.subarray(0, length);
    }
  }

  #keep(piece: Uint8Array): void {
    if (this.#overrun) return;
    if (this.#length + piece.length > this.#buffer.length) {
      this.#overrun = true;
      return;
    }
    this.#buffer.set(piece, this.#length);
    this.#length += piece.length;
  }
}
