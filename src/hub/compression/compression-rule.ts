import type { CompressionKind } from '../../protocol/lab/compression.ts';

/** What a message holds, for the choice of how it is compressed. */
export type DataType = 'text' | 'json' | 'binary' | 'other';

/** What a client may choose; `deflate` is raw. */
export const COMPRESSION_KINDS = ['none', 'gzip', 'zlib', 'deflate'] as const;
export type CompressionChoice = (typeof COMPRESSION_KINDS)[number];

export interface CompressionRule {
  kind: CompressionKind;
  /** 1–9. */
  level: number;
  /** From so many bytes on it is tried. */
  thresholdBytes: number;
}

/** NeuroGraph's adaptive compressor; `other` is its default and VITAL's. */
export const COMPRESSION_RULES: Readonly<Record<DataType, CompressionRule>> = {
  text: { kind: 'gzip', level: 6, thresholdBytes: 512 },
  json: { kind: 'zlib', level: 5, thresholdBytes: 1024 },
  binary: { kind: 'zlib', level: 4, thresholdBytes: 2048 },
  other: { kind: 'gzip', level: 6, thresholdBytes: 1024 },
};

/** RFC 7692 parameters offered to clients, both directions; a 4 KiB window. */
export const DEFLATE_WINDOW_BITS = 12;
export const DEFLATE_MEM_LEVEL = 5;
export const DEFLATE_LEVEL = 6;

/** A message as it goes out. */
export interface Compressed {
  kind: CompressionChoice;
  bytes: Uint8Array;
}
