import { COLUMN_FLAG } from '../../core/extent.ts';
import { CUT_FLAG } from './stream-columns.ts';
import { firstColumnAt, type TraceColumns } from './trace-columns.ts';

/** How time and value become pixels of the plotting area; y grows downwards: y = yGain * sample + yOffset. */
export interface PixelMap {
  widthPx: number;
  heightPx: number;
  /**
   * Left edge of pixel 0, counted in pixels from second 0; whole numbers for a window that runs, so that a column stays in its pixel while
   * the window moves.
   */
  fromPx: number;
  secondsPerPx: number;
  yGain: number;
  yOffset: number;
}

/** Gaps shown per trace. */
const MOST_GAPS = 500;

/** Bits of `TraceSpans.state`. */
export const SPAN_STATE = { data: 1, above: 2, below: 4 } as const;

/**
 * One trace as vertical spans, one per pixel column: what the envelope covers and what the line covers (in pixels, top ≤ bottom).
 * Made once per trace and reused for every frame.
 */
export class TraceSpans {
  top = new Float32Array(0);
  bottom = new Float32Array(0);
  /** Value of the line where it enters and leaves the pixel column, joined to its neighbours. */
  lineTop = new Float32Array(0);
  lineBottom = new Float32Array(0);
  state = new Uint8Array(0);
  /** 1: connected to the pixel column before. */
  #linked = new Uint8Array(0);
  #first = new Float32Array(0);
  #last = new Float32Array(0);
  /** Where the last piece ended; NaN after a gap. */
  #endX = Number.NaN;
  widthPx = 0;
  /** Some pixel column stands for more than one row: draw the envelope and say so. */
  decimated = false;
  /** Largest number of rows a column stands for. */
  rowsPerColumn = 1;
  hasOverload = false;
  /** Pixels [from, to] between which something is missing, in order; at most `MOST_GAPS`. */
  readonly gaps: [number, number][] = [];

  /** Lays the pieces over the pixel columns. Linear in columns shown plus pixels. */
  project(pieces: readonly TraceColumns[], map: PixelMap): void {
    this.#begin(map.widthPx);
    for (const columns of pieces) this.#lay(columns, map, 0);
    this.#join(0);
  }

  /**
   * The same after the window has moved by whole pixels: only pixels from `dirtyPx` on are laid anew. The result is that of `project`, if nothing
   * before that has changed.
   */
  advance(pieces: readonly TraceColumns[], map: PixelMap, shiftPx: number, dirtyPx: number): void {
    const { widthPx } = this;
    if (shiftPx > 0) {
      for (const array of [this.top, this.bottom, this.lineTop, this.lineBottom, this.#first, this.#last]) {
        array.copyWithin(0, shiftPx, widthPx);
      }
      this.state.copyWithin(0, shiftPx, widthPx);
      this.#linked.copyWithin(0, shiftPx, widthPx);
    }
    this.state.fill(0, dirtyPx, widthPx);
    this.#linked.fill(0, dirtyPx, widthPx);
    let kept = 0;
    for (const gap of this.gaps) {
      gap[0] -= shiftPx;
      gap[1] -= shiftPx;
      if (gap[1] >= 0 && gap[1] < dirtyPx) this.gaps[kept++] = gap;
    }
    this.gaps.length = kept;
    this.#endX = Number.NaN;
    for (const columns of pieces) this.#lay(columns, map, dirtyPx);
    this.#join(Math.max(0, dirtyPx - 1));
    if (this.hasOverload) this.hasOverload = this.state.subarray(0, widthPx).some((state) => state > SPAN_STATE.data);
  }

  #begin(width: number): void {
    if (this.top.length < width) {
      this.top = new Float32Array(width);
      this.bottom = new Float32Array(width);
      this.lineTop = new Float32Array(width);
      this.lineBottom = new Float32Array(width);
      this.state = new Uint8Array(width);
      this.#linked = new Uint8Array(width);
      this.#first = new Float32Array(width);
      this.#last = new Float32Array(width);
    } else {
      this.state.fill(0, 0, width);
      this.#linked.fill(0, 0, width);
    }
    this.widthPx = width;
    this.decimated = false;
    this.hasOverload = false;
    this.rowsPerColumn = 1;
    this.gaps.length = 0;
    this.#endX = Number.NaN;
  }

