import { constants, createGzip } from 'node:zlib';

/** One gzip member, piece by piece. */
export class GzipPacker {
  readonly #gzip = createGzip({ level: 6 });
  #packed: Uint8Array[] = [];

  constructor() {
    this.#gzip.on('data', (bytes: Buffer) => this.#packed.push(bytes));
  }

  /** What the pieces became; all of it. */
  async pack(pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
    for (const piece of pieces) this.#gzip.write(piece);
    await new Promise<void>((resolve) => this.#gzip.flush(constants.Z_SYNC_FLUSH, resolve));
    return this.#take();
  }

  /** The end. */
  async end(): Promise<Uint8Array[]> {
    await new Promise<void>((resolve) => this.#gzip.once('end', resolve).end());
    return this.#take();
  }

  #take(): Uint8Array[] {
    const packed = this.#packed;
    this.#packed = [];
    return packed;
  }
}
