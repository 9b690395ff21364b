import type { DiskFile } from './disk.ts';
import { readBytes } from './disk-read.ts';

/** Bytes to read at any place: of a file, or held in memory. */
export interface ByteSource {
  /** Fewer at the end. They start at a multiple of 8 of their buffer if `offset` does; borrowed from memory. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export function fileSource(file: DiskFile): ByteSource {
  return { read: (offset, length) => readBytes(file, offset, length) };
}

/** `bytes` start at a multiple of 8 of their buffer. */
export function memorySource(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  return { read: async (offset, length) => bytes.subarray(offset, offset + length) };
}
