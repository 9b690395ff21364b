import { setImmediate } from 'node:timers/promises';
import type { StreamInfo } from '../../core/stream-info.ts';
import { memorySource } from './byte-source.ts';
import { viewDigest } from './digest-codec.ts';
import { joinBytes } from './join-bytes.ts';
import type { BuiltPyramid } from './part-pyramid.ts';
import { PyramidBuilder } from './pyramid-build.ts';
import { decodePyramid } from './pyramid-decode.ts';
import { encodePyramid, type PyramidOwner } from './pyramid-encode.ts';
import type { RowSpool } from './row-spool.ts';

/** Others may run after so many bytes of digests: about a millisecond of work. */
const SLICE_BYTES = 256 << 10;

/** What a file says of itself, as far as a pyramid needs it. */
export interface PartSource {
  owner: PyramidOwner;
  /** By MCAP channel id. */
  streams: ReadonlyMap<number, StreamInfo>;
  /** Channel and Metadata records. */
  records: Uint8Array;
  /** Of its slow streams; absent: not known. */
  rows?: RowSpool | undefined;
  /** Bytes that hold digests one behind the other, in the order of the file. */
  digests: Iterable<Uint8Array>;
  /** Of chunks that start at or behind this byte only the events; absent: all count. */
  before?: number | undefined;
}

/** Makes the pyramid of a file from its digests, and counts them; undefined if some are damaged. */
export async function buildPyramid(source: PartSource): Promise<(BuiltPyramid & { digests: number }) | undefined> {
  const { before = Number.POSITIVE_INFINITY } = source;
  const builder = new PyramidBuilder(source.streams);
  let count = 0;
  let bytes = 0;
  for (const digests of source.digests) {
    for (let at = 0; at < digests.byteLength; ) {
      const digest = viewDigest(digests, at);
      if (!digest) return undefined;
      count++;
      if (digest.place.offset < before) builder.add(digest);
      else builder.addEventsOf(digest);
      bytes += digest.end - at;
      at = digest.end;
      if (bytes < SLICE_BYTES) continue;
      bytes = 0;
      await setImmediate();
    }
  }
  const sidecar = joinBytes(await encodePyramid(source.owner, source.records, builder, source.rows));
  const content = await decodePyramid(memorySource(sidecar), sidecar.byteLength, source.owner);
  if (!content) throw new Error('the pyramid cannot be read back');
  return { content, bytes: sidecar, digests: count };
}
