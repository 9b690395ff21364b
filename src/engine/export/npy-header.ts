/*
 * The header of a .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): magic, version, length, and a Python
 * dictionary padded with spaces so that the data begin at a multiple of 64.
 */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const ALIGN_BYTES = 64;
/** A count of rows is never longer. */
const COUNT_DIGITS = 20;

/** A field of a structured array; the type as NumPy writes it: `<i8`, `<f4`, `<f8`. */
export interface NpyField {
  name: string;
  type: '<i8' | '<f4' | '<f8';
}

/**
 * The header of an array of one dimension. Its length does not depend on the number of rows, so it can be written before that is known.
 * Version 1; 2 if it is longer than 64 KiB, 3 if a name is not ASCII.
 */
export function npyHeader(type: NpyField['type'] | readonly NpyField[], rows: number): Uint8Array {
  const fields =
    typeof type === 'string'
      ? `'${type}'`
      : `[${type.map((field) => `(${pythonText(field.name)}, '${field.type}')`).join(', ')}]`;
  const dictionary = `{'descr': ${fields}, 'fortran_order': False, 'shape': (${rows},), }`;
  const text = new TextEncoder().encode(dictionary);
  const isAscii = text.every((byte) => byte < 128);
  const room = text.byteLength + COUNT_DIGITS - String(rows).length + 1;
  const version = !isAscii ? 3 : room + 10 + ALIGN_BYTES > 0xffff ? 2 : 1;
  const headBytes = version === 1 ? 10 : 12;
  const total = Math.ceil((headBytes + room) / ALIGN_BYTES) * ALIGN_BYTES;
  const header = new Uint8Array(total).fill(0x20);
  header.set(MAGIC);
  header[6] = version;
  header[7] = 0;
  const view = new DataView(header.buffer);
  if (version === 1) view.setUint16(8, total - headBytes, true);
  else view.setUint32(8, total - headBytes, true);
  header.set(text, headBytes);
  header[total - 1] = 0x0a;
  return header;
}

/** A name as a Python literal. */
function pythonText(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must be escaped.
  const escaped = name.replace(/[\\']/g, '\\$&').replace(/[\u0000-\u001f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `'${escaped}'`;
}
