import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { encodeLevels, type PageArea } from './levels-codec.ts';
import { encodeOverview } from './overview.ts';
import type { PyramidBuilder } from './pyramid-build.ts';
import {
  PYRAMID_HEAD_BYTES,
  PYRAMID_MAGIC,
  PYRAMID_TAIL_AT,
  PYRAMID_VERSION,
  padded,
  SECTION,
  SECTION_BYTES,
} from './pyramid-layout.ts';
import type { RowSpool } from './row-spool.ts';

/** The file of a recording that a sidecar belongs to. */
export interface PyramidOwner {
  /** Of the recording. */
  id: string;
  part: number;
  bytes: number;
  /** See `readTail`. */
  tail: Uint8Array;
}

/** Others may run after so many bytes of pages. */
const SLICE_BYTES = 256 << 10;

interface Section {
  kind: number;
  channel: number;
  bytes: Uint8Array;
}

/** The sidecar of a file as buffers to write one after the other; `records` describe the file, `rows`: of its slow streams. Lets others run meanwhile. */
export async function encodePyramid(
  owner: PyramidOwner,
  records: Uint8Array,
  builder: PyramidBuilder,
  rows?: RowSpool | undefined,
): Promise<Uint8Array[]> {
  const events = new TextEncoder().encode(JSON.stringify(builder.events));
  const sections: Section[] = [
    { kind: SECTION.records, channel: 0, bytes: records },
    { kind: SECTION.chunks, channel: 0, bytes: builder.table.encode() },
    { kind: SECTION.events, channel: 0, bytes: events },
  ];
  const area: PageArea = { buffers: [], bytes: 0 };
  let yieldedBytes = 0;
  for (const [channel, stream] of builder.streams) {
    const { columns, originNs, isFloat64, overview } = stream;
    sections.push({ kind: SECTION.overview, channel, bytes: encodeOverview(channel, overview.entries(originNs)) });
    const fitting = stream.fittingRows(rows?.of(channel));
    // Nothing is to be gained by reading rows of a stream whose chunks are full of it.
    const hasRows = fitting !== undefined || !stream.isSlow || (rows?.isFullOf(channel) ?? false);
    const bytes = encodeLevels({ channel, columns, originNs, isFloat64, hasRows }, fitting, stream.levels(), area);
    sections.push({ kind: SECTION.levels, channel, bytes });
    if (area.bytes - yieldedBytes < SLICE_BYTES) continue;
    yieldedBytes = area.bytes;
    await setImmediate();
  }
  return [...encodeFront(owner, sections, area.bytes), ...area.buffers];
}

/** Head and sections, each at a multiple of 8. */
function encodeFront(owner: PyramidOwner, sections: readonly Section[], pageBytes: number): Uint8Array[] {
  const id = new TextEncoder().encode(owner.id);
  const headBytes = padded(PYRAMID_HEAD_BYTES + sections.length * SECTION_BYTES + id.byteLength);
  const head = new Uint8Array(headBytes);
  const view = new DataView(head.buffer);
  const buffers: Uint8Array[] = [head];
  let at = headBytes;
  for (const [index, { kind, channel, bytes }] of sections.entries()) {
    const entry = PYRAMID_HEAD_BYTES + index * SECTION_BYTES;
    view.setUint32(entry, kind, true);
    view.setUint32(entry + 4, channel, true);
    view.setUint32(entry + 8, crc32(bytes), true);
    view.setFloat64(entry + 16, at, true);
    view.setFloat64(entry + 24, bytes.byteLength, true);
    buffers.push(bytes, new Uint8Array(padded(bytes.byteLength) - bytes.byteLength));
    at += padded(bytes.byteLength);
  }
  view.setUint32(0, PYRAMID_MAGIC, true);
  view.setUint32(4, PYRAMID_VERSION, true);
  view.setUint32(12, headBytes, true);
  view.setFloat64(16, at + pageBytes, true);
  view.setFloat64(24, owner.bytes, true);
  view.setUint32(32, owner.part, true);
  view.setUint32(36, sections.length, true);
  view.setFloat64(40, at, true);
  view.setUint32(48, id.byteLength, true);
  head.set(owner.tail, PYRAMID_TAIL_AT);
  head.set(id, PYRAMID_HEAD_BYTES + sections.length * SECTION_BYTES);
  view.setUint32(8, crc32(head.subarray(12)), true);
  return buffers;
}
