import { crc32 } from 'node:zlib';
import { McapRecordBuilder } from '@mcap/core';
import type { Batch } from '../../core/batch.ts';
import type { StreamDigest } from './digest.ts';
import { addToDigest, createStreamDigest } from './digest.ts';
import { encodeDigest } from './digest-codec.ts';
import { CHUNK_HEADER_BYTES, DIGEST_OPCODE, MESSAGE_HEADER_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';

/** Batches up to this size are copied together; larger ones are written from where they are. */
const COPY_BYTES = 8192;
const ARENA_BYTES = 65_536;

/** A closed chunk with its message indexes and digest, ready to be appended; the buffers are borrowed until written. */
export interface ClosedChunk {
  buffers: Uint8Array[];
  bytes: number;
  /** The ChunkIndex record for the summary, and the digest, as bytes. */
  indexRecord: Uint8Array;
  digest: Uint8Array;
  messages: number;
  startNs: bigint;
  endNs: bigint;
  /** Messages per channel. */
  counts: Map<number, number>;
}

/**
 * The chunk being filled. McapChunkBuilder and McapRecordBuilder together copy each message four times on the way to the file; here a
 * large batch is never copied (the CRC runs over it where it is, and `writev` gathers), which leaves the engine's one core to the engine.
 */
export class Chunk {
  #buffers: Uint8Array[] = [];
  #arena = new Uint8Array(ARENA_BYTES);
  #view = new DataView(this.#arena.buffer);
  #filled = 0;
  #taken = 0;
  #bytes = 0;
  #messages = 0;
  #startNs = 0n;
  #endNs = 0n;
  #indexes = new Map<number, [bigint, bigint][]>();
  #digests = new Map<number, StreamDigest>();
  #events: string[] = [];

  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Adds a batch; borrows its buffer until the chunk is written. `blockRows`: see `addToDigest`. */
  addBatch(channel: number, batch: Batch, bytes: Uint8Array, blockRows: number): void {
    this.#add(channel, batch.seq, batch.t0Ns, batch.arrivedNs, bytes);
    let digest = this.#digests.get(channel);
    if (!digest) {
      digest = createStreamDigest(channel, batch.channels);
      this.#digests.set(channel, digest);
    }
    addToDigest(digest, batch, blockRows);
  }

  /** Adds an event as JSON text. */
  addEvent(channel: number, sequence: number, tNs: bigint, writtenNs: bigint, text: string): void {
    this.#add(channel, sequence, tNs, writtenNs, new TextEncoder().encode(text));
    this.#events.push(text);
  }

  #add(channel: number, sequence: number, logNs: bigint, publishNs: bigint, data: Uint8Array): void {
    // MCAP times are unsigned: what happened before 1970 is a wrong clock, kept in the batch itself.
    const log = logNs < 0n ? 0n : logNs;
    if (this.#messages === 0 || log < this.#startNs) this.#startNs = log;
    if (this.#messages === 0 || log > this.#endNs) this.#endNs = log;
    let index = this.#indexes.get(channel);
    if (!index) {
      index = [];
      this.#indexes.set(channel, index);
    }
    index.push([log, BigInt(this.#bytes)]);
    const isCopied = data.byteLength <= COPY_BYTES;
    this.#reserve(MESSAGE_HEADER_BYTES + (isCopied ? data.byteLength : 0));
    const at = this.#filled;
    const view = this.#view;
    view.setUint8(at, 0x05);
    view.setUint32(at + 1, data.byteLength + MESSAGE_HEADER_BYTES - RECORD_HEADER_BYTES, true);
    view.setUint32(at + 5, 0, true);
    view.setUint16(at + 9, channel, true);
    view.setUint32(at + 11, sequence % 0x1_0000_0000, true);
    view.setBigUint64(at + 15, log, true);
    view.setBigUint64(at + 23, publishNs < 0n ? 0n : publishNs, true);
    this.#filled += MESSAGE_HEADER_BYTES;
    if (isCopied) {
      this.#arena.set(data, this.#filled);
      this.#filled += data.byteLength;
    } else {
      this.#takeArena();
      this.#buffers.push(data);
    }
    this.#bytes += MESSAGE_HEADER_BYTES + data.byteLength;
    this.#messages++;
  }

  /** Closes the chunk, which starts at `offset` of the file. The object is spent. */
  close(offset: number): ClosedChunk {
    this.#takeArena();
    let crc = 0;
    for (const buffer of this.#buffers) crc = crc32(buffer, crc);
    const head = new Uint8Array(CHUNK_HEADER_BYTES);
    const view = new DataView(head.buffer);
    view.setUint8(0, 0x06);
    view.setBigUint64(1, BigInt(this.#bytes + CHUNK_HEADER_BYTES - RECORD_HEADER_BYTES), true);
    view.setBigUint64(9, this.#startNs, true);
    view.setBigUint64(17, this.#endNs, true);
    view.setBigUint64(25, BigInt(this.#bytes), true);
    view.setUint32(33, crc, true);
    view.setBigUint64(41, BigInt(this.#bytes), true);

    const chunkLength = CHUNK_HEADER_BYTES + this.#bytes;
    const records = new McapRecordBuilder();
    const messageIndexOffsets = new Map<number, bigint>();
    const counts = new Map<number, number>();
    for (const [channelId, index] of this.#indexes) {
      messageIndexOffsets.set(channelId, BigInt(offset + chunkLength + records.length));
      counts.set(channelId, index.length);
      records.writeMessageIndex({ channelId, records: index });
    }
    const messageIndexes = records.buffer;
    const indexRecord = chunkIndexRecord({
      offset,
      length: chunkLength,
      startNs: this.#startNs,
      endNs: this.#endNs,
      messageIndexOffsets,
      messageIndexLength: messageIndexes.byteLength,
    });
    const digest = encodeDigest({
      offset,
      length: chunkLength,
      streams: [...this.#digests.values()],
      events: this.#events,
    });
    return {
      buffers: [head, ...this.#buffers, messageIndexes, applicationHeader(digest.byteLength), digest],
      bytes: chunkLength + messageIndexes.byteLength + RECORD_HEADER_BYTES + digest.byteLength,
      indexRecord,
      digest,
      messages: this.#messages,
      startNs: this.#startNs,
      endNs: this.#endNs,
      counts,
    };
  }

  #reserve(bytes: number): void {
    if (this.#filled + bytes <= this.#arena.byteLength) return;
    this.#takeArena();
    this.#arena = new Uint8Array(Math.max(ARENA_BYTES, bytes));
    this.#view = new DataView(this.#arena.buffer);
    this.#filled = 0;
    this.#taken = 0;
  }

  #takeArena(): void {
    if (this.#filled > this.#taken) this.#buffers.push(this.#arena.subarray(this.#taken, this.#filled));
    this.#taken = this.#filled;
  }
}

/** The ChunkIndex record of an uncompressed chunk, for the summary. */
export function chunkIndexRecord(chunk: {
  offset: number;
  length: number;
  startNs: bigint;
  endNs: bigint;
  messageIndexOffsets: Map<number, bigint>;
  messageIndexLength: number;
}): Uint8Array {
  const records = new McapRecordBuilder();
  const size = BigInt(chunk.length - CHUNK_HEADER_BYTES);
  records.writeChunkIndex({
    messageStartTime: chunk.startNs,
    messageEndTime: chunk.endNs,
    chunkStartOffset: BigInt(chunk.offset),
    chunkLength: BigInt(chunk.length),
    messageIndexOffsets: chunk.messageIndexOffsets,
    messageIndexLength: BigInt(chunk.messageIndexLength),
    compression: '',
    compressedSize: size,
    uncompressedSize: size,
  });
  return records.buffer;
}

function applicationHeader(length: number): Uint8Array {
  const head = new Uint8Array(RECORD_HEADER_BYTES);
  const view = new DataView(head.buffer);
  view.setUint8(0, DIGEST_OPCODE);
  view.setBigUint64(1, BigInt(length), true);
  return head;
}
