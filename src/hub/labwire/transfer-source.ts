import { LabError } from '../../core/errors.ts';
import { encodeFrame, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_TYPE } from '../../protocol/lab/labwire-frame.ts';
import type { BulkSource } from '../delivery/delivery-source.ts';
import type { TransferContent } from './transfer-content.ts';

export interface TransferSourceOptions {
  key: string;
  handle: number;
  content: TransferContent;
  /** First byte that is sent. */
  offset: number;
  /** A piece is there: it has its turn again. */
  onReady(): void;
  /** The last byte went out. */
  onDone(): void;
  /** It could not be read any further. */
  onFault(error: LabError): void;
}

/** Read from its place at once; bytes. */
const PIECE_BYTES = 256 * 1024;
/** A chunk carries some bytes, however small the window is. */
const LEAST_BYTES = 64;

/**
 * The bytes of one transfer as CHUNK frames: `seq` is the number of the first byte, `n` how many there are, LAST is on the last one. They go when nothing more
 * urgent does (BULK), wait under pressure, and go on where they stood.
 */
export class TransferSource implements BulkSource {
  readonly kind = 'bulk';
  readonly priority = 'BULK';
  readonly #options: TransferSourceOptions;
  #offset: number;
  #piece: { from: number; bytes: Uint8Array } | undefined;
  #isReading = false;
  #isDone = false;

  constructor(options: TransferSourceOptions) {
    this.#options = options;
    this.#offset = options.offset;
  }

  get key(): string {
    return this.#options.key;
  }

  get offset(): number {
    return this.#offset;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  take(maxBytes: number): Uint8Array | undefined {
    const { content, handle, onDone } = this.#options;
    if (this.#isDone) return undefined;
    const bytes = this.#next(Math.max(LEAST_BYTES, maxBytes - FRAME_HEADER_BYTES));
    if (!bytes) return undefined;
    const seq = this.#offset;
    this.#offset += bytes.length;
    this.#isDone = this.#offset >= content.sizeBytes;
    if (this.#isDone) queueMicrotask(onDone);
    return encodeFrame({
      type: FRAME_TYPE.chunk,
      flags: this.#isDone ? FRAME_FLAG.last : 0,
      codec: 'raw',
      dtype: 'f32',
      handle,
      channels: 0,
      seq,
      t0Ns: 0n,
      dtS: 0,
      rows: bytes.length,
      skipped: undefined,
      payload: bytes,
    });
  }

  /** Undefined: they are being read. Nothing at all is a piece, too. */
  #next(most: number): Uint8Array | undefined {
    const left = this.#options.content.sizeBytes - this.#offset;
    if (left <= 0) return new Uint8Array(0);
    const piece = this.#piece;
    if (!piece || this.#offset >= piece.from + piece.bytes.length) {
      this.#read(Math.min(left, PIECE_BYTES));
      if (this.#isReading || !this.#piece) return undefined;
    }
    const { from, bytes } = this.#piece ?? { from: 0, bytes: new Uint8Array(0) };
    const at = this.#offset - from;
    return bytes.subarray(at, at + most);
  }

  #read(bytes: number): void {
    if (this.#isReading) return;
    this.#piece = undefined;
    const from = this.#offset;
    const { content, onReady, onFault } = this.#options;
    const came = (read: Uint8Array): void => {
      if (read.length === 0) throw ended(from, content.sizeBytes);
      this.#piece = { from, bytes: read };
    };
    const fail = (thrown: unknown): void => {
      this.#isDone = true;
      onFault(LabError.from(thrown));
    };
    try {
      const read = content.read(from, bytes);
      if (!(read instanceof Promise)) {
        came(read);
        return;
      }
      this.#isReading = true;
      read
        .then(came)
        .catch(fail)
        .finally(() => {
          this.#isReading = false;
          onReady();
        });
    } catch (thrown) {
      queueMicrotask(() => fail(thrown));
    }
  }
}

function ended(at: number, sizeBytes: number): LabError {
  return new LabError(
    'hub.unavailable',
    `The content ended after ${at} of ${sizeBytes} bytes. What came is no whole; ask for it anew.`,
  );
}
