import { setImmediate as nextTurn } from 'node:timers/promises';
import { deflateRawSync, deflateSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib';
import type { CodecResult } from '../../contract/server-stats-schema.ts';
import { LabError } from '../../core/errors.ts';
import { type ColumnForm, decodeColumns, encodeColumns } from '../../protocol/lab/labwire-columns.ts';
import { encodeFrame, FRAME_TYPE, parseFrame } from '../../protocol/lab/labwire-frame.ts';
import { ECG_LEADS, type EcgBlock, ecgBlocks, MV_PER_CODE } from './ecg-block.ts';

/** Blocks that take turns: no codec gets the same bytes twice in a row. */
const BLOCKS = 16;
/** So long nothing else of the engine waits; ms. */
const TURN_MS = 4;
/** RFC 7692 as it is offered to servers. */
const DEFLATE: ZlibOptions = { windowBits: 12, memLevel: 5, level: 6 };

const LEAD_FORM: ColumnForm = {
  dtype: 'f32',
  grids: Array.from({ length: ECG_LEADS }, () => ({ scale: MV_PER_CODE, offset: 0 })),
};

interface Codec {
  name: string;
  /** It takes the JSON, not the columns. */
  isText: boolean;
  compress(block: EcgBlock): Uint8Array;
  /** Gives what came out, to be compared. */
  decompress(bytes: Uint8Array): readonly ArrayBufferView[];
}

const CODECS: readonly Codec[] = [
  { name: 'i16d-rice', isText: false, compress: packLeads, decompress: unpackLeads },
  byText('permessage-deflate', (bytes) => deflateRawSync(bytes, DEFLATE), inflateRawSync),
  byText('zlib', (bytes) => deflateSync(bytes), inflateSync),
];

/**
 * Measures each codec of the lab-server dialects on seconds of a synthetic electrocardiogram of twelve leads, against its JSON. In turns of a few ms, so that an
 * engine goes on meanwhile. Throws call.cancelled; internal.failed for a codec that does not give back what went in.
 */
export async function benchCodecs(iterations: number, signal?: AbortSignal): Promise<CodecResult[]> {
  const blocks = ecgBlocks(BLOCKS, 344);
  const results: CodecResult[] = [];
  for (const codec of CODECS) results.push(await benchCodec(codec, blocks, iterations, signal));
  return results;
}

async function benchCodec(
  codec: Codec,
  blocks: readonly EcgBlock[],
  iterations: number,
  signal: AbortSignal | undefined,
): Promise<CodecResult> {
  let compressMs = 0;
  let decompressMs = 0;
  let plainBytes = 0;
  let wireBytes = 0;
  let turnMs = performance.now();
  for (let at = 0; at < iterations; at++) {
    const block = blocks[at % blocks.length];
    if (!block) break;
    const startMs = performance.now();
    const packed = codec.compress(block);
    const packedMs = performance.now();
    const opened = codec.decompress(packed);
    const openedMs = performance.now();
    compressMs += packedMs - startMs;
    decompressMs += openedMs - packedMs;
    plainBytes += block.json.byteLength;
    wireBytes += packed.byteLength;
    if (at < blocks.length) check(codec, block, opened);
    if (openedMs - turnMs < TURN_MS) continue;
    await nextTurn();
    if (signal?.aborted) throw LabError.from(signal.reason);
    turnMs = performance.now();
  }
  return {
    codec: codec.name,
    iterations,
    plainBytes: Math.round(plainBytes / iterations),
    wireBytes: Math.round(wireBytes / iterations),
    compressMs: compressMs / iterations,
    decompressMs: decompressMs / iterations,
    savedPercent: (1 - wireBytes / plainBytes) * 100,
    throughputMbps: (plainBytes * 8) / (compressMs + decompressMs) / 1000,
  };
}

function byText(
  name: string,
  compress: (bytes: Uint8Array) => Uint8Array,
  decompress: (bytes: Uint8Array) => Uint8Array,
): Codec {
  return { name, isText: true, compress: ({ json }) => compress(json), decompress: (bytes) => [decompress(bytes)] };
}

/** A whole frame, as rows come from a labwire.1 server. */
function packLeads({ leads }: EcgBlock): Uint8Array {
  const rows = leads[0]?.length ?? 0;
  return encodeFrame({
    type: FRAME_TYPE.samples,
    flags: 0,
    codec: 'i16d-rice',
    dtype: 'i16',
    handle: 1,
    channels: leads.length,
    seq: 0,
    t0Ns: 0n,
    dtS: 1 / rows,
    rows,
    skipped: undefined,
    payload: encodeColumns('i16d-rice', leads),
  });
}

/** The columns as they go to the bench. */
function unpackLeads(bytes: Uint8Array): readonly ArrayBufferView[] {
  return decodeColumns(parseFrame(bytes), LEAD_FORM, (packed) => inflateRawSync(packed)).columns;
}

function check({ name, isText }: Codec, { leads, json }: EcgBlock, opened: readonly ArrayBufferView[]): void {
  const wanted = isText ? [json] : leads.map((codes) => Float32Array.from(codes, (code) => code * MV_PER_CODE));
  if (wanted.every((view, at) => isSame(view, opened[at]))) return;
  throw new LabError('internal.failed', `${name} did not give back what went in. Its figures would mean nothing.`);
}

function isSame(one: ArrayBufferView, other: ArrayBufferView | undefined): boolean {
  if (!other) return false;
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return bytes(one).equals(bytes(other));
}
