import { LabError } from '../../core/errors.ts';
import { pythonJson } from './python-json.ts';
import { pythonJsonFault } from './python-json-fault.ts';

/**
 * Binary messages of NeuroGraph (`>BBHI`, big endian): version 1 | type | u16 length of metadata | u32 length of payload | metadata JSON | payload.
 * Bytes behind the payload are ignored, as its own library does. The texts of the faults are that library's.
 */
export const NEUROGRAPH_FRAME_VERSION = 1;
export const NEUROGRAPH_HEADER_BYTES = 8;

const TYPES = ['IMAGE', 'AUDIO', 'VIDEO', 'BINARY_DATA', 'COMPRESSED_JSON'] as const;

export type NeurographMedia = (typeof TYPES)[number];

export interface NeurographFrame {
  type: NeurographMedia;
  /** Any JSON value: an object by custom, but the library takes others. */
  metadata: unknown;
  /** A view of the message. */
  payload: Uint8Array;
}

/** What one binary message is, or why it is none. */
export type NeurographFrameResult = { frame: NeurographFrame } | { fault: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads one binary message; never throws. `readJson` reads the metadata (a tolerant reader where Python's NaN must pass). */
export function parseNeurographFrame(
  bytes: Uint8Array,
  readJson: (text: string) => unknown = JSON.parse,
): NeurographFrameResult {
  if (bytes.length < NEUROGRAPH_HEADER_BYTES) return { fault: 'Binary message too short' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  if (version !== NEUROGRAPH_FRAME_VERSION) return { fault: `Unsupported binary message version: ${version}` };
  const code = view.getUint8(1);
  const type = TYPES[code - 1];
  if (!type) return { fault: `Invalid binary message type: ${code}` };
  const metadataEnd = NEUROGRAPH_HEADER_BYTES + view.getUint16(2);
  if (bytes.length < metadataEnd) return { fault: 'Binary message truncated (metadata)' };
  const payloadEnd = metadataEnd + view.getUint32(4);
  if (bytes.length < payloadEnd) return { fault: 'Binary message truncated (payload)' };
  let metadata: unknown = {};
  if (metadataEnd > NEUROGRAPH_HEADER_BYTES) {
    let text: string | undefined;
    try {
      text = utf8.decode(bytes.subarray(NEUROGRAPH_HEADER_BYTES, metadataEnd));
      metadata = readJson(text);
    } catch (error) {
      const said = text === undefined ? undefined : pythonJsonFault(text);
      return { fault: `Invalid metadata JSON: ${said ?? (error instanceof Error ? error.message : String(error))}` };
    }
  }
  return { frame: { type, metadata, payload: bytes.subarray(metadataEnd, payloadEnd) } };
}

/**
 * One binary message, byte for byte as the library packs it.
 * Throws protocol.too-long when the metadata exceed 65,535 bytes or the payload 4 GiB (the library dies of `'H' format requires 0 <= number <= 65535`).
 */
export function packNeurographFrame(
  type: NeurographMedia,
  metadata: unknown,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(pythonJson(metadata));
  if (text.length > 0xffff || payload.length > 0xffffffff) {
    throw new LabError(
      'protocol.too-long',
      `The description of this ${type} is ${text.length} bytes; a NeuroGraph message holds 65,535. Nothing was sent; shorten it.`,
      { metadataBytes: text.length, payloadBytes: payload.length },
    );
  }
  const bytes = new Uint8Array(NEUROGRAPH_HEADER_BYTES + text.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, NEUROGRAPH_FRAME_VERSION);
  view.setUint8(1, TYPES.indexOf(type) + 1);
  view.setUint16(2, text.length);
  view.setUint32(4, payload.length);
  bytes.set(text, NEUROGRAPH_HEADER_BYTES);
  bytes.set(payload, NEUROGRAPH_HEADER_BYTES + text.length);
  return bytes;
}

/** An IMAGE message; sizes in pixels, unknown ones null. */
export function packImage(image: Uint8Array, format: string, width: number | null, height: number | null): Uint8Array {
  return packNeurographFrame('IMAGE', { format, width, height }, image);
}

/** An AUDIO message; `sampleRate` in Hz. */
export function packAudio(
  audio: Uint8Array,
  format: string,
  sampleRate: number | null,
  channels: number | null,
): Uint8Array {
  return packNeurographFrame('AUDIO', { format, sample_rate: sampleRate, channels }, audio);
}

/** A VIDEO message; sizes in pixels, frames per second. */
export function packVideo(
  video: Uint8Array,
  format: string,
  width: number | null,
  height: number | null,
  fps: number | null,
): Uint8Array {
  return packNeurographFrame('VIDEO', { format, width, height, fps }, video);
}

/** A COMPRESSED_JSON message around `gzipped`, which inflates to `originalBytes`. */
export function packCompressedJson(gzipped: Uint8Array, originalBytes: number): Uint8Array {
  const metadata = { compression: 'gzip', original_size: originalBytes, compressed_size: gzipped.length };
  return packNeurographFrame('COMPRESSED_JSON', metadata, gzipped);
}
