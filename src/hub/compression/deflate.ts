import {
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzip,
  gzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';
import { LabError } from '../../core/errors.ts';
import {
  type CompressionKind,
  INFLATE_LIMITS,
  type InflateLimits,
  type Inflater,
  inflateGuarded,
} from '../../protocol/lab/compression.ts';

/** Up to so many bytes are deflated at once (0.7 ms at level 6); larger ones in a thread, so that no other connection waits. */
export const INLINE_BYTES = 16 * 1024;

/** Ends the connection: a message became too long (RFC 6455 7.4.1). */
export const CLOSE_TOO_LONG = 1009;

const OF_KIND = {
  gzip: { now: gzipSync, later: gzip },
  zlib: { now: deflateSync, later: deflate },
  deflate: { now: deflateRawSync, later: deflateRaw },
};

/** `level` 1–9. Small bytes are compressed at once, larger ones give a promise. */
export function compressBytes(
  kind: CompressionKind,
  level: number,
  bytes: Uint8Array,
  inlineBytes = INLINE_BYTES,
): Uint8Array | Promise<Uint8Array> {
  const { now, later } = OF_KIND[kind];
  if (bytes.length <= inlineBytes) return now(bytes, { level });
  return new Promise((resolve, reject) => {
    later(bytes, { level }, (error, done) => (error ? reject(error) : resolve(done)));
  });
}

/** Inflates what clients send, never more than is asked for. Throws protocol.too-long or protocol.malformed. */
export const NODE_INFLATER: Inflater = {
  gunzip: (bytes, maxBytes) => inflated(() => gunzipSync(bytes, { maxOutputLength: maxBytes }), bytes, maxBytes),
  unzlib: (bytes, maxBytes) => inflated(() => inflateSync(bytes, { maxOutputLength: maxBytes }), bytes, maxBytes),
  inflate: (bytes, maxBytes) => inflated(() => inflateRawSync(bytes, { maxOutputLength: maxBytes }), bytes, maxBytes),
};

/**
 * What a client sent, inflated within 16 MiB and 200 : 1. Throws protocol.too-long (close with CLOSE_TOO_LONG) and protocol.malformed (answer with an error).
 */
export function inflateInbound(
  kind: CompressionKind,
  bytes: Uint8Array,
  limits: InflateLimits = INFLATE_LIMITS,
): Uint8Array {
  return inflateGuarded(NODE_INFLATER, kind, bytes, limits);
}

function inflated(run: () => Uint8Array, bytes: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return run();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new LabError(
        'protocol.too-long',
        `A compressed message of ${bytes.length} bytes would become more than ${maxBytes} bytes. It was not read, and the connection is closed; send less at once.`,
        { bytes: bytes.length, maxBytes },
        { cause },
      );
    throw new LabError(
      'protocol.malformed',
      `A compressed message of ${bytes.length} bytes cannot be read. It was left out; compress it as it was agreed.`,
      { bytes: bytes.length },
      { cause },
    );
  }
}
