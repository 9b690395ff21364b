/*
 * NAME.mcap.pyramid, little endian; everything starts at a multiple of 8:
 *
 *     ┌ head: whose it is, what is in it
 *     │ sections: records, chunks, events, per stream its overview and its levels     read when the recording is opened
 *     └ pages                                                                         read when a view needs them
 *
 *     0 u32 magic 'LWP1'   4 u32 version   8 u32 CRC-32 of the head from 12 on   12 u32 bytes of the head
 *    16 f64 bytes of this file   24 f64 bytes of the recording's file   32 u32 part   36 u32 sections   40 f64 where the pages start
 *    48 u32 bytes of the id   52 u32 reserved
 *    56 the tail of the recording's file (part-summary.ts): footer, magic, and what lies before the summary; padded to 120
 *   120 sections, each: u32 kind, u32 MCAP channel (0: none), u32 CRC-32, u32 reserved, f64 offset, f64 bytes
 *       then the id of the recording, UTF-8
 */
export const PYRAMID_SUFFIX = '.pyramid';
export const PYRAMID_MAGIC = 0x3150574c;
/** Goes up when a reader of the former version would read wrongly: sidecars of another version are made anew. */
export const PYRAMID_VERSION = 1;
export const PYRAMID_HEAD_BYTES = 120;
/** Where the tail of the recording's file is kept in the head. */
export const PYRAMID_TAIL_AT = 56;
export const SECTION_BYTES = 32;

export const SECTION = {
  /** MCAP records Channel and Metadata that describe the file. */
  records: 1,
  /** `ChunkTable`. */
  chunks: 2,
  /** JSON list of the events' texts. */
  events: 3,
  /** See `overview-codec.ts`. */
  overview: 4,
  /** See `stored-levels.ts`. */
  levels: 5,
} as const;

/** Entries of a page: a page of one Float32 channel is some 5 KiB. */
export const PAGE_ENTRIES = 512;

/** The sidecar of a recording's file. */
export function pyramidPath(path: string): string {
  return path + PYRAMID_SUFFIX;
}

export function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}
