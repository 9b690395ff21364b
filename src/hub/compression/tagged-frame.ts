import type { Compressed } from './compression-rule.ts';

/** First byte of a frame of the enhanced LabLink socket. */
const TAG_OF = { gzip: 0x67, zlib: 0x7a };

/**
 * A LabLink message: `g` or `z` and the compressed UTF-8 text; what is not compressed stays text. Its clients know no other kind.
 */
export function tagFrame(text: string, { kind, bytes }: Compressed): string | Uint8Array {
  if (kind !== 'gzip' && kind !== 'zlib') return text;
  const frame = new Uint8Array(bytes.length + 1);
  frame[0] = TAG_OF[kind];
  frame.set(bytes, 1);
  return frame;
}
