import { SPAN_STATE, type TraceSpans } from './trace-spans.ts';

/** Pixels of the trace layer, row by row; each one 0xAABBGGRR, not premultiplied (the bytes of an ImageData, little endian). */
export interface PixelBuffer {
  widthPx: number;
  heightPx: number;
  pixels: Uint32Array;
}

/**
 * How a line is drawn. `color`: 0xAABBGGRR, opaque. `dash`: pixels full, faint, full, faint; empty for a full line. Faint, not absent:
 * a hole in a line would look like a gap in the data.
 */
export interface LineStyle {
  color: number;
  widthPx: number;
  dash: readonly number[];
  /** Pixel number at which the dash pattern begins, so that it moves with the data. */
  dashFromPx: number;
}

/** How much of the colour the faint parts of a dashed line have. */
const FAINT = 0.4;

/** Fills each pixel column from the lowest to the highest sample. `color` is translucent; a trace drawn later covers one drawn before. Pixel columns before `fromPx` stay. */
export function paintEnvelope(buffer: PixelBuffer, spans: TraceSpans, color: number, fromPx = 0): void {
  const { pixels, widthPx, heightPx } = buffer;
  const { top, bottom, state } = spans;
  const width = Math.min(widthPx, spans.widthPx);
  for (let x = fromPx; x < width; x++) {
    if (((state[x] as number) & SPAN_STATE.data) === 0) continue;
    // The pixel that holds the sample is covered, however thin the span: no extreme is lost.
    const from = Math.max(0, Math.floor(top[x] as number));
    const to = Math.min(heightPx - 1, Math.floor(bottom[x] as number));
    const end = to * widthPx + x;
    for (let offset = from * widthPx + x; offset <= end; offset += widthPx) pixels[offset] = color;
  }
}

/** Draws the line through the pixel columns, `style.widthPx` thick, its ends smoothed. */
export function paintLine(buffer: PixelBuffer, spans: TraceSpans, style: LineStyle, fromPx = 0): void {
  const { pixels, widthPx, heightPx } = buffer;
  const { lineTop, lineBottom, state } = spans;
  const half = style.widthPx / 2;
  const { color } = style;
  const width = Math.min(widthPx, spans.widthPx);
  const dashed = style.dash.length > 1 ? dashMask(style.dash) : undefined;
  for (let x = fromPx; x < width; x++) {
    if (((state[x] as number) & SPAN_STATE.data) === 0) continue;
    const top = (lineTop[x] as number) - half;
    const bottom = (lineBottom[x] as number) + half;
    if (bottom <= 0 || top >= heightPx) continue;
    const solidFrom = Math.max(0, Math.ceil(top));
    const solidTo = Math.min(heightPx, Math.floor(bottom));
    if (dashed && dashed[modulo(x + style.dashFromPx, dashed.length)] === 0) {
      for (let y = solidFrom; y < solidTo; y++) blend(pixels, y * widthPx + x, color, FAINT);
      continue;
    }
    let offset = solidFrom * widthPx + x;
    for (let y = solidFrom; y < solidTo; y++, offset += widthPx) pixels[offset] = color;
    if (top > 0 && solidFrom > top) blend(pixels, (solidFrom - 1) * widthPx + x, color, solidFrom - top);
    if (bottom < heightPx && bottom > solidTo) blend(pixels, solidTo * widthPx + x, color, bottom - solidTo);
  }
}

/** Colour over a pixel with a coverage 0…1. */
function blend(pixels: Uint32Array, offset: number, color: number, coverage: number): void {
  const below = pixels[offset] as number;
  const alpha = below >>> 24;
  if (alpha < 200) {
    // Nothing or a translucent envelope below: the line's hue, as opaque as both together.
    pixels[offset] = ((color & 0xffffff) | (Math.round(alpha + (255 - alpha) * coverage) << 24)) >>> 0;
    return;
  }
  const part = Math.round(coverage * 256);
  const redBlue = below & 0xff00ff;
  const green = below & 0x00ff00;
  const mixed =
    ((redBlue + ((((color & 0xff00ff) - redBlue) * part) >> 8)) & 0xff00ff) |
    ((green + ((((color & 0x00ff00) - green) * part) >> 8)) & 0x00ff00);
  pixels[offset] = (mixed | 0xff000000) >>> 0;
}

const masks = new Map<string, Uint8Array>();

/** 1 where the pattern draws. Patterns are few and fixed, so the cache is bounded by the palette. */
function dashMask(dash: readonly number[]): Uint8Array {
  const key = dash.join();
  let mask = masks.get(key);
  if (!mask) {
    mask = Uint8Array.from(
      dash.flatMap((length, index) => Array<number>(Math.max(1, Math.round(length))).fill(1 - (index % 2))),
    );
    masks.set(key, mask);
  }
  return mask;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** Draws the line one pixel wide and sharp: for very many traces. */
export function paintHairline(buffer: PixelBuffer, spans: TraceSpans, color: number, fromPx = 0): void {
  const { pixels, widthPx, heightPx } = buffer;
  const { lineTop, lineBottom, state } = spans;
  const width = Math.min(widthPx, spans.widthPx);
  for (let x = fromPx; x < width; x++) {
    if (((state[x] as number) & SPAN_STATE.data) === 0) continue;
    const from = Math.max(0, Math.floor(lineTop[x] as number));
    const to = Math.min(heightPx - 1, Math.floor(lineBottom[x] as number));
    const end = to * widthPx + x;
    for (let offset = from * widthPx + x; offset <= end; offset += widthPx) pixels[offset] = color;
  }
}

/** Moves the picture to the left by whole pixels and clears the pixel columns from `fromPx` on. */
export function shiftPixels(buffer: PixelBuffer, shiftPx: number, fromPx: number): void {
  const { pixels, widthPx, heightPx } = buffer;
  // Row by row in one move: what a row takes over from the next lies in the columns cleared below.
  if (shiftPx > 0) pixels.copyWithin(0, shiftPx);
  for (let row = 0; row < heightPx; row++) pixels.fill(0, row * widthPx + fromPx, (row + 1) * widthPx);
}
