import type { OutFile } from './out-file.ts';

const BUFFER_BYTES = 1 << 19;
const encoder = new TextEncoder();

/** A buffer for text on its way to a file. Writers put bytes at `at` and move it; `room` makes sure there is enough space. */
export class TextOut {
  readonly #file: OutFile;
  bytes = new Uint8Array(BUFFER_BYTES);
  at = 0;

  constructor(file: OutFile) {
    this.#file = file;
  }

  /** Whether so many bytes still fit; if not: `flush`. */
  has(bytes: number): boolean {
    return this.at + bytes <= this.bytes.byteLength;
  }

  /** Writes what is there; afterwards there is room for `bytes` at least. */
  async flush(bytes = 0): Promise<void> {
    if (this.at > 0) await this.#file.write(this.bytes.subarray(0, this.at));
    this.at = 0;
    if (bytes > this.bytes.byteLength) this.bytes = new Uint8Array(bytes);
  }

  /** Text of any length. */
  async text(text: string): Promise<void> {
    const encoded = encoder.encode(text);
    if (!this.has(encoded.byteLength)) await this.flush(encoded.byteLength);
    this.put(encoded);
  }

  /** Bytes for which there is room. */
  put(encoded: Uint8Array): void {
    const { bytes } = this;
    let { at } = this;
    // `set` is slower for a few bytes.
    if (encoded.byteLength > 64) {
      bytes.set(encoded, at);
      at += encoded.byteLength;
    } else for (let index = 0; index < encoded.byteLength; index++) bytes[at++] = encoded[index] as number;
    this.at = at;
  }
}
