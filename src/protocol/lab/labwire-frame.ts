import { LabError } from '../../core/errors.ts';

/**
 * Binary frame of `labwire.1`: one WebSocket message. Header big-endian, payload little-endian, every part 8-aligned.
 *
 *      0 u8  0x4C 'L'      1 u8 type       2 u8 flags       3 u8 codec << 4 | dtype
 *      4 u16 handle        6 u16 channels  8 u64 seq: row number of the first row
 *     16 i64 t0: ns since 1970 of the first row
 *     24 f64 dt: s from row to row; 0: the payload begins with n Float64, seconds since t0
 *     32 u32 n: rows      36 u32 length of the payload
 *     40 with flag SKIPPED: u32 rows left out just before these, u8 reason, 3 × 0
 *
 * A frame of n rows counts n: seq = previous seq + previous n + skipped.
 */
export const LABWIRE_MAGIC = 0x4c;
export const FRAME_HEADER_BYTES = 40;
const SKIPPED_BYTES = 8;

/** SAMPLES: rows of one stream. CHUNK: bytes of a transfer. BATCH: n frames, each padded to 8. */
export const FRAME_TYPE = { samples: 0x10, chunk: 0x12, batch: 0x13 } as const;

export const FRAME_FLAG = {
  compressed: 1 << 0,
  priority: 1 << 2,
  broadcast: 1 << 3,
  ackRequired: 1 << 4,
  replay: 1 << 5,
  skipped: 1 << 6,
  last: 1 << 7,
} as const;

export const FRAME_CODECS = ['raw', 'i16d-rice', 'deflate'] as const;
export type FrameCodec = (typeof FRAME_CODECS)[number];

export const FRAME_DTYPES = ['f32', 'f64', 'i16', 'i32'] as const;
export type FrameDtype = (typeof FRAME_DTYPES)[number];

/** Why rows were left out. `rate`: the client asked for fewer. A number we do not know is `unknown`. */
export const SKIP_REASONS = ['unknown', 'rate', 'decimated', 'overflow', 'conflated', 'expired', 'source'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export interface FrameSkip {
  n: number;
  reason: SkipReason;
}

export interface LabwireFrame {
  /** One of FRAME_TYPE. */
  type: number;
  flags: number;
  codec: FrameCodec;
  dtype: FrameDtype;
  handle: number;
  channels: number;
  seq: number;
  t0Ns: bigint;
  /** s; 0: the rows bring their times. */
  dtS: number;
  rows: number;
  skipped: FrameSkip | undefined;
  /** Borrowed from the message. */
  payload: Uint8Array;
}

/** Whole length of a frame with a payload of so many bytes. */
export function frameBytes(payloadBytes: number, isSkipped: boolean): number {
  return FRAME_HEADER_BYTES + (isSkipped ? SKIPPED_BYTES : 0) + payloadBytes;
}

/** Writes header and skip block; the payload goes to the position given back. Flag SKIPPED is set by `skipped` alone. */
export function writeFrameHeader(
  into: Uint8Array,
  at: number,
  frame: Omit<LabwireFrame, 'payload'>,
  payloadBytes: number,
): number {
  const view = new DataView(into.buffer, into.byteOffset + at);
  const { skipped } = frame;
  view.setUint8(0, LABWIRE_MAGIC);
  view.setUint8(1, frame.type);
  view.setUint8(2, (frame.flags & ~FRAME_FLAG.skipped) | (skipped ? FRAME_FLAG.skipped : 0));
  view.setUint8(3, (FRAME_CODECS.indexOf(frame.codec) << 4) | FRAME_DTYPES.indexOf(frame.dtype));
  view.setUint16(4, frame.handle);
  view.setUint16(6, frame.channels);
  view.setBigUint64(8, BigInt(frame.seq));
  view.setBigInt64(16, frame.t0Ns);
  view.setFloat64(24, frame.dtS);
  view.setUint32(32, frame.rows);
  view.setUint32(36, payloadBytes);
  if (!skipped) return at + FRAME_HEADER_BYTES;
  view.setUint32(40, skipped.n);
  view.setUint32(44, SKIP_REASONS.indexOf(skipped.reason) << 24);
  return at + FRAME_HEADER_BYTES + SKIPPED_BYTES;
}

/** A frame in one piece. */
export function encodeFrame(frame: LabwireFrame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frameBytes(frame.payload.length, frame.skipped !== undefined));
  bytes.set(frame.payload, writeFrameHeader(bytes, 0, frame, frame.payload.length));
  return bytes;
}

