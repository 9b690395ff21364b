import { LabError } from '../../core/errors.ts';

/** What really inflates; the host brings it (see `Inflate` of the lab ports, which fits). */
export interface Inflater {
  gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array;
  unzlib(bytes: Uint8Array, maxBytes: number): Uint8Array;
  inflate(bytes: Uint8Array, maxBytes: number): Uint8Array;
}

/** `deflate` is raw (RFC 1951), `zlib` RFC 1950, `gzip` RFC 1952. */
export type CompressionKind = 'gzip' | 'zlib' | 'deflate';

/** Guards of inflating: a small message must not become the memory of the machine. */
export interface InflateLimits {
  maxBytes: number;
  /** Times its compressed length. */
  maxRatio: number;
  /** Below this many bytes the ratio is not asked: a short repetitive text may shrink a lot. */
  freeBytes: number;
}

export const INFLATE_LIMITS: InflateLimits = { maxBytes: 16 * 1024 * 1024, maxRatio: 200, freeBytes: 64 * 1024 };

/**
 * Inflates under guards.
 *
 * Throws protocol.too-long when the result would pass them (a deflate bomb, or simply too much), protocol.malformed for bytes that are none of that kind.
 */
export function inflateGuarded(
  inflater: Inflater,
  kind: CompressionKind,
  bytes: Uint8Array,
  limits: InflateLimits = INFLATE_LIMITS,
): Uint8Array {
  const cap = Math.min(limits.maxBytes, Math.max(limits.freeBytes, bytes.length * limits.maxRatio));
  const plain = inflateKind(inflater, kind, bytes, cap);
  if (plain.length <= cap) return plain;
  throw new LabError(
    'protocol.too-long',
    `A compressed message of ${bytes.length} bytes would become more than ${cap} bytes. It was left out; nothing was measured from it.`,
  );
}

function inflateKind(inflater: Inflater, kind: CompressionKind, bytes: Uint8Array, cap: number): Uint8Array {
  switch (kind) {
    case 'gzip':
      return inflater.gunzip(bytes, cap);
    case 'zlib':
      return inflater.unzlib(bytes, cap);
    case 'deflate':
      return inflater.inflate(bytes, cap);
  }
}

/** First byte of a tagged frame: the first letter of the kind. */
const TAGS = new Map<number, CompressionKind>([
  [0x67, 'gzip'],
  [0x7a, 'zlib'],
]);

/**
 * Opens a frame of the enhanced LabLink socket: one byte (`g` or `z`) and compressed UTF-8 text.
 *
 * Throws protocol.malformed for another tag or bytes that are none, protocol.too-long past the guards.
 */
export function openTagged(inflater: Inflater, frame: Uint8Array, limits: InflateLimits = INFLATE_LIMITS): string {
  const kind = TAGS.get(frame[0] ?? -1);
  if (kind === undefined)
    throw new LabError(
      'protocol.malformed',
      `A binary message begins with byte ${frame[0] ?? 'none'}, which is no known compression. It was left out.`,
    );
  const plain = inflateGuarded(inflater, kind, frame.subarray(1), limits);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (cause) {
    throw new LabError(
      'protocol.malformed',
      'A compressed message holds no UTF-8 text. It was left out.',
      {},
      { cause },
    );
  }
}
