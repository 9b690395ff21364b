import * as zlib from 'node:zlib';
import { lz4FrameBound } from './lz4-frame.ts';
import { zstdFrameSize } from './zstd-frame.ts';

/** How the records of a chunk are packed: one frame of the format that MCAP calls by this name. */
export interface ChunkCodec {
  readonly name: 'lz4' | 'zstd';
  /** The bytes as one frame. Borrows them until it settles. */
  pack(bytes: Uint8Array): Promise<Uint8Array>;
  /**
   * The content of a frame that must be `size` bytes long. It never takes much more memory than that.
   * @throws NoSuchFrame: it is none, as its own headers or its content say. Any other Error: it is torn, or the library failed.
   */
  unpack(bytes: Uint8Array, size: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** What should be a frame is none, whoever looks at it. */
export class NoSuchFrame extends Error {}

/** More than this is neither packed nor unpacked at once: our chunks are about 1 MiB plus one batch. */
export const MAX_UNPACKED_BYTES = 256 << 20;
/** Blocks that are not full make the bound of a frame larger than its content. */
const LZ4_SLACK_BYTES = 64 << 20;
/** 1: eight times on text for a fraction of the time of higher levels; noisy samples pack no better with any. */
const ZSTD_LEVEL = 1;

/** The codec of an MCAP compression name; undefined if it is none of ours, or its library does not load here. */
export async function openCodec(name: string): Promise<ChunkCodec | undefined> {
  try {
    if (name === 'lz4') return await openLz4();
    if (name === 'zstd') return nativeZstd ?? (await openPortableZstd());
  } catch {
    // A platform its library was not built for.
  }
  return undefined;
}

let lz4: Promise<ChunkCodec> | undefined;

function openLz4(): Promise<ChunkCodec> {
  lz4 ??= import('lz4-napi').then(({ compressFrame, decompressFrame }) => ({
    name: 'lz4',
    pack: (bytes) => compressFrame(bytes),
    async unpack(bytes, size) {
      const bound = lz4FrameBound(bytes);
      if (bound === undefined || bound < size || bound > size + LZ4_SLACK_BYTES)
        throw new NoSuchFrame('no such LZ4 frame');
      return checked(await decompressFrame(bytes), size);
    },
  }));
  return lz4;
}

/** Zstandard of Node itself, where it has it (22.15): on its threads, so the engine goes on meanwhile. */
const nativeZstd: ChunkCodec | undefined = 'zstdCompress' in zlib ? createNativeZstd(zlib) : undefined;

function createNativeZstd({ zstdCompress, zstdDecompress, constants }: typeof zlib): ChunkCodec {
  return {
    name: 'zstd',
    pack: (bytes) =>
      new Promise((resolve, reject) => {
        const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
        zstdCompress(bytes, { params, pledgedSrcSize: bytes.byteLength }, (error, packed) =>
          error ? reject(error) : resolve(packed),
        );
      }),
    unpack: (bytes, size) =>
      new Promise((resolve, reject) => {
        checkZstd(bytes, size);
        zstdDecompress(bytes, { maxOutputLength: Math.max(1, size) }, (error, unpacked) =>
          error ? reject(error) : resolve(checked(unpacked, size)),
        );
      }),
  };
}

let portable: Promise<ChunkCodec> | undefined;

/** The same in WebAssembly, for older Node: it works on the thread that calls. It must be initialized once in a process, so by nobody else. */
function openPortableZstd(): Promise<ChunkCodec> {
  portable ??= import('@bokuweb/zstd-wasm').then(async ({ init, compress, decompress }) => {
    await init();
    return {
      name: 'zstd',
      pack: async (bytes) => compress(bytes, ZSTD_LEVEL),
      async unpack(bytes, size) {
        checkZstd(bytes, size);
        return checked(decompress(bytes, { defaultHeapSize: Math.max(1, size) }), size);
      },
    };
  });
  return portable;
}

function checkZstd(bytes: Uint8Array, size: number): void {
  const said = zstdFrameSize(bytes);
  if (said !== 'unsaid' && said !== size) throw new NoSuchFrame('no such Zstandard frame');
}

function checked(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength !== size) throw new NoSuchFrame('the content is not as long as it says');
  // No Buffer: its `slice` does not copy.
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
