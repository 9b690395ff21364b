import { crc32 } from 'node:zlib';
import { McapRecordBuilder, Opcode } from '@mcap/core';
import type { ClosedChunk } from './chunk.ts';
import { DIGEST_ATTACHMENT, DIGEST_MEDIA_TYPE, EVENT_CHANNEL_ID, FILE_PROFILE, METADATA } from './file-layout.ts';
import { type ChannelRecord, EVENT_CHANNEL, OWN_SCHEMAS, type SchemaRecord } from './part-channels.ts';
import { PartTotals } from './part-totals.ts';

/** Bytes to append to a part. `commit` is called once they are on the platter: only then they count in the index. */
export interface Piece {
  buffers: Uint8Array[];
  bytes: number;
  commit(): void;
}

/**
 * Makes the bytes of one part, in order, and keeps what its summary will say. It does no I/O: `next…` advance `offset`, the caller
 * appends the pieces in that order. Once all are committed: `finish`. After a failed write: `rewind` to the last committed offset, then `finish`.
 */
export class PartFormat {
  readonly #schemas = new Map(OWN_SCHEMAS.map((schema) => [schema.id, schema]));
  readonly #channels = new Map<number, ChannelRecord>([[EVENT_CHANNEL_ID, EVENT_CHANNEL]]);
  readonly #totals: PartTotals | undefined;
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
  /** Goes up when what is made and not committed is given up. */
  #generation = 0;

  /** At an offset other than 0 it goes on with a file that is there: adopt its records first. What its writer counted is not known then. */
  constructor(offset = 0) {
    this.#offset = offset;
    this.#committed = offset;
    this.#totals = offset === 0 ? new PartTotals() : undefined;
  }

  /** Where the next piece goes. */
  get offset(): number {
    return this.#offset;
  }

  /** End of what is on the platter. */
  get committed(): number {
    return this.#committed;
  }

  /** Chunks committed. */
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
    for (const schema of this.#schemas.values()) records.writeSchema(schema);
    records.writeChannel(EVENT_CHANNEL);
    return this.#piece([records.buffer]);
  }

  nextMetadata(name: string, metadata: Map<string, string>): Piece {
    const entry = { offset: this.#offset, length: 0, name };
    const records = new McapRecordBuilder();
    records.writeMetadata({ name, metadata });
    entry.length = records.length;
    return this.#piece([records.buffer], () => this.#metadata.push(entry));
  }

  /** Announces a channel, and its schema if that is a new one. */
  nextChannel(channel: ChannelRecord, schema?: SchemaRecord): Piece {
    const records = new McapRecordBuilder();
    if (schema) records.writeSchema(schema);
    records.writeChannel(channel);
    return this.#piece([records.buffer], () => {
      if (schema) this.adoptSchema(schema);
      this.adoptChannel(channel);
    });
  }

  nextChunk(close: (offset: number) => ClosedChunk): Piece {
    const chunk = close(this.#offset);
    return this.#piece(chunk.buffers, () => {
      this.adoptChunk(chunk);
      this.#totals?.add(chunk.streams, chunk.counts, this.#channels);
    });
  }

  adoptSchema(schema: SchemaRecord): void {
    this.#schemas.set(schema.id, schema);
  }

  adoptChannel(channel: ChannelRecord): void {
    this.#channels.set(channel.id, channel);
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

  /** Gives up what is not committed: it goes elsewhere, and counts here no more even if it should be written yet. */
  rewind(): void {
    this.#offset = this.#committed;
    this.#generation++;
  }

  /** Totals, digests, end of data, summary, footer. `nowNs`: time of the attachment. */
  finish(nowNs: bigint): Piece {
    const records = new McapRecordBuilder();
    const listed = [...this.#metadata];
    if (this.#totals) {
      records.writeMetadata({ name: METADATA.totals, metadata: this.#totals.entries() });
      listed.push({ offset: this.#offset, length: records.length, name: METADATA.totals });
    }
    const totalsBytes = records.length;
    const data = concat(this.#digests);
    const attachmentOffset = BigInt(this.#offset + totalsBytes);
    const attachment = { name: DIGEST_ATTACHMENT, mediaType: DIGEST_MEDIA_TYPE, logTime: nowNs, createTime: nowNs };
    records.writeAttachment({ ...attachment, data });
    const attachmentLength = BigInt(records.length - totalsBytes);
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
      for (const schema of this.#schemas.values()) records.writeSchema(schema);
    });
    group(Opcode.CHANNEL, () => {
      for (const channel of this.#channels.values()) records.writeChannel(channel);
    });
    group(Opcode.STATISTICS, () => {
      records.writeStatistics({
        messageCount: this.#messages,
        schemaCount: this.#schemas.size,
        channelCount: this.#channels.size,
        attachmentCount: 1,
        metadataCount: listed.length,
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
      for (const { offset, length, name } of listed) {
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
    const generation = this.#generation;
    return {
      buffers,
      bytes,
      commit: () => {
        if (generation !== this.#generation) return;
        this.#committed += bytes;
        commit?.();
      },
    };
  }
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
