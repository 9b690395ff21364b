import type { Column } from '../../core/batch.ts';
import type { RowPage } from '../../core/ring.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { type ColumnGrid, encodeColumns, gridCodes } from '../../protocol/lab/labwire-columns.ts';
import {
  encodeFrame,
  FRAME_FLAG,
  FRAME_TYPE,
  type FrameCodec,
  type FrameSkip,
  frameBytes,
} from '../../protocol/lab/labwire-frame.ts';
import type { FrameCompressor } from './frame-compressor.ts';

/** How one client takes rows. */
export interface RowAccept {
  binary: boolean;
  codecs: ReadonlySet<FrameCodec>;
}

/** A stretch of rows as it goes out. */
export interface RowRun {
  handle: number;
  /** Indices into the page; `to` is after the last. */
  from: number;
  to: number;
  skipped: FrameSkip | undefined;
  isReplay: boolean;
}

/** Frames are made for rows that pack a little worse than the last ones, and never for more than so many times what fits unpacked. */
const SAFETY = 1.2;
const LEAST_RATIO = 1 / 16;

/** Columns of one stream that go out, and how its frames are made. */
export class RowForm {
  readonly indices: readonly number[];
  readonly #names: readonly string[];
  readonly #grids: readonly ColumnGrid[] | undefined;
  readonly #key: string;
  readonly #compressor: FrameCompressor | undefined;
  #codecs: ReadonlySet<FrameCodec>;
  /** Of what its values take, so much is left in a frame; a moving mean. */
  #ratio = 1;

  /** Without a compressor nothing is deflated. */
  constructor(
    info: Pick<StreamInfo, 'columns' | 'key'>,
    codecs: ReadonlySet<FrameCodec>,
    compressor?: FrameCompressor,
  ) {
    this.#key = info.key;
    this.#compressor = compressor;
    const kept = info.columns.flatMap((column, index) => (column.channel.startsWith('~') ? [] : [{ column, index }]));
    this.indices = kept.map(({ index }) => index);
    this.#names = kept.map(({ column }) => column.channel);
    const grids = kept.flatMap(({ column: { scale, offset } }) =>
      scale === undefined || scale === 0 ? [] : [{ scale, offset: offset ?? 0 }],
    );
    this.#grids = grids.length === kept.length && grids.length > 0 ? grids : undefined;
    this.#codecs = codecs;
  }

  set codecs(codecs: ReadonlySet<FrameCodec>) {
    this.#codecs = codecs;
  }

  get ratio(): number {
    return this.#ratio;
  }

  columnsOf(page: RowPage): Column[] {
    return this.indices.flatMap((index) => page.columns[index] ?? []);
  }

  /** Bytes of a row inside a frame. */
  rowBytes(page: RowPage): number {
    return this.indices.length * (page.columns[0]?.BYTES_PER_ELEMENT ?? 8) + (page.timeS ? 8 : 0);
  }

  /** Rows that fit a frame of so many bytes, packed as well as lately; at least one. `isSure`: they fit however badly they pack. */
  rowsIn(page: RowPage, maxBytes: number, isSure = false): number {
    const padding = (this.indices.length + 1) * 8;
    const room = (maxBytes - frameBytes(padding, true)) / this.rowBytes(page);
    return Math.max(1, Math.floor(isSure ? room : room / Math.min(1, Math.max(LEAST_RATIO, this.#ratio * SAFETY))));
  }

  /** One binary SAMPLES frame. */
  frame(page: RowPage, { handle, from, to, skipped, isReplay }: RowRun): Uint8Array<ArrayBuffer> {
    const columns = this.columnsOf(page).map((column) => column.subarray(from, to));
    const isFloat64 = columns[0] instanceof Float64Array;
    const t0Ns = timeOf(page, from);
    const timesS = page.timeS
      ? Float64Array.from({ length: to - from }, (_, row) => Number(timeOf(page, from + row) - t0Ns) / 1e9)
      : undefined;
    const beganMs = this.#compressor?.nowMs ?? 0;
    const raw = encodeColumns('raw', columns, timesS);
    const made = (payload: Uint8Array): Uint8Array => {
      if (raw.length > 0) this.#ratio += (payload.length / raw.length - this.#ratio) / 8;
      this.#compressor?.made(raw.length, payload.length, beganMs, columns[0]);
      return payload;
    };
    const base = {
      type: FRAME_TYPE.samples,
      handle,
      channels: columns.length,
      seq: page.firstRow + from,
      t0Ns,
      dtS: page.timeS ? 0 : page.dtS,
      rows: to - from,
      skipped,
    };
    const flags = isReplay ? FRAME_FLAG.replay : 0;
    const packed = this.#pack(columns, timesS);
    if (packed && packed.length < raw.length)
      return encodeFrame({ ...base, flags, codec: 'i16d-rice', dtype: 'i16', payload: made(packed) });
    const dtype = isFloat64 ? 'f64' : 'f32';
    const deflated = this.#deflate(raw);
    if (deflated)
      return encodeFrame({
        ...base,
        flags: flags | FRAME_FLAG.compressed,
        codec: 'deflate',
        dtype,
        payload: made(deflated),
      });
    return encodeFrame({ ...base, flags, codec: 'raw', dtype, payload: made(raw) });
  }

  /** One row as text: missing is null, overload is null and said beside. */
  text(page: RowPage, index: number, head: Record<string, unknown>): string {
    const state: Record<string, string> = {};
    const data = this.columnsOf(page).map((column, at) => {
      const value = column[index] ?? Number.NaN;
      if (Number.isFinite(value)) return value;
      if (!Number.isNaN(value)) state[this.#names[at] ?? ''] = value > 0 ? 'overload' : '-overload';
      return null;
    });
    return JSON.stringify({
      type: 'stream_data',
      ...head,
      seq: page.firstRow + index,
      t: Number(timeOf(page, index)) / 1000,
      data,
      ...(Object.keys(state).length > 0 ? { state } : {}),
    });
  }

  /** Undefined where a value does not come back from its grid to the last bit. */
  #pack(columns: readonly Column[], timesS: Float64Array | undefined): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#grids || !this.#codecs.has('i16d-rice')) return undefined;
    const codes: Int16Array[] = [];
    for (const [index, column] of columns.entries()) {
      const grid = this.#grids[index];
      if (!grid || !(column instanceof Float32Array)) return undefined;
      const packed = gridCodes(column, grid);
      if (!packed) return undefined;
      codes.push(packed);
    }
    return encodeColumns('i16d-rice', codes, timesS);
  }

  #deflate(raw: Uint8Array): Uint8Array | undefined {
    return this.#codecs.has('deflate') ? this.#compressor?.deflate(this.#key, raw) : undefined;
  }
}

/** ns since 1970 of a row of a page. */
export function timeOf(page: RowPage, index: number): bigint {
  const seconds = page.timeS ? (page.timeS[index] ?? 0) : index * page.dtS;
  return page.t0Ns + BigInt(Math.round(seconds * 1e9));
}
