/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
const MAGIC = 0x184d2204;
/** A sequence of a block grows at most so much: 255 bytes of match for each byte of length. */
const MAX_GROWTH = 255;

/**
 * How long the content of an LZ4 frame can be at most, from the headers of its blocks alone; undefined if it is no frame of version 1. The decoder
 * trusts what it is given: a few KiB could fill the memory.
 */
export function lz4FrameBound(bytes: Uint8Array): number | undefined {
  if (bytes.byteLength < 11) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint8(4);
  const blockSize = (view.getUint8(5) >> 4) & 7;
  if (view.getUint32(0, true) !== MAGIC || flags >> 6 !== 1 || blockSize < 4) return undefined;
  // 4: 64 KiB, 5: 256 KiB, 6: 1 MiB, 7: 4 MiB.
  const maxBlock = 1 << (8 + 2 * blockSize);
  const hasBlockChecksum = (flags & 0x10) !== 0;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let bound = 0;
  while (at + 4 <= bytes.byteLength) {
    const size = view.getUint32(at, true);
    if (size === 0) return bound;
    const isPlain = size >>> 31 === 1;
    const length = size & 0x7fff_ffff;
    at += 4 + length + (hasBlockChecksum ? 4 : 0);
    if (length > maxBlock || at > bytes.byteLength) return undefined;
    bound += isPlain ? length : Math.min(maxBlock, length * MAX_GROWTH);
  }
  return undefined;
}
