import type { DiskFile } from './disk.ts';
import { readBytes } from './disk-read.ts';
import { fileView } from './file-view.ts';

/** Chunks of slow streams are a few KiB, a hundred of them in one window. */
const WINDOW_BYTES = 512 << 10;

/**
 * A file read mostly forwards in small pieces with little between them: reads ahead, so that most pieces cost no call of the system. Pieces that
 * are large or lie elsewhere are read as they are.
 */
export function readAhead(file: DiskFile): DiskFile {
  const window = new Window(file);
  return fileView(file, { read: (target, position) => window.read(target, position) });
}

class Window {
  readonly #file: DiskFile;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  /** Where the last piece ended. */
  #last = -WINDOW_BYTES;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const isAhead = position >= this.#last && position - this.#last < WINDOW_BYTES / 8;
    this.#last = position + target.byteLength;
    const held = this.#copy(target, position);
    if (held > 0) return held;
    if (!isAhead || target.byteLength > WINDOW_BYTES / 4) return this.#file.read(target, position);
    const bytes = await readBytes(this.#file, position, WINDOW_BYTES);
    this.#bytes = bytes;
    this.#start = position;
    const part = bytes.subarray(0, target.byteLength);
    target.set(part);
    return part.byteLength;
  }

  /** Bytes of the window copied; 0 if it does not hold the first. */
  #copy(target: Uint8Array, position: number): number {
    const from = position - this.#start;
    if (from < 0 || from >= this.#bytes.byteLength) return 0;
    const part = this.#bytes.subarray(from, from + target.byteLength);
    target.set(part);
    return part.byteLength;
  }
}
