import { crc32 } from 'node:zlib';
import type { OutFile } from './out-file.ts';

/*
 * A ZIP file whose members are stored as they are (APPNOTE 6.3.10), with sizes of 64 bits (4.5.3) throughout. Members have their length from the
 * start, so several can be filled at a time, each at its place.
 */
const LOCAL_BYTES = 30;
const LOCAL_EXTRA_BYTES = 20;
const CENTRAL_BYTES = 46;
const CENTRAL_EXTRA_BYTES = 28;
const VERSION = 45;
/** Names are UTF-8. */
const FLAGS = 0x0800;
const IN_EXTRA = 0xffff_ffff;

/** A member being filled, from its start on. */
export class StoredMember {
  readonly name: Uint8Array;
  readonly size: number;
  readonly headerAt: number;
  readonly #file: OutFile;
  #written = 0;
  crc = 0;

  constructor(file: OutFile, name: string, size: number, headerAt: number) {
    this.#file = file;
    this.name = new TextEncoder().encode(name);
    this.size = size;
    this.headerAt = headerAt;
  }

  get dataAt(): number {
    return this.headerAt + LOCAL_BYTES + this.name.byteLength + LOCAL_EXTRA_BYTES;
  }

  get isWhole(): boolean {
    return this.#written === this.size;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.crc = crc32(bytes, this.crc);
    await this.#file.writeAt(this.dataAt + this.#written, bytes);
    this.#written += bytes.byteLength;
  }
}

export class StoredZip {
  readonly #file: OutFile;
  readonly #members: StoredMember[] = [];
  readonly #stamp: number;
  #end = 0;

  /** `timeMs`: what the members say about when they are from; ms since 1970. */
  constructor(file: OutFile, timeMs: number) {
    this.#file = file;
    this.#stamp = dosTime(timeMs);
  }

  /** Makes room for a member of exactly so many bytes. */
  reserve(name: string, size: number): StoredMember {
    const member = new StoredMember(this.#file, name, size, this.#end);
    this.#end = member.dataAt + size;
    this.#members.push(member);
    return member;
  }

  /** Writes the headers and the directory. @throws Error: a member was not filled */
  async finish(): Promise<void> {
    const directory: Uint8Array[] = [];
    for (const member of this.#members) {
      if (!member.isWhole) throw new Error('a member of the ZIP file is not as long as it was to be');
      await this.#file.writeAt(member.headerAt, this.#local(member));
      directory.push(this.#central(member));
    }
    const length = directory.reduce((sum, { byteLength }) => sum + byteLength, 0);
    await this.#file.writeAt(this.#end, join(directory, length));
    await this.#file.writeAt(this.#end + length, this.#tail(length));
  }

  #local({ name, size, crc }: StoredMember): Uint8Array {
    const bytes = new Uint8Array(LOCAL_BYTES + name.byteLength + LOCAL_EXTRA_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x04034b50, true);
    this.#common(view, 4, crc, name);
    bytes.set(name, LOCAL_BYTES);
    view.setUint16(28, LOCAL_EXTRA_BYTES, true);
    sizes(view, LOCAL_BYTES + name.byteLength, size, 16);
    return bytes;
  }

  #central({ name, size, crc, headerAt }: StoredMember): Uint8Array {
    const bytes = new Uint8Array(CENTRAL_BYTES + name.byteLength + CENTRAL_EXTRA_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x02014b50, true);
    view.setUint16(4, VERSION, true);
    this.#common(view, 6, crc, name);
    view.setUint16(30, CENTRAL_EXTRA_BYTES, true);
    view.setUint32(42, IN_EXTRA, true);
    bytes.set(name, CENTRAL_BYTES);
    const extra = CENTRAL_BYTES + name.byteLength;
    sizes(view, extra, size, 24);
    view.setBigUint64(extra + 20, BigInt(headerAt), true);
    return bytes;
  }

  /** From the version needed to the length of the name: the same in both headers. */
  #common(view: DataView, at: number, crc: number, name: Uint8Array): void {
    view.setUint16(at, VERSION, true);
    view.setUint16(at + 2, FLAGS, true);
    view.setUint32(at + 6, this.#stamp, true);
    view.setUint32(at + 10, crc, true);
    view.setUint32(at + 14, IN_EXTRA, true);
    view.setUint32(at + 18, IN_EXTRA, true);
    view.setUint16(at + 22, name.byteLength, true);
  }

  #tail(length: number): Uint8Array {
    const bytes = new Uint8Array(56 + 20 + 22);
    const view = new DataView(bytes.buffer);
    const count = BigInt(this.#members.length);
    view.setUint32(0, 0x06064b50, true);
    view.setBigUint64(4, 44n, true);
    view.setUint16(12, VERSION, true);
    view.setUint16(14, VERSION, true);
    view.setBigUint64(24, count, true);
    view.setBigUint64(32, count, true);
    view.setBigUint64(40, BigInt(length), true);
    view.setBigUint64(48, BigInt(this.#end), true);
    view.setUint32(56, 0x07064b50, true);
    view.setBigUint64(64, BigInt(this.#end + length), true);
    view.setUint32(72, 1, true);
    view.setUint32(76, 0x06054b50, true);
    view.setUint16(84, 0xffff, true);
    view.setUint16(86, 0xffff, true);
    view.setUint32(88, IN_EXTRA, true);
    view.setUint32(92, IN_EXTRA, true);
    return bytes;
  }
}

/** The extra field with sizes of 64 bits. */
function sizes(view: DataView, at: number, size: number, length: number): void {
  view.setUint16(at, 1, true);
  view.setUint16(at + 2, length, true);
  view.setBigUint64(at + 4, BigInt(size), true);
  view.setBigUint64(at + 12, BigInt(size), true);
}

function join(pieces: Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}

/** Date and time of MS-DOS, UTC, in steps of 2 s from 1980 on. */
function dosTime(timeMs: number): number {
  const date = new Date(Math.max(timeMs, Date.UTC(1980, 0, 1)));
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  const day = (Math.min(127, date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  return ((day << 16) | time) >>> 0;
}
