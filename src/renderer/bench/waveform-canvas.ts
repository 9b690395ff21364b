/** One trace of a waveform as min and max columns; both arrays equally long. */
export interface WaveformTrace {
  /** Number of the segment and of its rows per column: blocks of one segment share them. */
  number: number;
  n: number;
  firstRow: number;
  low: Float64Array;
  high: Float64Array;
  /** s */
  spanS: number;
}

const DIVISIONS_X = 12;
export const DIVISIONS_Y = 8;

/** A trace as it is drawn. `window`: least and greatest value of the scope's own screen; without it all such traces share one scale. */
export interface DrawnTrace extends WaveformTrace {
  color: string;
  window: { low: number; high: number } | undefined;
}

/** Draws traces as the scope shows them; what is beyond its screen lies on the edge. */
export function drawWaveform(canvas: HTMLCanvasElement, traces: readonly DrawnTrace[]): void {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  if (!context || width === 0 || height === 0) return;
  context.scale(ratio, ratio);
  drawGrid(context, width, height);
  const shared = rangeOf(traces.filter((trace) => !trace.window));
  for (const trace of traces) {
    const { low, high } = trace.window ?? shared;
    const toY = (value: number): number =>
      Math.min(height - 1, Math.max(1, height - ((value - low) / (high - low)) * height));
    context.strokeStyle = trace.color;
    context.lineWidth = 1.25;
    context.lineJoin = 'round';
    context.beginPath();
    const last = Math.max(1, trace.low.length - 1);
    for (let index = 0; index < trace.low.length; index++) {
      const bottom = trace.low[index] ?? Number.NaN;
      const top = trace.high[index] ?? Number.NaN;
      if (!Number.isFinite(bottom) || !Number.isFinite(top)) continue;
      const x = (index / last) * width;
      if (index === 0) context.moveTo(x, toY(bottom));
      else context.lineTo(x, toY(bottom));
      if (top !== bottom) context.lineTo(x, toY(top));
    }
    context.stroke();
  }
}

/** Least and greatest of all traces with a little air; ±1 if there is nothing. */
export function rangeOf(traces: readonly Pick<WaveformTrace, 'low' | 'high'>[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const trace of traces) {
    for (const value of trace.low) if (Number.isFinite(value) && value < low) low = value;
    for (const value of trace.high) if (Number.isFinite(value) && value > high) high = value;
  }
  if (low > high) return { low: -1, high: 1 };
  const air = (high - low || Math.abs(high) || 1) * 0.05;
  return { low: low - air, high: high + air };
}

/** Where a trace is that the scope's own screen does not show at all; undefined if any of it is seen. */
export function sideBeyond({
  low,
  high,
  window,
}: Pick<DrawnTrace, 'low' | 'high' | 'window'>): 'above' | 'below' | undefined {
  if (!window || low.length === 0) return undefined;
  if (low.every((value) => value > window.high)) return 'above';
  return high.every((value) => value < window.low) ? 'below' : undefined;
}

function drawGrid(context: CanvasRenderingContext2D, width: number, height: number): void {
  const style = getComputedStyle(document.documentElement);
  context.strokeStyle = style.getPropertyValue('--grid').trim();
  context.lineWidth = 1;
  context.beginPath();
  for (let column = 1; column < DIVISIONS_X; column++) {
    const x = Math.round((width * column) / DIVISIONS_X) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, height);
  }
  for (let row = 1; row < DIVISIONS_Y; row++) {
    const y = Math.round((height * row) / DIVISIONS_Y) + 0.5;
    context.moveTo(0, y);
    context.lineTo(width, y);
  }
  context.stroke();
}
