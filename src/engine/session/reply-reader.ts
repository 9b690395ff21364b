import type { ByteQueue } from '../../core/byte-queue.ts';
import { LabError } from '../../core/errors.ts';
import { awaitsBlockTail, startsBlock, takeBlock488 } from '../../protocol/block488.ts';
import { startsPicture, wholePicture } from '../../protocol/picture.ts';
import { decodeLatin1, isResponseText, type ReadTermination, takeScpiLine } from '../../protocol/scpi-line.ts';

export interface ReplyLimits {
  maxLineBytes: number;
  maxBlockBytes: number;
}

/** A whole reply. A block asked for as a line is in `text` too (header and bytes, one character a byte): nothing of it is lost. */
export interface Reply {
  text: string;
  block: Uint8Array | undefined;
  /** Bytes on the wire, terminator included as far as it had come. */
  sizeBytes: number;
}

export interface TakeOptions {
  kind: 'line' | 'block';
  isEnd: boolean;
  isTailOptional: boolean;
  /** Bytes behind the reply do not spoil it. */
  isSurplusAllowed: boolean;
  /** A response header may stand in front of the block (`DAT2,#9…`, `C1:WF DAT2,#9…`); it is dropped. */
  hasPrefix?: boolean | undefined;
}

/** Longest response header in front of a block. */
const MAX_PREFIX_BYTES = 64;
const HASH = 0x23;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** Bytes of a wire to one reply at a time. */
export class ReplyReader {
  readonly #queue: ByteQueue;
  readonly #options: ReplyLimits & { termination: () => ReadTermination; isMessageBased: boolean };

  /** A picture without a block around it is all there; its terminator may still come. */
  #isPictureWhole = false;

  constructor(
    queue: ByteQueue,
    options: ReplyLimits & { termination: () => ReadTermination; isMessageBased: boolean },
  ) {
    this.#queue = queue;
    this.#options = options;
  }

  get hasRest(): boolean {
    return this.#queue.length > 0;
  }

  /** Only the terminator after the data of a block is missing. */
  get awaitsTail(): boolean {
    return this.#isPictureWhole || awaitsBlockTail(this.#queue);
  }

  /**
   * The usual answer without detours: a chunk that is one whole line. Gives what `push` and `take` would give; undefined: they decide. Nothing is
   * kept of it.
   */
  takeWhole(bytes: Uint8Array): Reply | undefined {
    const { termination, maxLineBytes } = this.#options;
    const first = bytes[0] ?? LF;
    let end = bytes.length - 1;
    if (bytes[end] !== LF || end > maxLineBytes || this.hasRest || termination() !== 'lf') return undefined;
    // Blanks are dropped before a reply, and blocks are counted.
    if (first <= SPACE || first === HASH) return undefined;
    while (bytes[end - 1] === CR) end--;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1');
    // A line end within is no text of a response either.
    return isResponseText(text) ? { text, block: undefined, sizeBytes: bytes.length } : undefined;
  }

  /** Copies: the transport lends its bytes until the next read only. */
  push(bytes: Uint8Array): void {
    this.#queue.push(new Uint8Array(bytes));
  }

  takeRest(): Uint8Array {
    this.#isPictureWhole = false;
    return this.#queue.take(this.#queue.length) ?? new Uint8Array(0);
  }

