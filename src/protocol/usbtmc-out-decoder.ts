import { ByteQueue } from '../core/byte-queue.ts';
import { type BulkOutHeader, decodeBulkOut, paddedSize, USBTMC_HEADER_BYTES } from './usbtmc.ts';

/** A piece of what came on bulk OUT, as a device takes it. `bytes` is borrowed. */
export type BulkOutPiece =
  | { kind: 'data'; tag: number; bytes: Uint8Array; end: boolean }
  | Exclude<BulkOutHeader, { kind: 'message' }>;

/**
 * The receiving half of a USBTMC device: packets of bulk OUT in, pieces of messages out, in order.
 *
 *     decoder.push(packets);
 *     for (let piece = decoder.take(); piece; piece = decoder.take()) …
 *
 *     idle ──message header──▶ data ──size bytes──▶ padding ──▶ idle       (a request or trigger is its header alone)
 *
 * `take` throws `protocol.malformed` for a header that breaks the class; the endpoint is halted then, and `clear` begins anew.
 */
export class UsbtmcOutDecoder {
  readonly #queue = new ByteQueue({ limitBytes: 4 * 1024 * 1024 });
  #open: { tag: number; left: number; padding: number; end: boolean } | undefined;

  /** Tag of the message transfer that has begun and not ended. */
  get openTag(): number | undefined {
    return this.#open?.tag;
  }

  push(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  take(): BulkOutPiece | undefined {
    if (!this.#open) return this.#takeHeader();
    return this.#takeData(this.#open);
  }

  /** Forgets what was begun. */
  clear(): void {
    this.#queue.clear();
    this.#open = undefined;
  }

  #takeHeader(): BulkOutPiece | undefined {
    const header = decodeBulkOut(this.#queue.view(USBTMC_HEADER_BYTES) ?? new Uint8Array(0));
    if (!header) return undefined;
    this.#queue.skip(USBTMC_HEADER_BYTES);
    if (header.kind !== 'message') return header;
    const padding = paddedSize(USBTMC_HEADER_BYTES + header.size) - USBTMC_HEADER_BYTES - header.size;
    this.#open = { tag: header.tag, left: header.size, padding, end: header.end };
    return this.#takeData(this.#open);
  }

  #takeData(open: { tag: number; left: number; padding: number; end: boolean }): BulkOutPiece | undefined {
    const count = Math.min(open.left, this.#queue.length);
    // The last piece waits for its padding: the transfer is over with it.
    const isLast = count === open.left;
    if (isLast && this.#queue.length < count + open.padding) return undefined;
    if (count === 0) return undefined;
    const bytes = this.#queue.view(count) ?? new Uint8Array(0);
    this.#queue.skip(count + (isLast ? open.padding : 0));
    open.left -= count;
    if (isLast) this.#open = undefined;
    return { kind: 'data', tag: open.tag, bytes, end: isLast && open.end };
  }
}