/**
 * Reads the frame that is exactly `bytes`; the payload is a view of it. Throws `protocol.malformed`: for this client the rows in it are lost, and the
 * numbering of the next frame shows how many.
 */
export function parseFrame(bytes: Uint8Array): LabwireFrame {
  const frame = parseFirstFrame(bytes);
  const length = frameBytes(frame.payload.length, frame.skipped !== undefined);
  if (bytes.length !== length) throw malformed(`it has ${bytes.length} bytes, its header says ${length}`);
  return frame;
}

/** Whole frames as one BATCH, each padded to 8. */
export function encodeBatch(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(frames.reduce((sum, { length }) => sum + padded(length), 0));
  let at = 0;
  for (const frame of frames) {
    payload.set(frame, at);
    at += padded(frame.length);
  }
  return encodeFrame({
    type: FRAME_TYPE.batch,
    flags: 0,
    codec: 'raw',
    dtype: 'f64',
    handle: 0,
    channels: 0,
    seq: 0,
    t0Ns: 0n,
    dtS: 0,
    rows: frames.length,
    skipped: undefined,
    payload,
  });
}

/** The frames of a BATCH. Throws `protocol.malformed` for any that cannot be read, and for a batch in a batch. */
export function* framesOfBatch(batch: LabwireFrame): Generator<LabwireFrame> {
  let at = 0;
  for (let index = 0; index < batch.rows; index++) {
    const frame = parseFirstFrame(batch.payload.subarray(at));
    if (frame.type === FRAME_TYPE.batch) throw malformed('a batch holds a batch');
    at += padded(frameBytes(frame.payload.length, frame.skipped !== undefined));
    yield frame;
  }
  if (at < batch.payload.length) throw malformed(`${batch.payload.length - at} bytes follow its last frame`);
}

function parseFirstFrame(bytes: Uint8Array): LabwireFrame {
  if (bytes.length < FRAME_HEADER_BYTES)
    throw malformed(`it has ${bytes.length} bytes, a header ${FRAME_HEADER_BYTES}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== LABWIRE_MAGIC)
    throw malformed(`it begins with byte ${view.getUint8(0)}, not with ${LABWIRE_MAGIC}`);
  const type = view.getUint8(1);
  const flags = view.getUint8(2);
  const form = view.getUint8(3);
  const codec = FRAME_CODECS[form >> 4];
  const dtype = FRAME_DTYPES[form & 15];
  if (!codec || !dtype)
    throw malformed(`it has codec ${form >> 4} and dtype ${form & 15}, which this client does not know`);
  const seq = Number(view.getBigUint64(8));
  if (!Number.isSafeInteger(seq)) throw malformed(`its row number ${seq} is beyond 2^53`);
  const dtS = view.getFloat64(24);
  if (!(dtS >= 0 && dtS < Number.POSITIVE_INFINITY)) throw malformed(`its row distance is ${dtS} s`);
  const isSkipped = (flags & FRAME_FLAG.skipped) !== 0;
  const start = FRAME_HEADER_BYTES + (isSkipped ? SKIPPED_BYTES : 0);
  const payloadBytes = view.getUint32(36);
  if (bytes.length < start + payloadBytes)
    throw malformed(`it has ${bytes.length} bytes, its header says ${start + payloadBytes}`);
  const skipped = isSkipped
    ? { n: view.getUint32(40), reason: SKIP_REASONS[view.getUint8(44)] ?? ('unknown' as const) }
    : undefined;
  return {
    type,
    flags,
    codec,
    dtype,
    handle: view.getUint16(4),
    channels: view.getUint16(6),
    seq,
    t0Ns: view.getBigInt64(16),
    dtS,
    rows: view.getUint32(32),
    skipped,
    payload: bytes.subarray(start, start + payloadBytes),
  };
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `A binary message of the lab server cannot be read: ${what}. It is left out; the numbering shows what it held as lost.`,
  );
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}
