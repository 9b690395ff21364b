import { LabError } from '../core/errors.ts';

/** Puts values together as RFC 4506 has them: big endian, everything padded to four bytes. Bytes given are copied. */
export class XdrWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `capacity`: bytes at first; it grows. */
  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What was written so far; borrowed until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** RFC 4506 4.1. */
  int(value: number): void {
    // First the room: it may replace the view.
    const at = this.#reserve(4);
    this.#view.setInt32(at, value);
  }

  /** RFC 4506 4.2. */
  uint(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
  }

  /** RFC 4506 4.4. */
  bool(value: boolean): void {
    this.uint(value ? 1 : 0);
  }

  /** Variable-length opaque data, RFC 4506 4.10. */
  opaque(data: Uint8Array): void {
    this.uint(data.length);
    this.fixed(data);
  }

  /** Fixed-length opaque data, RFC 4506 4.9. */
  fixed(data: Uint8Array): void {
    const at = this.#reserve(padded(data.length));
    this.#bytes.set(data, at);
  }

  /** RFC 4506 4.11; VXI-11 and the portmapper know ASCII only, other characters are sent as UTF-8. */
  string(text: string): void {
    this.opaque(new TextEncoder().encode(text));
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }
}

/** Takes values apart again. Every call throws `protocol.malformed` when the bytes end too early or a length is beyond its limit. */
export class XdrReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** Borrows the bytes. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet; some devices pad what they send, so a rest is no error. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int(): number {
    return this.#view.getInt32(this.#take(4));
  }

  uint(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** Any value but 0 is true: some devices send others. */
  bool(): boolean {
    return this.uint() !== 0;
  }

  /** Borrowed from the bytes read. Padding that is missing at the very end is forgiven. */
  opaque(limitBytes: number): Uint8Array {
    const length = this.uint();
    if (length > limitBytes) throw malformed(`a field of ${length} bytes where at most ${limitBytes} may stand`);
    const at = this.#take(length);
    this.#at = Math.min(this.#at + padded(length) - length, this.#bytes.length);
    return this.#bytes.subarray(at, at + length);
  }

  string(limitBytes: number): string {
    return new TextDecoder().decode(this.opaque(limitBytes));
  }

  #take(count: number): number {
    const at = this.#at;
    if (this.left < count) throw malformed(`${count} more bytes expected where ${this.left} are left`);
    this.#at = at + count;
    return at;
  }
}

/** How a type of a protocol is written and read. */
export interface XdrType<T> {
  write(writer: XdrWriter, value: T): void;
  read(reader: XdrReader): T;
}

export const xdrInt: XdrType<number> = { write: (writer, value) => writer.int(value), read: (reader) => reader.int() };
export const xdrUint: XdrType<number> = {
  write: (writer, value) => writer.uint(value),
  read: (reader) => reader.uint(),
};
export const xdrBool: XdrType<boolean> = {
  write: (writer, value) => writer.bool(value),
  read: (reader) => reader.bool(),
};
export const xdrVoid: XdrType<void> = { write: () => {}, read: () => {} };

export function xdrOpaque(limitBytes: number): XdrType<Uint8Array> {
  return { write: (writer, value) => writer.opaque(value), read: (reader) => reader.opaque(limitBytes) };
}

export function xdrString(limitBytes: number): XdrType<string> {
  return { write: (writer, value) => writer.string(value), read: (reader) => reader.string(limitBytes) };
}

/** A structure: its fields one after the other, in the order they are given (RFC 4506 4.14). */
export function xdrStruct<T extends object>(fields: { [K in keyof T]: XdrType<T[K]> }): XdrType<T> {
  const entries = Object.entries(fields) as [keyof T & string, XdrType<T[keyof T]>][];
  return {
    write(writer, value) {
      for (const [name, type] of entries) type.write(writer, value[name]);
    },
    read: (reader) => Object.fromEntries(entries.map(([name, type]) => [name, type.read(reader)])) as T,
  };
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `The other side sent something that is no RPC message: ${what}. Nothing of it is used. If it stays, the port belongs to another service.`,
  );
}
