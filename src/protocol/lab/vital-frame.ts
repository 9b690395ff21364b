import { crc32 } from '../crc.ts';

/**
 * Binary frames of VITAL, big endian: version | type | flags | u32 length of payload | CRC-32 of the payload as sent | (version 3) u64 µs since 1970.
 * 11 bytes in versions 1 and 2, 19 in version 3; the payload is MessagePack, under COMPRESSED zlib around it.
 */
export const VITAL_VERSIONS = [1, 2, 3] as const;
export type VitalVersion = (typeof VITAL_VERSIONS)[number];

export const VITAL_TYPES = {
  ECG_DATA: 0x01,
  ANOMALY_ALERT: 0x02,
  PREDICTION_RESULT: 0x03,
  FEATURE_DATA: 0x04,
  HEARTBEAT: 0x10,
  PING: 0x11,
  PONG: 0x12,
  SUBSCRIBE: 0x20,
  UNSUBSCRIBE: 0x21,
  SUBSCRIPTION_ACK: 0x22,
  VERSION_CHECK: 0xfd,
  PROTOCOL_NEGOTIATION: 0xfe,
  ERROR: 0xff,
} as const;
export type VitalType = keyof typeof VITAL_TYPES;

/** COMPRESSED since version 2, ACK_REQUIRED since version 3. */
export const VITAL_FLAGS = { COMPRESSED: 1, ENCRYPTED: 2, PRIORITY: 4, BROADCAST: 8, ACK_REQUIRED: 16 } as const;

export interface VitalFrame {
  version: VitalVersion;
  type: VitalType;
  flags: number;
  /** As sent; a view of the message. */
  payload: Uint8Array;
  /** µs since 1970; only version 3. */
  timeUs: bigint | undefined;
}

/** A frame, or the number of the fault in VITAL's own list with a word about it. */
export type VitalFrameResult = { frame: VitalFrame } | { fault: string; code: number };

const TYPE_OF = new Map<number, VitalType>(
  Object.entries(VITAL_TYPES).map(([name, code]) => [code, name as VitalType]),
);

/** Length of the header; bytes. */
export function vitalHeaderBytes(version: VitalVersion): number {
  return version === 3 ? 19 : 11;
}

/** Reads one frame; never throws. Longer payloads than `maxPayloadBytes` are refused (0x102). */
export function parseVitalFrame(bytes: Uint8Array, maxPayloadBytes = 1 << 20): VitalFrameResult {
  const version = bytes[0];
  if (version !== 1 && version !== 2 && version !== 3) return { fault: `version ${version ?? 'none'}`, code: 0x100 };
  const header = vitalHeaderBytes(version);
  if (bytes.length < header) return { fault: `${bytes.length} bytes are no header`, code: 0x200 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = TYPE_OF.get(view.getUint8(1));
  if (!type) return { fault: `type 0x${view.getUint8(1).toString(16)}`, code: 0x104 };
  const length = view.getUint32(3);
  if (length > maxPayloadBytes) return { fault: `${length} bytes of payload`, code: 0x102 };
  if (bytes.length !== header + length) return { fault: `${bytes.length - header} of ${length} bytes`, code: 0x200 };
  if (crc32(bytes, header) !== view.getUint32(7)) return { fault: 'checksum', code: 0x101 };
  return {
    frame: {
      version,
      type,
      flags: view.getUint8(2),
      payload: bytes.subarray(header),
      timeUs: version === 3 ? view.getBigUint64(11) : undefined,
    },
  };
}

/** One frame around a payload that is already MessagePack (and zlib, with the flag COMPRESSED). */
export function packVitalFrame(
  version: VitalVersion,
  type: VitalType,
  flags: number,
  payload: Uint8Array,
  timeUs = 0n,
): Uint8Array<ArrayBuffer> {
  const header = vitalHeaderBytes(version);
  const bytes = new Uint8Array(header + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint8(1, VITAL_TYPES[type]);
  view.setUint8(2, flags);
  view.setUint32(3, payload.length);
  view.setUint32(7, crc32(payload));
  if (version === 3) view.setBigUint64(11, timeUs);
  bytes.set(payload, header);
  return bytes;
}

/** What VITAL's error numbers mean. */
export const VITAL_ERRORS: Readonly<Record<number, string>> = {
  256: 'protocol version not supported',
  257: 'checksum wrong',
  258: 'message too large',
  259: 'cannot be inflated',
  260: 'unknown message type',
  512: 'wrong format',
  513: 'missing fields',
  514: 'login needed',
  515: 'not allowed',
  516: 'too many messages',
};
