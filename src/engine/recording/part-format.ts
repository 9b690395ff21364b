import { crc32 } from 'node:zlib';
import { McapRecordBuilder, Opcode } from '@mcap/core';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { ClosedChunk } from './chunk.ts';
import {
  BATCH_ENCODING,
  BATCH_SCHEMA,
  BATCH_SCHEMA_ID,
  BATCH_SCHEMA_TEXT,
  DIGEST_ATTACHMENT,
  DIGEST_MEDIA_TYPE,
  EVENT_CHANNEL_ID,
  EVENT_SCHEMA,
  EVENT_SCHEMA_ID,
  EVENT_SCHEMA_TEXT,
  EVENT_TOPIC,
  FILE_PROFILE,
} from './file-layout.ts';

/** Bytes to append to a part. `commit` is called once they are written: only then they count in the index. */
export interface Piece {
  buffers: Uint8Array[];
  bytes: number;
  commit(): void;
}

/**
 * Makes the bytes of one part, in order, and keeps what its summary will say. It does no I/O: `next…` advance `offset`, the caller
 * appends the pieces in that order. After a failed write: `rewind` to the last committed offset, then `finish`.
 */
export class PartFormat {
  readonly #channels = new Map<number, StreamInfo>();
  readonly #metadata: { offset: number; length: number; name: string }[] = [];
  readonly #chunkIndexes: Uint8Array[] = [];
  readonly #digests: Uint8Array[] = [];
  readonly #counts = new Map<number, bigint>();
  #messages = 0n;
  #startNs: bigint | undefined;
  #endNs = 0n;
  #indexBytes = 0;
  #offset: number;
  #committed: number;

  /** At an offset other than 0 it goes on with a file that is there: adopt its records first. */
  constructor(offset = 0) {
    this.#offset = offset;
    this.#committed = offset;
  }

  /** Where the next piece goes. */
  get offset(): number {
    return this.#offset;
  }

  /** End of what was written. */
  get committed(): number {
    return this.#committed;
  }

  /** Chunks written. */
  get chunks(): number {
    return this.#chunkIndexes.length;
  }

  /** Memory that index and digests hold. */
  get indexBytes(): number {
    return this.#indexBytes;
  }

  /** Magic, header, schemas and the channel of events. */
  nextHead(library: string): Piece {
    const records = new McapRecordBuilder();
    records.writeMagic();
    records.writeHeader({ profile: FILE_PROFILE, library });
    for (const schema of schemas()) records.writeSchema(schema);
    records.writeChannel(eventChannel());
    return this.#piece([records.buffer]);
  }

