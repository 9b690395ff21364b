import { crc32 } from '../crc.ts';

/** Checksums of Serial Studio's frames, by the names its projects use. */
export const CHECKSUMS = [
  'none',
  'xor-8',
  'mod-256',
  'crc-8',
  'crc-16',
  'crc-16-modbus',
  'crc-16-ccitt',
  'crc-32',
  'fletcher-16',
  'adler-32',
] as const;
export type ChecksumName = (typeof CHECKSUMS)[number];

interface Checksum {
  sizeBytes: number;
  of(bytes: Uint8Array): number;
}

/** Each over the payload between the marks, stored big endian. Check values in the test are those of "123456789". */
const ALGORITHMS: Record<ChecksumName, Checksum> = {
  none: { sizeBytes: 0, of: () => 0 },
  'xor-8': { sizeBytes: 1, of: (bytes) => bytes.reduce((sum, byte) => sum ^ byte, 0) },
  'mod-256': { sizeBytes: 1, of: (bytes) => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0) },
  /** Polynomial 0x31, start 0xFF (MAXIM's polynomial, not reflected). */
  'crc-8': { sizeBytes: 1, of: (bytes) => shiftLeft(bytes, 8, 0x31, 0xff) },
  /** ARC: polynomial 0x8005 reflected, start 0. */
  'crc-16': { sizeBytes: 2, of: (bytes) => shiftRight16(bytes, 0xa001, 0) },
  'crc-16-modbus': { sizeBytes: 2, of: (bytes) => shiftRight16(bytes, 0xa001, 0xffff) },
  /** Polynomial 0x1021, start 0xFFFF. */
  'crc-16-ccitt': { sizeBytes: 2, of: (bytes) => shiftLeft(bytes, 16, 0x1021, 0xffff) },
  'crc-32': { sizeBytes: 4, of: (bytes) => crc32(bytes) },
  'fletcher-16': { sizeBytes: 2, of: (bytes) => twoSums(bytes, 255, 0, 8) },
  /** RFC 1950 8. */
  'adler-32': { sizeBytes: 4, of: (bytes) => twoSums(bytes, 65_521, 1, 16) },
};

/** Bytes a checksum takes behind the frame. */
export function checksumSize(name: ChecksumName): number {
  return ALGORITHMS[name].sizeBytes;
}

/** Whether `stored`, as long as `checksumSize` says, is the checksum of the payload. */
export function isChecksumRight(name: ChecksumName, payload: Uint8Array, stored: Uint8Array): boolean {
  return checksumOf(name, payload).every((byte, index) => byte === stored[index]);
}

/** The checksum of a payload as its bytes, big endian. */
export function checksumOf(name: ChecksumName, payload: Uint8Array): Uint8Array {
  const { sizeBytes, of } = ALGORITHMS[name];
  const value = of(payload) >>> 0;
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (value >>> (8 * (sizeBytes - 1 - index))) & 0xff);
}

function shiftLeft(bytes: Uint8Array, width: number, polynomial: number, start: number): number {
  const top = 1 << (width - 1);
  const mask = 2 ** width - 1;
  let crc = start;
  for (const byte of bytes) {
    crc ^= byte << (width - 8);
    for (let bit = 0; bit < 8; bit++) crc = (crc & top ? (crc << 1) ^ polynomial : crc << 1) & mask;
  }
  return crc;
}

function shiftRight16(bytes: Uint8Array, polynomial: number, start: number): number {
  let crc = start;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  }
  return crc;
}

function twoSums(bytes: Uint8Array, modulus: number, start: number, shift: number): number {
  let a = start;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % modulus;
    b = (b + a) % modulus;
  }
  return b * 2 ** shift + a;
}
