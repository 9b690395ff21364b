import type { Recording } from '../recording/recording.ts';
import { ChunkSource } from './chunk-source.ts';
import type { TimeRange } from './stream-cursor.ts';
import { StreamCursor } from './stream-cursor.ts';
import type { TableSource } from './table.ts';

/** Exactly how many rows of a stream are in a range. Only the chunks at its ends are read; of waveforms, whose index knows the trigger only, all. */
export async function countRows(recording: Recording, source: TableSource, range: TimeRange): Promise<number> {
  const { fromNs, toNs } = range;
  const isWhole = fromNs === undefined && toNs === undefined;
  let rows = 0;
  const cut = source.chunks.filter(({ digest }) => {
    const isInside =
      isWhole ||
      (source.stream.info.kind !== 'segment' &&
        (fromNs === undefined || digest.firstNs >= fromNs) &&
        (toNs === undefined || digest.lastNs < toNs));
    if (isInside) rows += digest.rows;
    return !isInside;
  });
  const base = { ns: source.stream.firstNs };
  const cursor = new StreamCursor(new ChunkSource(recording), source.stream, cut, base, range);
  while (await cursor.load()) rows += cursor.end - cursor.row;
  return rows;
}
