import { ByteQueue } from '../core/byte-queue.ts';
import { CR, LF } from './prologix.ts';

/** Sent by the adapter after the byte with EOI (`++eot_char`): a C1 control character, which no response in text holds. */
export const EOT = 0x9e;

/**
 * - `more`: nothing says that the message ended.
 * - `ended`: it did; the adapter is idle.
 * - `maybe`: the last byte is the end byte, in data where it may as well be data. Ask the adapter something: see `expect`.
 * - `expired`: the adapter finished the read without EOI (its timeout). The message goes on with another `++read`.
 */
export type ReplyVerdict = 'more' | 'ended' | 'maybe' | 'expired';

/**
 * Finds the end of an instrument's message in what an adapter passes on. The wire has no frames: bytes, then the end byte, which binary data may
 * hold too. The rule, exact for what 488.2 instruments say and safe for everything else:
 *
 *     text        printable characters; ends at LF and the end byte behind it. No byte of such text is the end byte.
 *     block       #<d><length>: the length says where the data end; the end byte counts only behind them.
 *     anything    the end byte, as the last that has come, only may be the end. Then the adapter is asked a question with an answer never given
 *                 before (`expect`): it answers when it has finished the read, so the message is over where `end byte + answer` is the last that
 *                 has come, and goes on where other bytes come first.
 *
 * Bytes that belong to the message for certain are in `data`.
 */
export class AdapterReply {
  readonly data: ByteQueue;
  /** Where a byte belongs: at the start, in text, in the header or the data of a block, in bytes of unknown kind. */
  #phase: 'start' | 'text' | 'header' | 'block' | 'unknown' = 'start';
  /** Digits of the block length that are still to come, and the length so far; bytes of the block still to come. */
  #digits = 0;
  #left = 0;
  /** The last byte that is certain to be of the message. */
  #last = -1;
  /** A block is complete: the end byte behind it needs no LF before. */
  #isBlockDone = false;
  /** Bytes held back: they may be end byte and marker. */
  #held: Uint8Array = NOTHING;
  #marker: Uint8Array | undefined;
  #ends: Uint8Array[] = [];
  readonly #eot: readonly Uint8Array[];

  /** `isDigitEot`: the adapter may print the end byte as a decimal number (AR488 from 0.52 on). `data`: where the bytes go, a queue of its own if absent. */
  constructor(options: { isDigitEot?: boolean; data?: ByteQueue } = {}) {
    this.data = options.data ?? new ByteQueue();
    this.#eot = options.isDigitEot ? EOTS : ONE_EOT;
  }

  /** A question was asked behind the read; `marker` is its answer without CR LF. */
  expect(marker: string): void {
    this.#marker = ascii(`${marker}\r\n`);
    const answer = this.#marker;
    this.#ends = this.#eot.map((eot) => join(eot, answer));
  }

  /** So far the message is text. Then an end byte most likely is the end, also without LF before it. */
  get isText(): boolean {
    return this.#phase === 'text';
  }

  get isExpecting(): boolean {
    return this.#marker !== undefined;
  }

  /** Looks at the next bytes of the adapter, and keeps them: nobody may write them again. */
  push(chunk: Uint8Array): ReplyVerdict {
    const bytes = this.#held.length === 0 ? chunk : join(this.#held, chunk);
    this.#held = NOTHING;
    return this.#marker ? this.#untilMarker(bytes, this.#marker) : this.#untilEot(bytes);
  }

  /** No question open: the end byte as the last one is the end, or may be. */
  #untilEot(bytes: Uint8Array): ReplyVerdict {
    if (bytes.length === 0) return 'more';
    if (bytes[bytes.length - 1] !== EOT) {
      this.#accept(bytes);
      return 'more';
    }
    this.#accept(bytes.subarray(0, -1));
    if (this.#phase === 'block' && this.#left > 0) {
      this.#accept(bytes.subarray(-1));
      return 'more';
    }
    if (this.#phase === 'text' && (this.#last === LF || this.#isBlockDone)) return 'ended';
    this.#held = bytes.slice(-1);
    return 'maybe';
  }

  #untilMarker(bytes: Uint8Array, marker: Uint8Array): ReplyVerdict {
    if (!endsWith(bytes, marker)) {
      const hold = Math.max(...[marker, ...this.#ends].map((pattern) => overlap(bytes, pattern)));
      this.#accept(bytes.subarray(0, bytes.length - hold));
      this.#held = bytes.slice(bytes.length - hold);
      return 'more';
    }
    this.#marker = undefined;
    const body = bytes.subarray(0, bytes.length - marker.length);
    const eot = this.#eot.find((one) => endsWith(body, one));
    this.#accept(body.subarray(0, body.length - (eot?.length ?? 0)));
    if (!eot) return 'expired';
    const isData = this.#phase === 'header' || (this.#phase === 'block' && this.#left > 0);
    if (isData) this.#accept(eot);
    return isData ? 'expired' : 'ended';
  }

  #accept(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.data.push(bytes);
    this.#last = bytes[bytes.length - 1] ?? -1;
    for (let at = 0; at < bytes.length && this.#phase !== 'unknown'; ) {
      if (this.#phase === 'block') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left > 0) continue;
        this.#phase = 'text';
        this.#isBlockDone = true;
      } else this.#step(bytes[at++] ?? 0);
    }
  }

  #step(byte: number): void {
    if (this.#phase === 'start') {
      if (byte === 0x23) this.#phase = 'header';
      else if (isText(byte)) this.#phase = 'text';
      else this.#phase = 'unknown';
    } else if (this.#phase === 'header') this.#header(byte);
    else if (!isText(byte)) this.#phase = 'unknown';
    // Text behind a block is a second answer: it ends by LF like any other.
    else if (byte !== CR && byte !== LF) this.#isBlockDone = false;
  }

  #header(byte: number): void {
    const digit = byte - 0x30;
    // #0 has no length, and #H, #Q, #B are numbers.
    if (digit < 0 || digit > 9) this.#phase = isText(byte) && this.#digits === 0 ? 'text' : 'unknown';
    else if (this.#digits === 0) {
      this.#digits = digit;
      if (digit === 0) this.#phase = 'unknown';
    } else {
      this.#left = this.#left * 10 + digit;
      this.#digits--;
      if (this.#digits > 0) return;
      this.#phase = this.#left > 0 ? 'block' : 'text';
      this.#isBlockDone = this.#left === 0;
    }
  }
}

const NOTHING = new Uint8Array(0);
const ONE_EOT: readonly Uint8Array[] = [Uint8Array.of(EOT)];
const EOTS: readonly Uint8Array[] = [...ONE_EOT, ascii(String(EOT))];

function isText(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 9 || byte === LF || byte === CR;
}

function endsWith(bytes: Uint8Array, pattern: Uint8Array): boolean {
  const start = bytes.length - pattern.length;
  return start >= 0 && pattern.every((byte, index) => bytes[start + index] === byte);
}

/** How many of the last bytes are the first of the pattern. */
function overlap(bytes: Uint8Array, pattern: Uint8Array): number {
  for (let count = Math.min(bytes.length, pattern.length - 1); count > 0; count--) {
    const start = bytes.length - count;
    let same = 0;
    while (same < count && bytes[start + same] === pattern[same]) same++;
    if (same === count) return count;
  }
  return 0;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
