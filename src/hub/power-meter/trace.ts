import { rowTimeNs } from '../../core/batch.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { readRawHistory } from '../bench/raw-history.ts';
import type { PowerModule } from './modules.ts';

/** Points of a trace at most, as the original has them. */
const MAX_POINTS = 100_000;
/** How far back a trace goes; s. */
const SPAN_S = 600;

export interface Trace {
  /** s since the first point. */
  x: Float64Array;
  values: Float64Array;
}

/**
 * The last 10 minutes of one channel, at most 100,000 points, newest last. The original has wavelengths of a sweep as x; an instrument that measures over
 * time has seconds.
 */
export async function readTrace(bench: HubBench, module: PowerModule, index: number, nowNs: bigint): Promise<Trace> {
  const channel = module.channels[index];
  if (!channel) return { x: new Float64Array(), values: new Float64Array() };
  const fromNs = nowNs - BigInt(SPAN_S) * 1_000_000_000n;
  const { pieces } = await readRawHistory(bench.client, {
    channels: [channel.id],
    fromNs,
    toNs: nowNs,
    limit: MAX_POINTS,
  });
  const total = Math.min(
    MAX_POINTS,
    pieces.reduce((sum, { block }) => sum + block.batch.rows, 0),
  );
  const x = new Float64Array(total);
  const values = new Float64Array(total);
  let at = 0;
  let startNs: bigint | undefined;
  for (const { block } of pieces) {
    const [column] = block.batch.columns;
    for (let row = 0; row < block.batch.rows && at < total; row++, at++) {
      const timeNs = rowTimeNs({ ...block.batch, buffer: new ArrayBuffer(0) }, row);
      startNs ??= timeNs;
      x[at] = Number(timeNs - startNs) / 1e9;
      values[at] = (column?.[row] ?? Number.NaN) * module.factor;
    }
  }
  return { x, values };
}
