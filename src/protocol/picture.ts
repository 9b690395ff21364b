import type { ByteQueue } from '../core/byte-queue.ts';
import { LabError } from '../core/errors.ts';

/** Longest picture taken: a screen, not a camera. */
export const MAX_PICTURE_BYTES = 32 * 1024 * 1024;

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const BMP = [0x42, 0x4d];
const IEND = 0x49454e44;

/** Whether a picture file without a block around it is at the front: PNG, or BMP as old Siglent scopes send it (SCDP). */
export function startsPicture(queue: ByteQueue): boolean {
  return starts(queue, BMP) || starts(queue, PNG.slice(0, 4));
}

/**
 * Length of the picture at the front, from its own header: BMP says it in its bytes 2 to 5, a PNG ends with its IEND chunk. `undefined`: not enough has
 * come to tell, or not all of the picture. Throws `protocol.malformed` for a length that cannot be, `protocol.too-long`.
 */
export function wholePicture(queue: ByteQueue, maxBytes = MAX_PICTURE_BYTES): number | undefined {
  const length = starts(queue, BMP) ? bmpLength(queue) : pngLength(queue, maxBytes);
  if (length === undefined) return undefined;
  if (length > maxBytes) {
    throw new LabError(
      'protocol.too-long',
      `The instrument sends a picture of ${length} bytes; the limit is ${maxBytes}. Nothing was kept.`,
      { announcedBytes: length },
    );
  }
  return queue.length >= length ? length : undefined;
}

function bmpLength(queue: ByteQueue): number | undefined {
  if (queue.length < 6) return undefined;
  const length = [5, 4, 3, 2].reduce((sum, place) => sum * 256 + (queue.peek(place) ?? 0), 0);
  // The headers alone have 14 and (the oldest kind) 12 bytes; less is no file.
  if (length < 26) {
    throw new LabError(
      'protocol.malformed',
      `The picture says it is ${length} bytes long, which it cannot be. Try again.`,
    );
  }
  return length;
}

/** Walks the chunks (PNG 5.3): length, type, data, CRC. */
function pngLength(queue: ByteQueue, maxBytes: number): number | undefined {
  let at = PNG.length;
  while (at + 8 <= queue.length) {
    const length = number(queue, at);
    const next = at + 12 + length;
    if (number(queue, at + 4) === IEND || next > maxBytes) return next;
    at = next;
  }
  return undefined;
}

function number(queue: ByteQueue, at: number): number {
  return [0, 1, 2, 3].reduce((sum, place) => sum * 256 + (queue.peek(at + place) ?? 0), 0);
}

function starts(queue: ByteQueue, magic: readonly number[]): boolean {
  return magic.every((byte, place) => queue.peek(place) === byte);
}
