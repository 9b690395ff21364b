/**
 * Names and numbers of our recordings: an MCAP file (https://mcap.dev/spec) of profile `labwire`. docs/file-format.md describes it.
 *
 *     magic  Header  Schema Schema  Channel(events)  Metadata…
 *     ┌ Channel (a stream was opened) …
 *     └ Chunk  MessageIndex…  Digest            repeated, each group flushed within 1 s
 *     Metadata(totals)  Attachment(all digests)  DataEnd
 *     Schema… Channel… Statistics ChunkIndex… AttachmentIndex MetadataIndex…  SummaryOffset…  Footer  magic
 */
export const FILE_PROFILE = 'labwire';
export const FILE_EXTENSION = '.mcap';
/** A file being written, or cut off. */
export const PART_SUFFIX = '.part';
/** Beside a file being written: who writes it. */
export const LOCK_SUFFIX = '.lock';

export const BATCH_SCHEMA = 'labwire.Batch.v1';
export const BATCH_ENCODING = 'labwire-batch';
export const BATCH_SCHEMA_ID = 1;
export const EVENT_SCHEMA = 'labwire.Event.v1';
export const EVENT_SCHEMA_ID = 2;
export const EVENT_TOPIC = 'labwire/events';
export const EVENT_CHANNEL_ID = 1;
export const EXCHANGE_SCHEMA = 'labwire.Exchange.v1';
export const EXCHANGE_SCHEMA_ID = 3;
export const EXCHANGE_TOPIC = 'labwire/exchanges';
/** Of the topic of a stream: its rows as plain JSON messages; one schema each, numbered from here. */
export const PLAIN_SUFFIX = '/plain';
export const FIRST_PLAIN_SCHEMA_ID = 10;

/** Metadata records; the last one of a name counts. */
export const METADATA = {
  recording: 'labwire.recording',
  instruments: 'labwire.instruments',
  channels: 'labwire.channels',
  totals: 'labwire.totals',
} as const;

/** Application record (opcodes from 0x80 are free for applications) behind each chunk: what is in it. */
export const DIGEST_OPCODE = 0x80;
/** All digests once more, in one attachment, so that a complete file opens without a walk. */
export const DIGEST_ATTACHMENT = 'labwire.digest';
export const DIGEST_MEDIA_TYPE = 'application/x-labwire-digest';

/** Opcode and content length before each record. */
export const RECORD_HEADER_BYTES = 9;
/** A message record up to its data: header, channel u16, sequence u32, logTime u64, publishTime u64. */
export const MESSAGE_HEADER_BYTES = 31;
/**
 * A chunk record up to its records, without the name of its compression: header, start, end, size u64, crc u32, compression (u32 length and text),
 * length u64. The name is '', 'lz4' or 'zstd'.
 */
export const CHUNK_HEADER_BYTES = 49;
/** Footer record and closing magic. */
export const FOOTER_BYTES = 9 + 20;
export const MAGIC_BYTES = 8;

/** What a batch message is, for readers who have never heard of us: kept in the schema record of every file. */
export const BATCH_SCHEMA_TEXT = `labwire.Batch.v1: rows of one stream in columns, little endian.
offset type
 0 u32 magic 'LWB1'   4 u16 version = 1   6 u16 flags (1 float64, 2 timed, 4 first of segment, 8 last of segment, 16 gap before)
 8 u32 stream (of the writing engine; the MCAP channel decides)   12 u32 rows   16 u32 channels   20 u32 reserved
24 u64 seq, number of the first row in its epoch   32 u64 rows lost before it   40 i64 t0, ns since 1970   48 i64 arrived, ns since 1970
56 f64 dt, s from row to row (0 if timed)   64 f64 xOrigin, s
72 if timed: f64 seconds since t0, one per row; then one column per channel, each f32 (or f64 by flag), padded to 8 bytes.
NaN = missing, +-Infinity = overload. Column names and units: channel metadata "stream" (JSON, columns in this order).
`;

export const EVENT_SCHEMA_TEXT = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: EVENT_SCHEMA,
  type: 'object',
  required: ['id', 't', 'kind', 'text'],
  properties: {
    id: { type: 'string' },
    t: { type: 'string', description: 'ns since 1970' },
    kind: { type: 'string' },
    text: { type: 'string' },
    severity: { type: 'string' },
    instrument: { type: 'string' },
    channel: { type: 'string' },
    data: { type: 'object' },
  },
});

export const EXCHANGE_SCHEMA_TEXT = JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: EXCHANGE_SCHEMA,
  type: 'object',
  required: ['at', 'instrument', 'direction', 'text', 'bytes'],
  properties: {
    at: { type: 'string', description: 'ns since 1970' },
    instrument: { type: 'string' },
    direction: { type: 'string', enum: ['sent', 'received', 'late', 'note'] },
    text: { type: 'string' },
    bytes: { type: 'number' },
    roundTripMs: { type: 'number' },
  },
});
