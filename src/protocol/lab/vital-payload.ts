import { decode, encode } from '@msgpack/msgpack';

/** Depth of nesting beyond which a payload is refused; nothing of VITAL nests more than three. */
const MAX_DEPTH = 16;

/**
 * One MessagePack value (a payload of VITAL); undefined for bytes that are none, have more behind it or nest too deep.
 * Arrays and texts cannot claim more than the bytes they came in, so a lying header costs no memory.
 */
export function parseMessagePack(bytes: Uint8Array): unknown {
  const limit = bytes.length;
  try {
    const value = decode(bytes, {
      maxArrayLength: limit,
      maxMapLength: limit,
      maxStrLength: limit,
      maxBinLength: limit,
      maxExtLength: limit,
    });
    return isShallow(value, MAX_DEPTH) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** MessagePack of a plain value. Numbers with a fraction are float64. */
export function packMessagePack(value: unknown): Uint8Array<ArrayBuffer> {
  return encode(value, { ignoreUndefined: true });
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return true;
  if (depth === 0) return false;
  if (Array.isArray(value) && typeof value[0] === 'number') return true;
  for (const item of Object.values(value)) if (!isShallow(item, depth - 1)) return false;
  return true;
}
