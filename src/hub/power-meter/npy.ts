/**
 * A trace in NumPy's format NPY 1.0: one structured array of `wavelengths` and `values`, both little-endian doubles. The header ends with a line feed and
 * is padded so that the data begin at a multiple of 64.
 */
export function encodeTrace(x: Float64Array, values: Float64Array): Uint8Array<ArrayBuffer> {
  const rows = Math.min(x.length, values.length);
  const about = `{'descr': [('wavelengths', '<f8'), ('values', '<f8')], 'fortran_order': False, 'shape': (${rows},), }`;
  const head = Math.ceil((10 + about.length + 1) / 64) * 64;
  const bytes = new Uint8Array(head + rows * 16);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, head - 10, true);
  bytes.set(new TextEncoder().encode(`${about.padEnd(head - 11)}\n`), 10);
  for (let row = 0; row < rows; row++) {
    view.setFloat64(head + row * 16, x[row] ?? Number.NaN, true);
    view.setFloat64(head + row * 16 + 8, values[row] ?? Number.NaN, true);
  }
  return bytes;
}
