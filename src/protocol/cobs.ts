/**
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, IEEE/ACM ToN 7(2), 1999): bytes without a zero among them, so that a
 * zero can end the frame. A group is a code n and n-1 bytes that are not zero; unless n is 255 (or it is the last group) a zero follows.
 */

/** Most bytes a frame of `length` can grow to, without its 0x00. */
export function cobsBound(length: number): number {
  return length + 1 + Math.floor(length / 254);
}

/** Encodes `source[0, length)` to `target` from `at` on, without the 0x00 that ends it; gives the end. `target` must have room for cobsBound. */
export function encodeCobs(source: Uint8Array, length: number, target: Uint8Array, at = 0): number {
  let codeAt = at;
  let write = at + 1;
  let code = 1;
  for (let read = 0; read < length; read++) {
    const byte = source[read] as number;
    if (byte !== 0) {
      target[write++] = byte;
      code++;
      if (code < 255) continue;
      // A full group implies no zero; at the very end of the message no empty group is needed after it.
      if (read + 1 === length) break;
    }
    target[codeAt] = code;
    codeAt = write++;
    code = 1;
  }
  target[codeAt] = code;
  return write;
}

/**
 * Decodes the frame `source[start, end)` (without its 0x00) to the front of `target`; gives the length, or -1 if it is no frame or does not fit.
 * `target` may be `source` itself with `start` ≥ 0: what is written never overtakes what is read.
 */
export function decodeCobs(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let read = start;
  let write = 0;
  if (end - start > target.length + 2 + ((target.length / 254) | 0)) return -1;
  while (read < end) {
    const code = source[read++] as number;
    const stop = read + code - 1;
    if (code === 0 || stop > end) return -1;
    while (read < stop) {
      const byte = source[read++] as number;
      if (byte === 0) return -1;
      target[write++] = byte;
    }
    if (code < 255 && read < end) target[write++] = 0;
  }
  return write > target.length ? -1 : write;
}
