const MAGIC = 0xfd2fb528;

/**
 * Length of the content as the header of a Zstandard frame says it (RFC 8878, 3.1.1.1): 'unsaid' if it does not; undefined if it is no such frame.
 */
export function zstdFrameSize(bytes: Uint8Array): number | 'unsaid' | undefined {
  if (bytes.byteLength < 6) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  // Bytes of the dictionary id: 0, 1, 2 or 4.
  const at = 5 + (isSingleSegment ? 0 : 1) + ((1 << (descriptor & 3)) >> 1);
  const field = descriptor >> 6;
  if (field === 0 && !isSingleSegment) return 'unsaid';
  const bytesOfSize = 1 << field;
  if (at + bytesOfSize > bytes.byteLength) return undefined;
  if (field === 0) return view.getUint8(at);
  if (field === 1) return view.getUint16(at, true) + 256;
  if (field === 2) return view.getUint32(at, true);
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
