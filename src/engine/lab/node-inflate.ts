import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { LabError } from '../../core/errors.ts';
import type { Inflate } from '../../lab/ports.ts';

type Sync = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Inflating by zlib, never further than the limit: a bomb ends there. */
export function createInflate(): Inflate {
  return {
    gunzip: (bytes, maxBytes) => inflated(gunzipSync, bytes, maxBytes),
    unzlib: (bytes, maxBytes) => inflated(inflateSync, bytes, maxBytes),
    inflate: (bytes, maxBytes) => inflated(inflateRawSync, bytes, maxBytes),
  };
}

function inflated(sync: Sync, bytes: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return sync(bytes, { maxOutputLength: Math.max(1, maxBytes) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new LabError(
        'protocol.too-long',
        `A compressed message inflates to more than ${maxBytes} bytes. It was left out.`,
        {},
        { cause },
      );
    throw new LabError(
      'protocol.malformed',
      'A compressed message cannot be inflated. It was left out.',
      {},
      { cause },
    );
  }
}
