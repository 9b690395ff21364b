/** How the payload of a frame holds its numbers. */
export const FRAME_ENCODINGS = ['text', 'hex', 'base64', 'binary'] as const;
export type FrameEncoding = (typeof FRAME_ENCODINGS)[number];

/** Numbers of a binary payload, little or big endian. */
export const BINARY_TYPES = [
  'u8',
  'i8',
  'u16le',
  'u16be',
  'i16le',
  'i16be',
  'u32le',
  'u32be',
  'i32le',
  'i32be',
  'f32le',
  'f32be',
  'f64le',
  'f64be',
] as const;
export type BinaryType = (typeof BINARY_TYPES)[number];

export interface FieldOptions {
  encoding: FrameEncoding;
  /** Between the fields of a text; default comma. */
  separator?: string;
  /** Types of the numbers, in order, for hex, base64 and binary; absent: each byte is a number. */
  layout?: readonly BinaryType[];
}

const latin1Digits = /^[\s]*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[\s]*$/i;
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The numbers of a payload; undefined: it is none of that form. Text fields that are no number are NaN, for a text may stand beside numbers. */
export function frameFields(payload: Uint8Array, options: FieldOptions): number[] | undefined {
  switch (options.encoding) {
    case 'text':
      return textFields(new TextDecoder('utf-8').decode(payload), options.separator ?? ',');
    case 'hex':
      return fromBytes(hexBytes(payload), options.layout);
    case 'base64':
      return fromBytes(base64Bytes(payload), options.layout);
    case 'binary':
      return fromBytes(payload, options.layout);
  }
}

function textFields(text: string, separator: string): number[] | undefined {
  const values = text.split(separator).map((field) => (latin1Digits.test(field) ? Number(field) : Number.NaN));
  return values.every((value) => Number.isNaN(value)) ? undefined : values;
}

function fromBytes(bytes: Uint8Array | undefined, layout: readonly BinaryType[] | undefined): number[] | undefined {
  if (!bytes || bytes.length === 0) return undefined;
  if (!layout) return Array.from(bytes);
  const size = layout.reduce((sum, type) => sum + sizeOf(type), 0);
  if (bytes.length !== size) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  return layout.map((type) => {
    const value = readNumber(view, at, type);
    at += sizeOf(type);
    return value;
  });
}

function sizeOf(type: BinaryType): number {
  return Number(/\d+/.exec(type)?.[0]) / 8;
}

function readNumber(view: DataView, at: number, type: BinaryType): number {
  const isLittle = type.endsWith('le');
  switch (type.replace(/[lb]e$/, '')) {
    case 'u8':
      return view.getUint8(at);
    case 'i8':
      return view.getInt8(at);
    case 'u16':
      return view.getUint16(at, isLittle);
    case 'i16':
      return view.getInt16(at, isLittle);
    case 'u32':
      return view.getUint32(at, isLittle);
    case 'i32':
      return view.getInt32(at, isLittle);
    case 'f32':
      return view.getFloat32(at, isLittle);
    default:
      return view.getFloat64(at, isLittle);
  }
}

/** Pairs of hex digits, blanks between them left out. */
function hexBytes(payload: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder('utf-8').decode(payload).replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})+$/i.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(index * 2, index * 2 + 2), 16),
  );
}

/** RFC 4648 4. */
function base64Bytes(payload: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder('utf-8').decode(payload).trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text.replace(/=/g, '')) {
    held = (held << 6) | BASE64.indexOf(character);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >>> bits) & 0xff);
    held &= (1 << bits) - 1;
  }
  return Uint8Array.from(bytes);
}
