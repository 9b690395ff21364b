import { type ChunkCodec, NoSuchFrame } from './chunk-codec.ts';

/**
 * The content of a frame that must be `size` bytes long; a word that says why, if the frame is torn. Whether the frame or the library is at fault when unpacking
 * fails is seen at a frame made here, as large and as dense: what is whole must not be taken for torn because memory was short.
 * @throws Error of the library: it cannot unpack so much here, whatever the frame.
 */
export async function unpackFrame(
  codec: ChunkCodec,
  frame: Uint8Array,
  size: number,
): Promise<Uint8Array<ArrayBuffer> | string> {
  try {
    return await codec.unpack(frame, size);
  } catch (error) {
    if (error instanceof NoSuchFrame) return error.message;
  }
  const sample = new Uint8Array(size);
  sample.set(frame.subarray(0, size));
  await codec.unpack(await codec.pack(sample), size);
  // It works now: perhaps it only did not before.
  return codec.unpack(frame, size).catch((error: unknown) => (error instanceof Error ? error.message : 'compression'));
}
