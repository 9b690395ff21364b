import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { ByteSource } from './byte-source.ts';
import { ChunkTable } from './chunk-table.ts';
import { type StoredLevels, viewLevels } from './levels-codec.ts';
import { decodeOverview, type OverviewEntry } from './overview.ts';
import type { PyramidOwner } from './pyramid-encode.ts';
import {
  PYRAMID_HEAD_BYTES,
  PYRAMID_MAGIC,
  PYRAMID_TAIL_AT,
  PYRAMID_VERSION,
  SECTION,
  SECTION_BYTES,
} from './pyramid-layout.ts';

/** What a sidecar says of its file; pages are read when asked for. */
export interface PyramidContent {
  /** MCAP records that describe the file. */
  records: Uint8Array<ArrayBuffer>;
  chunks: ChunkTable;
  /** JSON texts, the newest 100,000. */
  events: string[];
  /** By MCAP channel. */
  overviews: Map<number, OverviewEntry[]>;
  levels: Map<number, StoredLevels>;
}

/** Read at once: mostly all but the pages. */
const FIRST_BYTES = 256 << 10;
const MAX_FRONT_BYTES = 512 << 20;

/**
 * Reads what a sidecar says, if it is whole and belongs to that very file; else undefined. Rejects only with an error of the disk.
 * `size`: of the sidecar.
 */
export async function decodePyramid(
  source: ByteSource,
  size: number,
  owner: PyramidOwner,
): Promise<PyramidContent | undefined> {
  let front = await source.read(0, Math.min(size, FIRST_BYTES));
  const headBytes =
    front.byteLength < PYRAMID_HEAD_BYTES ? 0 : new DataView(front.buffer, front.byteOffset).getUint32(12, true);
  if (headBytes > front.byteLength && headBytes <= Math.min(size, MAX_FRONT_BYTES))
    front = await source.read(0, headBytes);
  const pagesAt = checkHead(front, size, owner);
  if (pagesAt === undefined) return undefined;
  if (pagesAt > front.byteLength) front = await source.read(0, pagesAt);
  if (pagesAt > front.byteLength) return undefined;
  try {
    return viewSections(front, pagesAt, source);
  } catch (error) {
    if (error instanceof RangeError || error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Where the pages start; undefined if it is no sound head, or of another file. */
function checkHead(front: Uint8Array<ArrayBuffer>, size: number, owner: PyramidOwner): number | undefined {
  if (front.byteLength < PYRAMID_HEAD_BYTES) return undefined;
  const view = new DataView(front.buffer, front.byteOffset, front.byteLength);
  const headBytes = view.getUint32(12, true);
  if (view.getUint32(0, true) !== PYRAMID_MAGIC || view.getUint32(4, true) !== PYRAMID_VERSION) return undefined;
  if (headBytes < PYRAMID_HEAD_BYTES || headBytes > front.byteLength) return undefined;
  if (view.getUint32(8, true) !== crc32(front.subarray(12, headBytes))) return undefined;
  const idAt = PYRAMID_HEAD_BYTES + view.getUint32(36, true) * SECTION_BYTES;
  const id = new TextDecoder().decode(front.subarray(idAt, idAt + view.getUint32(48, true)));
  const isOwn =
    view.getFloat64(24, true) === owner.bytes &&
    view.getUint32(32, true) === owner.part &&
    id === owner.id &&
    owner.tail.every((byte, index) => front[PYRAMID_TAIL_AT + index] === byte);
  const pagesAt = view.getFloat64(40, true);
  return isOwn && view.getFloat64(16, true) === size && pagesAt <= MAX_FRONT_BYTES ? pagesAt : undefined;
}

function viewSections(front: Uint8Array<ArrayBuffer>, pagesAt: number, source: ByteSource): PyramidContent {
  const view = new DataView(front.buffer, front.byteOffset, front.byteLength);
  const sections = view.getUint32(36, true);
  const overviews = new Map<number, OverviewEntry[]>();
  const levels = new Map<number, StoredLevels>();
  const single = new Map<number, Uint8Array<ArrayBuffer>>();
  for (let index = 0; index < sections; index++) {
    const entry = PYRAMID_HEAD_BYTES + index * SECTION_BYTES;
    const at = view.getFloat64(entry + 16, true);
    const bytes = front.subarray(at, at + view.getFloat64(entry + 24, true));
    if (crc32(bytes) !== view.getUint32(entry + 8, true)) throw new RangeError('a damaged section');
    const kind = view.getUint32(entry, true);
    const channel = view.getUint32(entry + 4, true);
    if (kind === SECTION.overview) overviews.set(channel, decodeOverview(bytes).entries);
    else if (kind === SECTION.levels) levels.set(channel, viewLevels(bytes, pagesAt, source));
    else single.set(kind, bytes);
  }
  const records = single.get(SECTION.records);
  const chunks = single.get(SECTION.chunks);
  const events = single.get(SECTION.events);
  if (!records || !chunks || !events) throw new RangeError('a section is missing');
  return {
    records,
    chunks: new ChunkTable(chunks),
    events: z.array(z.string()).parse(JSON.parse(new TextDecoder().decode(events))),
    overviews,
    levels,
  };
}
