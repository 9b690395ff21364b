import { LabError } from '../core/errors.ts';
import { HISLIP } from './hislip.ts';
import { HISLIP_HEADER_BYTES, type HislipHeader, readHislipHeader } from './hislip-header.ts';

/** What came: a message whole, a piece of a Data or DataEND as it comes, or one that was too large and is left out. */
export type HislipEvent =
  | { kind: 'message'; header: HislipHeader; payload: Uint8Array }
  /** Borrows the pushed chunk. A message without payload is one piece of no bytes. */
  | { kind: 'piece'; header: HislipHeader; bytes: Uint8Array; isLast: boolean }
  | { kind: 'too-large'; header: HislipHeader };

export interface HislipDecoderOptions {
  /** Payload of one Data or DataEND; default 1 GiB. They are given in pieces, so this costs no memory. */
  maxDataBytes?: number | undefined;
  /** Payload of every other message, which is kept whole; default 64 KiB. */
  maxPayloadBytes?: number | undefined;
  /** After a message of such a type nothing is read on: what follows is another protocol (TLS). See `takeRest`. */
  haltAfter?: readonly number[] | undefined;
}

const EMPTY = new Uint8Array(0);

/**
 * Bytes of one HiSLIP channel to messages.
 *
 *     for (const event of decoder.push(chunk)) …     // the chunk is the decoder's from now on
 *
 * Throws `protocol.malformed` where a header does not begin with `HS` or announces an impossible length: where the next message begins cannot
 * be known then, and the decoder is of no more use (IVI-6.1 6.2, fatal error 1). Messages that came before it in the same chunk are given first;
 * the call after throws, and `isBroken` says so at once.
 */
export class HislipDecoder {
  readonly #maxDataBytes: number;
  readonly #maxPayloadBytes: number;
  readonly #haltAfter: readonly number[];
  readonly #head = new Uint8Array(HISLIP_HEADER_BYTES);
  #headBytes = 0;
  #header: HislipHeader | undefined;
  /** Payload bytes still to come of the message under way. */
  #missing = 0;
  #isSkipping = false;
  #payload: Uint8Array = EMPTY;
  #isHalted = false;
  #rest: Uint8Array = EMPTY;
  #broken: LabError | undefined;

  constructor(options: HislipDecoderOptions = {}) {
    this.#maxDataBytes = options.maxDataBytes ?? 1024 * 1024 * 1024;
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 64 * 1024;
    this.#haltAfter = options.haltAfter ?? [];
  }

  /** In the middle of a message. */
  get isInside(): boolean {
    return this.#headBytes > 0 || this.#header !== undefined;
  }

  /** A message of a type to halt after has come. */
  get isHalted(): boolean {
    return this.#isHalted;
  }

  /** No further message can be found. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  push(chunk: Uint8Array): HislipEvent[] {
    if (this.#broken) throw this.#broken;
    const events: HislipEvent[] = [];
    let at = 0;
    while (at < chunk.length && !this.#isHalted) {
      at = this.#header ? this.#takePayload(chunk, at, events) : this.#takeHeader(chunk, at, events);
      if (at >= 0) continue;
      if (events.length === 0) throw this.#broken;
      return events;
    }
    if (at < chunk.length) this.#rest = chunk.subarray(at);
    return events;
  }

  /** After a halt: the bytes behind the message, once. The decoder reads on after that. */
  takeRest(): Uint8Array {
    const rest = this.#rest;
    this.#rest = EMPTY;
    this.#isHalted = false;
    return rest;
  }

  /** Gives the position behind what was taken, or -1 if the header is none. */
  #takeHeader(chunk: Uint8Array, at: number, events: HislipEvent[]): number {
    const isWhole = this.#headBytes === 0 && chunk.length - at >= HISLIP_HEADER_BYTES;
    let head: Uint8Array = this.#head;
    let end = at + HISLIP_HEADER_BYTES;
    if (isWhole) head = chunk.subarray(at, end);
    else {
      end = Math.min(chunk.length, at + HISLIP_HEADER_BYTES - this.#headBytes);
      this.#head.set(chunk.subarray(at, end), this.#headBytes);
      this.#headBytes += end - at;
      if (this.#headBytes < HISLIP_HEADER_BYTES) return this.#isPrologueSound() ? end : this.#fail(this.#head);
    }
    const header = readHislipHeader(head);
    if (!header) return this.#fail(head);
    this.#headBytes = 0;
    this.#begin(header, events);
    return end;
  }

  /** What is no HiSLIP at all (a web browser) is seen with its first bytes, not only with the sixteenth. */
  #isPrologueSound(): boolean {
    return this.#head[0] === 0x48 && (this.#headBytes < 2 || this.#head[1] === 0x53);
  }

  #fail(head: Uint8Array): number {
    const hex = Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    this.#broken = new LabError(
      'protocol.malformed',
      `What came is no HiSLIP message (it begins ${hex}). Where the next one begins cannot be known, so the connection cannot go on. Check the port and attach it again.`,
      { head: hex },
    );
    return -1;
  }

  #begin(header: HislipHeader, events: HislipEvent[]): void {
    const isData = isDataType(header.type);
    this.#header = header;
    this.#missing = header.payloadBytes;
    this.#isSkipping = header.payloadBytes > (isData ? this.#maxDataBytes : this.#maxPayloadBytes);
    if (this.#isSkipping) events.push({ kind: 'too-large', header });
    else if (!isData) this.#payload = header.payloadBytes === 0 ? EMPTY : new Uint8Array(header.payloadBytes);
    if (header.payloadBytes === 0) this.#finish(EMPTY, events);
  }

  #takePayload(chunk: Uint8Array, at: number, events: HislipEvent[]): number {
    const header = this.#header;
    if (!header) return at;
    const end = Math.min(chunk.length, at + this.#missing);
    const bytes = chunk.subarray(at, end);
    const filled = header.payloadBytes - this.#missing;
    this.#missing -= bytes.length;
    if (!this.#isSkipping && !isDataType(header.type)) this.#payload.set(bytes, filled);
    if (this.#missing === 0) this.#finish(bytes, events);
    else if (!this.#isSkipping && isDataType(header.type)) events.push({ kind: 'piece', header, bytes, isLast: false });
    return end;
  }

  #finish(bytes: Uint8Array, events: HislipEvent[]): void {
    const header = this.#header;
    this.#header = undefined;
    if (!header || this.#isSkipping) {
      this.#isSkipping = false;
      return;
    }
    if (isDataType(header.type)) events.push({ kind: 'piece', header, bytes, isLast: true });
    else events.push({ kind: 'message', header, payload: this.#payload });
    this.#payload = EMPTY;
    this.#isHalted = this.#haltAfter.includes(header.type);
  }
}

function isDataType(type: number): boolean {
  return type === HISLIP.data || type === HISLIP.dataEnd;
}
