import { COLUMN_FLAG } from '../../core/extent.ts';
import { CUT_FLAG } from './stream-columns.ts';
import { firstColumnAt, type TraceColumns } from './trace-columns.ts';
import type { PixelMap } from './trace-spans.ts';

/** Where a path begins on the canvas; pixels. */
export interface PathOrigin {
  left: number;
  top: number;
}

/** Samples further apart than this get a dot each; pixels. */
const DOT_DISTANCE_PX = 12;

/**
 * A few, sparse samples as a path for uPlot to stroke. Gaps, missing samples (NaN) and overload break the line: nothing is bridged.
 * `dots` holds a circle per sample where they are far apart, so that a polled value shows when it was read.
 */
export function tracePath(
  pieces: readonly TraceColumns[],
  map: PixelMap,
  origin: PathOrigin,
  dotRadiusPx: number,
): { line: Path2D; dots: Path2D | undefined } {
  const line = new Path2D();
  const dots = new Path2D();
  const perSecond = 1 / map.secondsPerPx;
  const fromS = map.fromPx * map.secondsPerPx;
  let spaced = false;
  for (const columns of pieces) {
    const from = Math.max(columns.start, firstColumnAt(columns, fromS - columns.spanS) - 1);
    const to = Math.min(columns.end, firstColumnAt(columns, fromS + map.widthPx * map.secondsPerPx) + 1);
    const withDots = to - from < map.widthPx / DOT_DISTANCE_PX;
    spaced ||= withDots && to > from;
    let broken = true;
    for (let index = from; index < to; index++) {
      const low = columns.lows[index] as number;
      const high = columns.highs[index] as number;
      const flag = columns.flags[index] as number;
      if (flag & (COLUMN_FLAG.gap | CUT_FLAG)) broken = true;
      const middle = (low + high) / 2;
      if (!Number.isFinite(middle)) {
        broken = true;
        continue;
      }
      const x = origin.left + ((columns.times[index] as number) + columns.spanS / 2 - fromS) * perSecond;
      const y = origin.top + map.yGain * middle + map.yOffset;
      if (broken) line.moveTo(x, y);
      // A sample between two gaps is still seen: round caps make a dot of it.
      line.lineTo(x, y);
      broken = false;
      if (withDots) {
        dots.moveTo(x + dotRadiusPx, y);
        dots.arc(x, y, dotRadiusPx, 0, 2 * Math.PI);
      }
    }
  }
  return { line, dots: spaced ? dots : undefined };
}
