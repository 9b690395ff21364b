/**
 * Values over CDP, which carries text only: JSON with tags for what JSON lacks. Runs in Node and in the page.
 * A top-level ArrayBuffer, the case that matters for speed, is base64 after one letter.
 */
type Tagged = { $: string; d: unknown };

const TYPED = { Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array };

function toBase64(bytes: Uint8Array): string {
  if (typeof Buffer !== 'undefined')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Buffer !== 'undefined') return new Uint8Array(Buffer.from(text, 'base64'));
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function pack(value: unknown): unknown {
  if (value === undefined) return { $: 'undefined', d: 0 };
  if (typeof value === 'bigint') return { $: 'bigint', d: String(value) };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $: 'number', d: String(value) };
  if (typeof value === 'function' || typeof value === 'symbol') throw new Error('An object could not be cloned.');
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof ArrayBuffer) return { $: 'ArrayBuffer', d: toBase64(new Uint8Array(value)) };
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
    return { $: value.constructor.name === 'Buffer' ? 'Uint8Array' : value.constructor.name, d: toBase64(bytes) };
  }
  if (Array.isArray(value)) return value.map(pack);
  if (value instanceof Error) return { $: 'Error', d: value.message };
  const packed: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) packed[key] = pack(field);
  return '$' in value ? { $: 'object', d: packed } : packed;
}

function unpackTagged({ $: tag, d }: Tagged): unknown {
  if (tag === 'undefined') return undefined;
  if (tag === 'bigint') return BigInt(String(d));
  if (tag === 'number') return Number(d);
  if (tag === 'Error') return new Error(String(d));
  if (tag === 'ArrayBuffer') return fromBase64(String(d)).buffer;
  if (tag in TYPED) return new TYPED[tag as keyof typeof TYPED](fromBase64(String(d)).buffer);
  if (tag === 'object') return unpackFields(d as Record<string, unknown>);
  throw new Error(`No value is tagged ${tag}.`);
}

function unpackFields(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, unpack(field)]));
}

function unpack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unpack);
  return '$' in value ? unpackTagged(value as Tagged) : unpackFields(value as Record<string, unknown>);
}

/** A value as text. Throws for what structured clone refuses too. */
export function encodeValue(value: unknown): string {
  if (value instanceof ArrayBuffer) return `b${toBase64(new Uint8Array(value))}`;
  return `j${JSON.stringify(pack(value))}`;
}

/** The value of a text made by `encodeValue`. */
export function decodeValue(text: string): unknown {
  return text.startsWith('b') ? fromBase64(text.slice(1)).buffer : unpack(JSON.parse(text.slice(1)));
}
