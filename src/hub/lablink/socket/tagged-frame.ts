import type { LablinkSettings } from '../../../contract/lablink-settings.ts';
import { compressBytes } from '../../compression/deflate.ts';
import type { SocketCompression } from '../../ws-settings.ts';

/** Saving less is not worth a client's time. */
const LEAST_SAVED = 0.1;
const TAGS = { gzip: 0x67, zlib: 0x7a } as const;

/** Told of each compressed message: bytes before and after. */
export type Counted = (rawBytes: number, wireBytes: number) => void;

/**
 * A message as it goes on the wire: text, or one byte (`g`, `z`) and the compressed text where that is chosen, allowed, and worth it. A promise for long ones.
 */
export function encodeTagged(
  text: string,
  kind: SocketCompression,
  settings: LablinkSettings['compression'],
  counted: Counted,
): string | Uint8Array | Promise<string | Uint8Array> {
  if (kind === 'none' || !settings.isEnabled) return text;
  const raw = Buffer.from(text);
  if (raw.length < settings.thresholdBytes) return text;
  const finish = (packed: Uint8Array): string | Uint8Array => {
    if (packed.length + 1 > raw.length * (1 - LEAST_SAVED)) return text;
    const frame = new Uint8Array(packed.length + 1);
    frame[0] = TAGS[kind];
    frame.set(packed, 1);
    counted(raw.length, frame.length);
    return frame;
  };
  const packed = compressBytes(kind, settings.level, raw);
  return packed instanceof Promise ? packed.then(finish) : finish(packed);
}
