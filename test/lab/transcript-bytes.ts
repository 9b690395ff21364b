import type { FieldType, TranscriptBytes } from './transcript-schema.ts';
import { fillTemplate, type Names } from './transcript-template.ts';

const SIZES: Record<FieldType, number> = {
  u8: 1,
  i8: 1,
  u16le: 2,
  i16le: 2,
  u16be: 2,
  i16be: 2,
  i32le: 4,
  f32le: 4,
  f64le: 8,
  text: 0,
};

/** The bytes a transcript describes. */
export function makeBytes(described: TranscriptBytes, names: Names): Uint8Array<ArrayBuffer> {
  if (described.hex !== undefined) {
    return Uint8Array.from(described.hex.replace(/\s+/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  if (described.fields) {
    const bytes = new Uint8Array(described.length ?? 0);
    for (const { at, type, value } of described.fields) put(bytes, at, type, value);
    return bytes;
  }
  const { type = 'u8', values = [] } = described;
  const chosen = choose(values, described, names);
  const bytes = new Uint8Array(chosen.length * SIZES[type]);
  for (const [index, value] of chosen.entries()) put(bytes, index * SIZES[type], type, value);
  return bytes;
}

function choose(values: readonly number[], described: TranscriptBytes, names: Names): number[] {
  const number = (template: string | undefined, standard: number): number =>
    template === undefined ? standard : Number(fillTemplate(template, names));
  if (described.from !== undefined) {
    return values.slice(number(described.from, 1) - 1, number(described.to, values.length));
  }
  const step = Math.max(1, number(described.step, 1));
  const rest = values.slice(number(described.skip, 0)).filter((_, index) => index % step === 0);
  const count = number(described.count, 0);
  return count > 0 ? rest.slice(0, count) : rest;
}

function put(bytes: Uint8Array<ArrayBuffer>, at: number, type: FieldType, value: number | string | boolean): void {
  const view = new DataView(bytes.buffer);
  const number = Number(value);
  if (type === 'text') for (const [index, one] of [...String(value)].entries()) bytes[at + index] = one.charCodeAt(0);
  else if (type === 'u8') view.setUint8(at, number);
  else if (type === 'i8') view.setInt8(at, number);
  else if (type === 'u16le') view.setUint16(at, number, true);
  else if (type === 'i16le') view.setInt16(at, number, true);
  else if (type === 'u16be') view.setUint16(at, number, false);
  else if (type === 'i16be') view.setInt16(at, number, false);
  else if (type === 'i32le') view.setInt32(at, number, true);
  else if (type === 'f32le') view.setFloat32(at, number, true);
  else view.setFloat64(at, number, true);
}
