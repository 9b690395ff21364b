import { LabError } from '../../../core/errors.ts';
import type { ColumnInfo } from '../../../core/stream-info.ts';

/** How a scope writes the codes of its samples. */
export interface CodeLayout {
  /** Bytes of a code. */
  width: 1 | 2;
  isSigned: boolean;
  isBigEndian: boolean;
}

/** What a code means: volts = (code - zero) * gain + base. Makers write the same line with other names and signs. */
export interface CodeScale {
  zero: number;
  gain: number;
  base: number;
}

/** Codes of a block to volts, from place `first` of `volts` on. The block is `codes`' own or borrowed: nothing of it is kept. */
export function scaleCodes(
  codes: Uint8Array,
  { width, isSigned, isBigEndian }: CodeLayout,
  { zero, gain, base }: CodeScale,
  volts: Float32Array,
  first = 0,
): void {
  const view = new DataView(codes.buffer, codes.byteOffset, codes.byteLength);
  const isLittleEndian = !isBigEndian;
  const count = Math.floor(codes.length / width);
  for (let index = 0; index < count; index++) {
    const at = index * width;
    let code: number;
    if (width === 1) code = isSigned ? view.getInt8(at) : view.getUint8(at);
    else code = isSigned ? view.getInt16(at, isLittleEndian) : view.getUint16(at, isLittleEndian);
    volts[first + index] = (code - zero) * gain + base;
  }
}

/** A waveform column with what one code is worth and how many bits it has. */
export function scaledColumn(column: ColumnInfo, { zero, gain, base }: CodeScale, { width }: CodeLayout): ColumnInfo {
  return { ...column, scale: gain, offset: base - zero * gain, bits: 8 * width };
}

/** Throws `protocol.malformed` if a block has not the points that were asked for. */
export function checkCount(codes: Uint8Array, width: number, wanted: number, source: string): void {
  if (codes.length === wanted * width) return;
  throw new LabError(
    'protocol.malformed',
    `The scope gave ${codes.length / width} points of ${source} where ${wanted} were asked for. Nothing was captured; try again.`,
  );
}
