import type { DiskFile } from './disk.ts';

/** Reads `length` bytes at `position` into a buffer of its own; fewer at the end of the file. */
export async function readBytes(file: DiskFile, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const read = await file.read(bytes.subarray(filled), position + filled);
    if (read <= 0) return bytes.subarray(0, filled);
    filled += read;
  }
  return bytes;
}

/** Reads forward through a file in windows: headers with large bodies between them, or many small records. */
export class ForwardReader {
  readonly #file: DiskFile;
  readonly #windowBytes: number;
  #window: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #start = 0;

  constructor(file: DiskFile, windowBytes = 65_536) {
    this.#file = file;
    this.#windowBytes = windowBytes;
  }

  /** A view of `length` bytes at `position`, good until the next call; shorter at the end of the file. */
  async view(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const from = position - this.#start;
    if (from < 0 || from + length > this.#window.byteLength) {
      this.#window = await readBytes(this.#file, position, Math.max(length, this.#windowBytes));
      this.#start = position;
    }
    const offset = position - this.#start;
    return this.#window.subarray(offset, offset + length);
  }
}

/** u64 as a number; Infinity if it is no safe integer, so that every comparison with a file size fails. */
export function uint64At(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  const value = view.getUint32(4, true) * 0x1_0000_0000 + view.getUint32(0, true);
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
}
