/*
 * Bytes of a packed column, little endian, a multiple of 8 long:
 *
 *     0 u32 width of a rest: 0, 1, 2, 4 bytes; 8: the values themselves, f64   4 u32 values
 *     8 f64 base   16 f64 slope   24 rests, one per value, padded to 8
 *
 * value = base + floor(slope * index) + rest
 */
const HEAD_BYTES = 24;
/** Whole numbers up to here, and their differences, are exact. */
const MAX_WHOLE = 2 ** 52;

type Rests = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/**
 * Numbers in the fewest bytes that give them back exactly (0 for -0): a straight line and what each is off it. Row numbers, counts and times of measurements
 * lie on lines, so most columns take 24 bytes, whatever their length.
 */
export class PackedColumn {
  readonly length: number;
  readonly #base: number;
  readonly #slope: number;
  readonly #rests: Rests | undefined;

  private constructor(length: number, base: number, slope: number, rests: Rests | undefined) {
    this.length = length;
    this.#base = base;
    this.#slope = slope;
    this.#rests = rests;
  }

  /** The value at an index below `length`. */
  at(index: number): number {
    return this.#base + Math.floor(this.#slope * index) + (this.#rests ? (this.#rests[index] as number) : 0);
  }

  /** Each value is the one before it and `step`. */
  isLine(step: number): boolean {
    return this.#slope === step && !this.#rests;
  }

  /**
   * Lays a column over bytes that are aligned to 8; borrows them. Gives where it ends too.
   * @throws RangeError: the bytes are no such column.
   */
  static view(bytes: Uint8Array<ArrayBuffer>, at: number): { column: PackedColumn; end: number } {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.byteLength - at);
    const width = view.getUint32(0, true);
    const length = view.getUint32(4, true);
    const start = bytes.byteOffset + at + HEAD_BYTES;
    const end = at + columnBytes(length, width);
    if (end > bytes.byteLength) throw new RangeError('the column is longer than its bytes');
    const rests = width === 0 ? undefined : viewRests(bytes.buffer, start, length, width);
    return {
      column: new PackedColumn(length, view.getFloat64(8, true), view.getFloat64(16, true), rests),
      end,
    };
  }
}

function viewRests(buffer: ArrayBuffer, start: number, length: number, width: number): Rests {
  if (width === 1) return new Uint8Array(buffer, start, length);
  if (width === 2) return new Uint16Array(buffer, start, length);
  if (width === 4) return new Uint32Array(buffer, start, length);
  if (width === 8) return new Float64Array(buffer, start, length);
  throw new RangeError('no such column');
}

function columnBytes(length: number, width: number): number {
  return HEAD_BYTES + ((length * width + 7) & ~7);
}

interface Line {
  base: number;
  slope: number;
  /** Largest rest. */
  span: number;
}

/** The values from `from` to `to` as a packed column, one owned buffer. */
export function packColumn(values: ArrayLike<number>, from = 0, to = values.length): Uint8Array<ArrayBuffer> {
  const length = to - from;
  const line = lineThrough(values, from, to);
  const width = line ? widthOf(line.span) : 8;
  const bytes = new Uint8Array(columnBytes(length, width));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width, true);
  view.setUint32(4, length, true);
  view.setFloat64(8, line?.base ?? 0, true);
  view.setFloat64(16, line?.slope ?? 0, true);
  if (width === 0) return bytes;
  const rests = viewRests(bytes.buffer, HEAD_BYTES, length, width);
  for (let index = 0; index < length; index++) {
    const value = values[from + index] as number;
    rests[index] = line ? value - line.base - Math.floor(line.slope * index) : value;
  }
  return bytes;
}

function widthOf(span: number): number {
  if (span === 0) return 0;
  if (span < 0x100) return 1;
  return span < 0x1_0000 ? 2 : 4;
}

/** The line that leaves the smaller rests: level, or from the first value to the last. Undefined if none leaves whole rests below 2^32. */
function lineThrough(values: ArrayLike<number>, from: number, to: number): Line | undefined {
  if (from === to) return { base: 0, slope: 0, span: 0 };
  const first = values[from] as number;
  let isLevel = true;
  let isWhole = true;
  for (let index = from; index < to; index++) {
    const value = values[index] as number;
    if (!Object.is(value, first)) isLevel = false;
    if (!Number.isInteger(value) || Math.abs(value) > MAX_WHOLE) isWhole = false;
  }
  if (isLevel) return { base: first, slope: 0, span: 0 };
  if (!isWhole) return undefined;
  const level = lineOf(values, from, to, 0);
  const sloped = lineOf(values, from, to, ((values[to - 1] as number) - first) / (to - 1 - from));
  const best = sloped.span < level.span ? sloped : level;
  return best.span < 0x1_0000_0000 ? best : undefined;
}

function lineOf(values: ArrayLike<number>, from: number, to: number, slope: number): Line {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < to - from; index++) {
    const rest = (values[from + index] as number) - Math.floor(slope * index);
    if (rest < low) low = rest;
    if (rest > high) high = rest;
  }
  return { base: low, slope, span: high - low };
}