  nextMetadata(name: string, metadata: Map<string, string>): Piece {
    const entry = { offset: this.#offset, length: 0, name };
    const records = new McapRecordBuilder();
    records.writeMetadata({ name, metadata });
    entry.length = records.length;
    return this.#piece([records.buffer], () => this.#metadata.push(entry));
  }

  /** Announces a stream under a channel id of this part. */
  nextChannel(id: number, info: StreamInfo): Piece {
    const records = new McapRecordBuilder();
    records.writeChannel(streamChannel(id, info));
    return this.#piece([records.buffer], () => this.adoptChannel(id, info));
  }

  nextChunk(close: (offset: number) => ClosedChunk): Piece {
    const chunk = close(this.#offset);
    return this.#piece(chunk.buffers, () => this.adoptChunk(chunk));
  }

  adoptChannel(id: number, info: StreamInfo): void {
    this.#channels.set(id, info);
  }

  adoptMetadata(entry: { offset: number; length: number; name: string }): void {
    this.#metadata.push(entry);
  }

  adoptChunk(chunk: Pick<ClosedChunk, 'indexRecord' | 'digest' | 'messages' | 'startNs' | 'endNs' | 'counts'>): void {
    this.#chunkIndexes.push(chunk.indexRecord);
    this.#digests.push(chunk.digest);
    this.#indexBytes += chunk.indexRecord.byteLength + chunk.digest.byteLength;
    this.#messages += BigInt(chunk.messages);
    if (this.#startNs === undefined || chunk.startNs < this.#startNs) this.#startNs = chunk.startNs;
    if (chunk.endNs > this.#endNs) this.#endNs = chunk.endNs;
    for (const [channel, count] of chunk.counts) {
      this.#counts.set(channel, (this.#counts.get(channel) ?? 0n) + BigInt(count));
    }
  }

  /** Forgets what was never written. */
  rewind(): void {
    this.#offset = this.#committed;
  }

  /** Digests, end of data, summary, footer. `nowNs`: time of the attachment. */
  finish(nowNs: bigint): Piece {
    const records = new McapRecordBuilder();
    const data = concat(this.#digests);
    const attachmentOffset = BigInt(this.#offset);
    const attachment = { name: DIGEST_ATTACHMENT, mediaType: DIGEST_MEDIA_TYPE, logTime: nowNs, createTime: nowNs };
    records.writeAttachment({ ...attachment, data });
    const attachmentLength = BigInt(records.length);
    records.writeDataEnd({ dataSectionCrc: 0 });
    const dataEnd = records.buffer;
    const summaryStart = this.#offset + dataEnd.byteLength;

    records.reset();
    const groups: { groupOpcode: number; groupStart: bigint; groupLength: bigint }[] = [];
    const raw: Uint8Array[] = [];
    let length = 0;
    const group = (groupOpcode: number, write: () => void): void => {
      records.reset();
      write();
      const bytes = records.buffer;
      add(groupOpcode, [bytes]);
    };
    const add = (groupOpcode: number, buffers: Uint8Array[]): void => {
      const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
      if (bytes === 0) return;
      groups.push({ groupOpcode, groupStart: BigInt(summaryStart + length), groupLength: BigInt(bytes) });
      raw.push(...buffers);
      length += bytes;
    };
    group(Opcode.SCHEMA, () => {
      for (const schema of schemas()) records.writeSchema(schema);
    });
    group(Opcode.CHANNEL, () => {
      records.writeChannel(eventChannel());
      for (const [id, info] of this.#channels) records.writeChannel(streamChannel(id, info));
    });
    group(Opcode.STATISTICS, () => {
      records.writeStatistics({
        messageCount: this.#messages,
        schemaCount: 2,
        channelCount: this.#channels.size + 1,
        attachmentCount: 1,
        metadataCount: this.#metadata.length,
        chunkCount: this.#chunkIndexes.length,
        messageStartTime: this.#startNs ?? 0n,
        messageEndTime: this.#endNs,
        channelMessageCounts: this.#counts,
      });
    });
    add(Opcode.CHUNK_INDEX, this.#chunkIndexes);
    group(Opcode.ATTACHMENT_INDEX, () => {
      const index = {
        ...attachment,
        offset: attachmentOffset,
        length: attachmentLength,
        dataSize: BigInt(data.byteLength),
      };
      records.writeAttachmentIndex(index);
    });
    group(Opcode.METADATA_INDEX, () => {
      for (const { offset, length, name } of this.#metadata) {
        records.writeMetadataIndex({ offset: BigInt(offset), length: BigInt(length), name });
      }
    });
    records.reset();
    for (const offset of groups) records.writeSummaryOffset(offset);
    const offsets = records.buffer;

    // The footer's CRC covers the summary and the footer up to the CRC itself (spec, "Footer").
    const footer = { summaryStart: BigInt(summaryStart), summaryOffsetStart: BigInt(summaryStart + length) };
    records.reset();
    records.writeFooter({ ...footer, summaryCrc: 0 });
    let crc = 0;
    for (const bytes of raw) crc = crc32(bytes, crc);
    crc = crc32(offsets, crc);
    crc = crc32(records.buffer.subarray(0, records.length - 4), crc);
    records.reset();
    records.writeFooter({ ...footer, summaryCrc: crc });
    records.writeMagic();
    return this.#piece([dataEnd, ...raw, offsets, records.buffer]);
  }

  #piece(buffers: Uint8Array[], commit?: () => void): Piece {
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    this.#offset += bytes;
    return {
      buffers,
      bytes,
      commit: () => {
        this.#committed += bytes;
        commit?.();
      },
    };
  }
}

function schemas(): { id: number; name: string; encoding: string; data: Uint8Array }[] {
  const encoder = new TextEncoder();
  return [
    { id: BATCH_SCHEMA_ID, name: BATCH_SCHEMA, encoding: BATCH_ENCODING, data: encoder.encode(BATCH_SCHEMA_TEXT) },
    { id: EVENT_SCHEMA_ID, name: EVENT_SCHEMA, encoding: 'jsonschema', data: encoder.encode(EVENT_SCHEMA_TEXT) },
  ];
}

function eventChannel(): Parameters<McapRecordBuilder['writeChannel']>[0] {
  return {
    id: EVENT_CHANNEL_ID,
    schemaId: EVENT_SCHEMA_ID,
    topic: EVENT_TOPIC,
    messageEncoding: 'json',
    metadata: new Map(),
  };
}

function streamChannel(id: number, info: StreamInfo): Parameters<McapRecordBuilder['writeChannel']>[0] {
  return {
    id,
    schemaId: BATCH_SCHEMA_ID,
    topic: info.key,
    messageEncoding: BATCH_ENCODING,
    metadata: new Map([['stream', JSON.stringify({ ...info, id })]]),
  };
}

function concat(buffers: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0));
  let at = 0;
  for (const buffer of buffers) {
    all.set(buffer, at);
    at += buffer.byteLength;
  }
  return all;
}