  /** `undefined`: not all has come. Throws protocol.malformed, protocol.too-long. */
  take(options: TakeOptions): Reply | undefined {
    const before = this.#queue.length;
    // An empty line is no reply (488.2 8.4: a response holds at least one element); it is what devices append to blocks, or noise.
    this.#skipBlanks();
    const mayHavePrefix = options.kind === 'block' && options.hasPrefix === true;
    if (mayHavePrefix && !this.#skipPrefix() && !options.isEnd) return undefined;
    const isBlock = startsBlock(this.#queue);
    if (isBlock === undefined && !(options.isEnd && this.#queue.length > 0)) return undefined;
    const reply = options.kind === 'block' || isBlock ? this.#takeBlock(options) : this.#takeLine(options);
    if (!reply) return undefined;
    reply.sizeBytes = before - this.#queue.length;
    if (!options.isSurplusAllowed) this.#refuseSurplus(reply);
    return reply;
  }

  #takeLine({ isEnd }: TakeOptions): Reply | undefined {
    const { termination, maxLineBytes, isMessageBased } = this.#options;
    const text = takeScpiLine(this.#queue, {
      termination: termination(),
      maxLineBytes,
      isEnd: isMessageBased && isEnd,
    });
    if (text === undefined) return undefined;
    if (!isResponseText(text)) throw noise(text);
    return { text, block: undefined, sizeBytes: 0 };
  }

  #takeBlock(options: TakeOptions): Reply | undefined {
    const { kind, isEnd, isTailOptional } = options;
    if (kind === 'block' && startsPicture(this.#queue)) return this.#takePicture(options);
    const block = takeBlock488(this.#queue, {
      maxBlockBytes: this.#options.maxBlockBytes,
      isEnd: this.#options.isMessageBased ? isEnd : undefined,
      isTailOptional,
    });
    if (!block) return undefined;
    const header = `#${String(block.length).length}${block.length}`;
    return { text: kind === 'line' ? header + decodeLatin1(block) : header, block, sizeBytes: 0 };
  }

  /** Some scopes send their screen as a bare file: it says its own length. */
  #takePicture({ isEnd, isTailOptional }: TakeOptions): Reply | undefined {
    const queue = this.#queue;
    const length = wholePicture(queue, this.#options.maxBlockBytes);
    const isLast = isEnd && this.#options.isMessageBased;
    if (length === undefined && isLast) {
      throw new LabError(
        'protocol.malformed',
        `The picture ended after ${queue.length} bytes, before its end. Try again.`,
      );
    }
    this.#isPictureWhole = length !== undefined && queue.length === length && !isTailOptional && !isLast;
    if (length === undefined || this.#isPictureWhole) return undefined;
    return { text: `picture of ${length} bytes`, block: queue.take(length), sizeBytes: 0 };
  }

  /**
   * One question has one response message (488.2 section 6). More means that either this reply or what follows belongs to another question;
   * nobody can tell which, so neither is used.
   */
  #refuseSurplus(reply: Reply): void {
    this.#skipBlanks();
    if (this.#queue.length === 0) return;
    throw new LabError(
      'protocol.malformed',
      `More than one reply came ('${reply.text.slice(0, 40)}' and ${this.#queue.length} bytes more). Which one answers the question cannot be told, so none is used. Ask again.`,
      { surplusBytes: this.#queue.length },
    );
  }

  /**
   * Drops printable text up to the first `#` of the line; anything else in front of a block stays, and is refused as none. False: more must come
   * before that can be told.
   */
  #skipPrefix(): boolean {
    if (startsPicture(this.#queue)) return true;
    for (let place = 0; place <= MAX_PREFIX_BYTES; place++) {
      const byte = this.#queue.peek(place);
      if (byte === undefined) return false;
      if (byte === HASH) this.#queue.skip(place);
      if (byte === HASH || byte < 0x20 || byte > 0x7e) return true;
    }
    return true;
  }

  #skipBlanks(): void {
    for (let next = this.#queue.peek(); next === LF || next === CR || next === SPACE; next = this.#queue.peek()) {
      this.#queue.skip(1);
    }
  }
}

function noise(text: string): LabError {
  const shown = text.slice(0, 40).replace(/[^\x20-\x7e]/g, '·');
  return new LabError(
    'protocol.malformed',
    `The reply '${shown}' holds bytes no instrument sends as text. It is not used. Check the baud rate and the cable, then ask again.`,
    { received: shown },
  );
}
