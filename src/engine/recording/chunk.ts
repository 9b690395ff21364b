import { crc32 } from 'node:zlib';
import { McapRecordBuilder } from '@mcap/core';
import type { Batch } from '../../core/batch.ts';
import type { ChunkCodec } from './chunk-codec.ts';
import { MAX_UNPACKED_BYTES } from './chunk-codec.ts';
import type { ChunkMessage } from './chunk-reader.ts';
import { messagesIn } from './chunk-reader.ts';
import { chunkIndexRecord, encodeChunkHead } from './chunk-record.ts';
import type { StreamDigest } from './digest.ts';
import { addToDigest, createStreamDigest } from './digest.ts';
import { encodeDigest } from './digest-codec.ts';
import { DIGEST_OPCODE, MESSAGE_HEADER_BYTES, RECORD_HEADER_BYTES } from './file-layout.ts';
import { listMessage } from './listed-messages.ts';

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
  /** What is in it, per stream. */
  streams: StreamDigest[];
}

/** The records of a chunk, packed. */
export interface PackedRecords {
  compression: ChunkCodec['name'];
  bytes: Uint8Array;
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

  /**
   * Adds a message that is no row and no event. `isListed`: the digest counts it, so that a reader knows which chunks hold any in a stretch of time.
   */
  addMessage(
    channel: number,
    sequence: number,
    logNs: bigint,
    publishNs: bigint,
    data: Uint8Array,
    isListed = false,
  ): void {
    this.#add(channel, sequence, logNs, publishNs, data);
    if (!isListed) return;
    listMessage(this.#digests, channel, sequence, logNs);
  }

  /** What was added so far, in order; the data are copies. */
  copyMessages(): ChunkMessage[] {
    return messagesIn(this.#copyContent());
  }

  /** The records packed; undefined if they do not become smaller, or cannot be packed. Nothing may be added any more. */
  async pack(codec: ChunkCodec): Promise<PackedRecords | undefined> {
    if (this.#bytes > MAX_UNPACKED_BYTES) return undefined;
    const bytes = await codec.pack(this.#copyContent()).catch(() => undefined);
    return bytes && bytes.byteLength < this.#bytes ? { compression: codec.name, bytes } : undefined;
  }

  #copyContent(): Uint8Array<ArrayBuffer> {
    this.#takeArena();
    const content = new Uint8Array(this.#bytes);
    let at = 0;
    for (const buffer of this.#buffers) {
      content.set(buffer, at);
      at += buffer.byteLength;
    }
    return content;
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

  /** Closes the chunk, which starts at `offset` of the file: its records as they are, or as `pack` gave them. Nothing may be added any more. */
  close(offset: number, packed?: PackedRecords): ClosedChunk {
    this.#takeArena();
    let crc = 0;
    for (const buffer of this.#buffers) crc = crc32(buffer, crc);
    const stored = packed ? [packed.bytes] : this.#buffers;
    const storedBytes = packed ? packed.bytes.byteLength : this.#bytes;
    const head = encodeChunkHead({
      startNs: this.#startNs,
      endNs: this.#endNs,
      unpackedBytes: this.#bytes,
      crc,
      compression: packed?.compression ?? '',
      storedBytes,
    });
    const chunkLength = head.byteLength + storedBytes;
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
      compression: packed?.compression ?? '',
      unpackedBytes: this.#bytes,
      messageIndexOffsets,
      messageIndexLength: messageIndexes.byteLength,
    });
    const streams = [...this.#digests.values()];
    const digest = encodeDigest({ offset, length: chunkLength, streams, events: this.#events });
    return {
      buffers: [head, ...stored, messageIndexes, applicationHeader(digest.byteLength), digest],
      bytes: chunkLength + messageIndexes.byteLength + RECORD_HEADER_BYTES + digest.byteLength,
      indexRecord,
      digest,
      messages: this.#messages,
      startNs: this.#startNs,
      endNs: this.#endNs,
      counts,
      streams,
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

function applicationHeader(length: number): Uint8Array {
  const head = new Uint8Array(RECORD_HEADER_BYTES);
  const view = new DataView(head.buffer);
  view.setUint8(0, DIGEST_OPCODE);
  view.setBigUint64(1, BigInt(length), true);
  return head;
}