  #lay(columns: TraceColumns, map: PixelMap, dirtyPx: number): void {
    const { times, lows, highs, flags, spanS } = columns;
    const { widthPx, fromPx, secondsPerPx, yGain, yOffset } = map;
    const { top, bottom, state } = this;
    const first = this.#first;
    const last = this.#last;
    const linked = this.#linked;
    const upright = yGain <= 0;
    const decimated = columns.rows > 1;
    const from = knownBefore(columns, firstColumnAt(columns, (fromPx + dirtyPx) * secondsPerPx - spanS) - 1);
    const to = Math.min(columns.end, firstColumnAt(columns, (fromPx + widthPx) * secondsPerPx) + 1);
    const perSecond = 1 / secondsPerPx;
    const half = spanS / 2;
    let previousX = Number.NaN;
    let knownX = columns.opensGap ? this.#endX : Number.NaN;
    let previousTop = 0;
    let previousBottom = 0;
    let previousLast = 0;
    for (let index = from; index < to; index++) {
      let low = lows[index] as number;
      let high = highs[index] as number;
      const flag = flags[index] as number;
      const x = Math.floor(((times[index] as number) + half) * perSecond - fromPx);
      if (flag !== 0) {
        if (flag & COLUMN_FLAG.gap) {
          if (!Number.isNaN(knownX)) this.#addGap(knownX, x, dirtyPx);
          previousX = Number.NaN;
          knownX = Number.NaN;
        } else if (flag & CUT_FLAG) {
          previousX = Number.NaN;
          knownX = Number.NaN;
        }
        if (flag & COLUMN_FLAG.overload) {
          if (x >= 0 && x < widthPx) this.#markOverload(x, low, high, upright);
          if (low === Number.NEGATIVE_INFINITY) low = high;
          if (high === Number.POSITIVE_INFINITY) high = low;
          knownX = x;
        }
      }
      // NaN (nothing known) and ±Infinity (overload only) alike end the line.
      if (!(high - low >= 0)) {
        previousX = Number.NaN;
        continue;
      }
      if (Number.isNaN(previousX) && x - knownX > 1) this.#addGap(knownX, x, dirtyPx);
      knownX = x;
      const y0 = yGain * high + yOffset;
      const y1 = yGain * low + yOffset;
      const yTop = upright ? y0 : y1;
      const yBottom = upright ? y1 : y0;
      const y = (yTop + yBottom) * 0.5;
      if (x === previousX) {
        if (x >= 0 && x < widthPx) {
          if (yTop < (top[x] as number)) top[x] = yTop;
          if (yBottom > (bottom[x] as number)) bottom[x] = yBottom;
          last[x] = y;
        }
      } else {
        if (x - previousX > 1) {
          this.#bridge(previousX, previousTop, previousBottom, previousLast, x, yTop, yBottom, y);
        }
        if (x >= 0 && x < widthPx) {
          if (((state[x] as number) & SPAN_STATE.data) === 0) {
            top[x] = yTop;
            bottom[x] = yBottom;
            first[x] = y;
          } else {
            // A second piece begins in the same pixel column.
            if (yTop < (top[x] as number)) top[x] = yTop;
            if (yBottom > (bottom[x] as number)) bottom[x] = yBottom;
          }
          last[x] = y;
          state[x] = (state[x] as number) | SPAN_STATE.data;
          // previousX is NaN after a gap: not equal, not linked.
          if (previousX < x) linked[x] = 1;
        }
      }
      previousX = x;
      previousTop = yTop;
      previousBottom = yBottom;
      previousLast = y;
    }
    this.#endX = knownX;
    if (to > from) {
      if (decimated) this.decimated = true;
      if (columns.rows > this.rowsPerColumn) this.rowsPerColumn = columns.rows;
    }
  }

  /** Pixel columns between two columns of a sparse trace: straight lines. */
  #bridge(
    x0: number,
    top0: number,
    bottom0: number,
    y0: number,
    x1: number,
    top1: number,
    bottom1: number,
    y1: number,
  ): void {
    const per = 1 / (x1 - x0);
    const end = Math.min(x1, this.widthPx);
    for (let x = Math.max(0, x0 + 1); x < end; x++) {
      const part = (x - x0) * per;
      this.top[x] = top0 + (top1 - top0) * part;
      this.bottom[x] = bottom0 + (bottom1 - bottom0) * part;
      const y = y0 + (y1 - y0) * part;
      this.#first[x] = y;
      this.#last[x] = y;
      this.state[x] = (this.state[x] as number) | SPAN_STATE.data;
      this.#linked[x] = 1;
    }
  }

  #addGap(from: number, to: number, dirtyPx: number): void {
    // Gaps that end before are kept already.
    if (to < dirtyPx || from >= this.widthPx || this.gaps.length >= MOST_GAPS) return;
    this.gaps.push([from, to]);
  }

  #markOverload(x: number, low: number, high: number, upright: boolean): void {
    this.hasOverload = true;
    let bits = 0;
    if (high === Number.POSITIVE_INFINITY) bits |= upright ? SPAN_STATE.above : SPAN_STATE.below;
    if (low === Number.NEGATIVE_INFINITY) bits |= upright ? SPAN_STATE.below : SPAN_STATE.above;
    this.state[x] = (this.state[x] as number) | (bits || SPAN_STATE.above);
  }

  /** The line through each pixel column: with an envelope its middle, else through the samples; joined to the neighbours halfway. */
  #join(fromX: number): void {
    const { top, bottom, lineTop, lineBottom, state, widthPx } = this;
    const first = this.#first;
    const last = this.#last;
    const linked = this.#linked;
    const envelope = this.decimated;
    for (let x = fromX; x < widthPx; x++) {
      if (((state[x] as number) & SPAN_STATE.data) === 0) continue;
      const middle = ((top[x] as number) + (bottom[x] as number)) * 0.5;
      let low = envelope ? middle : (top[x] as number);
      let high = envelope ? middle : (bottom[x] as number);
      if (x > 0 && linked[x] === 1 && ((state[x - 1] as number) & SPAN_STATE.data) !== 0) {
        const before = envelope ? ((top[x - 1] as number) + (bottom[x - 1] as number)) * 0.5 : (last[x - 1] as number);
        const edge = (before + (envelope ? middle : (first[x] as number))) * 0.5;
        if (edge < low) low = edge;
        if (edge > high) high = edge;
      }
      if (x + 1 < widthPx && linked[x + 1] === 1 && ((state[x + 1] as number) & SPAN_STATE.data) !== 0) {
        const after = envelope ? ((top[x + 1] as number) + (bottom[x + 1] as number)) * 0.5 : (first[x + 1] as number);
        const edge = (after + (envelope ? middle : (last[x] as number))) * 0.5;
        if (edge < low) low = edge;
        if (edge > high) high = edge;
      }
      lineTop[x] = low;
      lineBottom[x] = high;
    }
  }
}

/** The column at or before an index where something is known, so that a gap that reaches into the view is seen. */
function knownBefore(columns: TraceColumns, index: number): number {
  let at = Math.max(columns.start, index);
  while (at > columns.start && Number.isNaN(columns.lows[at]) && columns.flags[at] !== COLUMN_FLAG.overload) at--;
  return at;
}

/** Runs of pixel columns with overload at the upper or at the lower edge, [from, to), closer than 8 pixels joined. */
export function overloadRuns(spans: TraceSpans, side: 'above' | 'below'): [number, number][] {
  const runs: [number, number][] = [];
  if (!spans.hasOverload) return runs;
  let run: [number, number] | undefined;
  for (let x = 0; x < spans.widthPx; x++) {
    if (((spans.state[x] as number) & SPAN_STATE[side]) === 0) continue;
    if (run && x - run[1] < 8) run[1] = x + 1;
    else {
      run = [x, x + 1];
      runs.push(run);
    }
  }
  return runs;
}
