import { LabError } from '../../../core/errors.ts';
import { decodeMessageIn, USBTMC_HEADER_BYTES } from '../../../protocol/usbtmc.ts';
import type { UsbDevice, UsbInResult } from './usb-device.ts';
import type { UsbtmcEndpoints } from './usbtmc-function.ts';
import type { UsbtmcQuirks } from './usbtmc-quirks.ts';
import type { UsbtmcRead } from './usbtmc-read.ts';

/** Longest wait for the empty packet behind an answer that fills its last one: not every device sends it. */
const SHORT_PACKET_MS = 200;
/** Most bytes of one USB request. */
const REQUEST_BYTES = 256 * 1024;
/** Most bytes of one answer a device may announce. */
const ANSWER_LIMIT_BYTES = 256 * 1024 * 1024;
/** Transfers of requests taken back that are passed over. */
const MAX_STALE = 16;

export interface UsbtmcAnswer {
  bytes: Uint8Array;
  end: boolean;
}

/**
 * Takes one DEV_DEP_MSG_IN transfer off bulk IN. The first wait is for one packet: until the header has come it may be aborted at any time
 * without losing a byte.
 */
export class UsbtmcAnswerReader {
  readonly #device: UsbDevice;
  readonly #endpoints: UsbtmcEndpoints;
  readonly #quirks: UsbtmcQuirks;

  constructor(device: UsbDevice, endpoints: UsbtmcEndpoints, quirks: UsbtmcQuirks) {
    this.#device = device;
    this.#endpoints = endpoints;
    this.#quirks = quirks;
  }

  /** Throws `protocol.*`, `transport.*`, the reason of the read. */
  async take(read: UsbtmcRead, tag: number): Promise<UsbtmcAnswer> {
    const { packetSize } = this.#endpoints.bulkIn;
    for (let stale = 0; stale < MAX_STALE; stale++) {
      const first = await this.#receive(read, packetSize);
      // The empty packet of the transfer before, come late.
      if (first.length === 0) continue;
      const header = decodeMessageIn(first);
      if (!header) throw malformed(`a header of ${first.length} bytes`);
      if (header.size > ANSWER_LIMIT_BYTES) throw tooLong(header.size);
      const chunks = [first.subarray(USBTMC_HEADER_BYTES)];
      const isWhole = await this.#takeRest(read, chunks, first.length, USBTMC_HEADER_BYTES + header.size);
      // The answer to a request that was taken back, come late: nobody's.
      if (header.tag !== tag) continue;
      if (this.#quirks.singleHeader) {
        const isRest = !isWhole || header.end;
        return { bytes: await this.#takeHeaderless(read, chunks, header.size, isRest), end: header.end || !isWhole };
      }
      if (!isWhole) throw malformed(`a transfer that ends before its ${header.size} bytes`);
      return { bytes: join(chunks).subarray(0, header.size), end: header.end };
    }
    throw malformed(`${MAX_STALE} answers nobody asked for`);
  }

  /** Reads on until the transfer has ended; whether `total` bytes came. */
  async #takeRest(read: UsbtmcRead, chunks: Uint8Array[], had: number, total: number): Promise<boolean> {
    const { packetSize } = this.#endpoints.bulkIn;
    let got = had;
    let isShort = had < packetSize;
    while (!isShort && got < total) {
      const length = Math.min(REQUEST_BYTES, Math.ceil((total - got) / packetSize) * packetSize);
      const bytes = await this.#receive(read, length);
      chunks.push(bytes);
      got += bytes.length;
      isShort = bytes.length < length;
    }
    // A full last packet: an empty one ends the transfer (3.3), or bytes of alignment.
    if (!isShort) await this.#awaitShortPacket(read);
    return got >= total;
  }

  async #awaitShortPacket(read: UsbtmcRead): Promise<void> {
    try {
      await this.#receive(read, this.#endpoints.bulkIn.packetSize, SHORT_PACKET_MS);
    } catch (error) {
      const isMissing = error instanceof LabError && error.code === 'transport.timeout' && !read.signal.aborted;
      if (!isMissing) throw error;
    }
  }

  /** The quirk of one header for all: what is missing comes unasked, in transfers of bare data. */
  async #takeHeaderless(read: UsbtmcRead, chunks: Uint8Array[], size: number, isRest: boolean): Promise<Uint8Array> {
    const { packetSize } = this.#endpoints.bulkIn;
    let bytes = join(chunks);
    const block = this.#quirks.singleHeader === 'block' ? blockSize(bytes) : undefined;
    const total = isRest ? (block ?? size) : Math.min(size, bytes.length);
    if (total > ANSWER_LIMIT_BYTES) throw tooLong(total);
    let got = bytes.length;
    const parts = [bytes];
    while (got < total) {
      const length = Math.min(REQUEST_BYTES, Math.ceil((total - got) / packetSize) * packetSize);
      const part = await this.#receive(read, length);
      parts.push(part);
      got += part.length;
    }
    bytes = join(parts);
    // The line end behind a block belongs to it.
    return bytes.subarray(0, block !== undefined && bytes[total] === 10 ? total + 1 : total);
  }

  async #receive(read: UsbtmcRead, length: number, timeoutMs?: number): Promise<Uint8Array> {
    const { signal } = read;
    const { number } = this.#endpoints.bulkIn;
    const { status, bytes }: UsbInResult = await this.#device.transferIn(number, length, { signal, timeoutMs });
    if (signal.aborted) {
      read.isDrained = status === 'ok' && bytes.length < length;
      throw signal.reason;
    }
    if (status === 'ok') return bytes;
    await this.#device.clearHalt('in', number);
    throw malformed(status === 'stall' ? 'no answer but a halted endpoint' : 'more than was asked for');
  }
}

/** Bytes of a 488.2 block with its header, or undefined. */
function blockSize(bytes: Uint8Array): number | undefined {
  const digits = bytes[0] === 0x23 ? (bytes[1] ?? 0) - 0x30 : 0;
  if (digits < 1 || digits > 9 || bytes.length < 2 + digits) return undefined;
  const size = Number(Buffer.from(bytes.subarray(2, 2 + digits)).toString('latin1'));
  return Number.isInteger(size) ? 2 + digits + size : undefined;
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function malformed(what: string): LabError {
  return new LabError(
    'protocol.malformed',
    `The USB instrument sent ${what}, which breaks USBTMC. The answer is not used. Ask again; if it stays, switch the instrument off and on.`,
  );
}

function tooLong(size: number): LabError {
  return new LabError(
    'protocol.too-long',
    `The USB instrument announces an answer of ${size} bytes; the limit is ${ANSWER_LIMIT_BYTES}. It is not used. Ask for less at a time.`,
    { size },
  );
}
