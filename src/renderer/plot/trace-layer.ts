import {
  type LineStyle,
  type PixelBuffer,
  paintEnvelope,
  paintHairline,
  paintLine,
  shiftPixels,
} from './trace-raster.ts';
import type { TraceSpans } from './trace-spans.ts';

/** A trace ready for the layer. */
export interface LayerTrace {
  spans: TraceSpans;
  envelope: number;
  line: LineStyle;
}

/** What of the last picture still holds. */
export interface KeptPicture {
  shiftPx: number;
  fromPx: number;
}

/** Above so many traces lines are thinner: they are told apart by their hue, not by their width. */
const MANY_TRACES = 24;

/**
 * Pixels of many or dense traces: an ImageData filled by our own raster, put on a canvas of its own (which keeps it translucent)
 * and drawn into the plot in one piece. The cost is bounded by pixels, whatever the number of samples.
 */
export class TraceLayer {
  #canvas: OffscreenCanvas | undefined;
  #context: OffscreenCanvasRenderingContext2D | null = null;
  #image: ImageData | undefined;
  #buffer: PixelBuffer | undefined;

  /**
   * Paints all traces: envelopes first, so that no line hides under a neighbour's envelope. With `kept` the picture of the last time is moved
   * by `shiftPx` and only pixel columns from `fromPx` on are painted.
   */
  paint(widthPx: number, heightPx: number, traces: readonly LayerTrace[], kept?: KeptPicture): void {
    const isSame = this.#buffer?.widthPx === widthPx && this.#buffer.heightPx === heightPx;
    const buffer = this.#size(widthPx, heightPx);
    if (!buffer || !this.#image) return;
    const fromPx = kept && isSame ? kept.fromPx : 0;
    if (kept && isSame) shiftPixels(buffer, kept.shiftPx, fromPx);
    else buffer.pixels.fill(0);
    for (const { spans, envelope } of traces) {
      if (spans.decimated) paintEnvelope(buffer, spans, envelope, fromPx);
    }
    const isThin = traces.length > MANY_TRACES;
    for (const { spans, line } of traces) {
      if (isThin) paintHairline(buffer, spans, line.color, fromPx);
      else paintLine(buffer, spans, line, fromPx);
    }
    this.#context?.putImageData(this.#image, 0, 0);
  }

  /** Draws what was painted with its upper left corner at a point. */
  drawOn(context: CanvasRenderingContext2D, x: number, y: number): void {
    if (this.#canvas) context.drawImage(this.#canvas, x, y);
  }

  #size(widthPx: number, heightPx: number): PixelBuffer | undefined {
    if (widthPx < 1 || heightPx < 1) return undefined;
    if (this.#buffer?.widthPx === widthPx && this.#buffer.heightPx === heightPx) return this.#buffer;
    this.#canvas = new OffscreenCanvas(widthPx, heightPx);
    this.#context = this.#canvas.getContext('2d');
    this.#image = new ImageData(widthPx, heightPx);
    this.#buffer = { widthPx, heightPx, pixels: new Uint32Array(this.#image.data.buffer) };
    return this.#buffer;
  }
}
