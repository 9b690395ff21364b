import type { StreamChunk } from '../recording/recording.ts';
import { ChunkSource } from './chunk-source.ts';
import { gridTimes } from './grid-times.ts';
import type { SampleRule } from './row-sampler.ts';
import { RowSampler } from './row-sampler.ts';
import type { TimeBase } from './stream-cursor.ts';
import type { TableBlock, TablePlan, TableSource } from './table.ts';
import { BlockSpace, openCursors, shareOf } from './table.ts';

export interface GridRule {
  rule: SampleRule;
  /** Rows so far apart; absent: at the times of the fastest channel. */
  gridS: number | undefined;
}

/** Rows at even times, or those of the fastest channel; what each channel was then, by the rule. */
export async function* gridRows(plan: TablePlan, { rule, gridS }: GridRule): AsyncGenerator<TableBlock> {
  const base: TimeBase = { ns: plan.fromNs };
  const cursors = await openCursors(widen(plan), base, new ChunkSource(plan.recording));
  const samplers = cursors.map((cursor, index) => new RowSampler(cursor, plan.sources[index] as TableSource, rule));
  const space = new BlockSpace(plan);
  for await (const { count, baseNs, timesNs } of gridTimes(plan, gridS)) {
    const shiftNs = Number(baseNs - base.ns);
    base.ns = baseNs;
    space.clear();
    for (const [index, sampler] of samplers.entries()) {
      if (shiftNs !== 0) sampler.rebase(shiftNs);
      await sampler.fill(timesNs, count, space.columns, space.present[index] as Uint8Array);
    }
    const share = shareOf(plan, baseNs + BigInt(timesNs[count - 1] as number));
    yield { rows: count, baseNs, timesNs, columns: space.columns, present: space.present, share };
  }
}

/** The rows just outside the range are neighbours of those inside. */
function widen(plan: TablePlan): TablePlan {
  const sources = plan.sources.map((source) => {
    const all = plan.recording.chunksOf(source.stream.info.id);
    const first = all.findIndex(({ chunk }) => chunk === source.chunks[0]?.chunk);
    const last = all.findLastIndex(({ chunk }) => chunk === source.chunks.at(-1)?.chunk);
    const chunks = first < 0 ? nearestTo(plan, all) : all.slice(Math.max(0, first - 1), last + 2);
    return { ...source, chunks };
  });
  return { ...plan, range: {}, sources };
}

/** A stream may have no row in the range and yet one on either side of it. */
function nearestTo({ fromNs, toNs }: TablePlan, all: StreamChunk[]): StreamChunk[] {
  const before = all.findLastIndex(({ digest }) => digest.lastNs < fromNs);
  const after = all.findIndex(({ digest }) => digest.firstNs > toNs);
  return all.slice(Math.max(0, before), after < 0 ? all.length : after + 1);
}
