import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import { createDeferred } from '../../core/deferred.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { Chunk, type PackedRecords } from './chunk.ts';
import type { ChunkCodec } from './chunk-codec.ts';
import { cellRows } from './digest.ts';
import { EVENT_CHANNEL_ID, FIRST_PLAIN_SCHEMA_ID } from './file-layout.ts';
import { EXCHANGE_SCHEMA_RECORD, exchangeChannel, streamChannel } from './part-channels.ts';
import type { PartFile } from './part-file.ts';
import type { Piece } from './part-format.ts';
import { PartFormat } from './part-format.ts';
import { PlainRows } from './plain-rows.ts';
import { RowSpool } from './row-spool.ts';
import type { SerialQueue } from './serial-queue.ts';

export interface RecorderPartOptions {
  number: number;
  queue: SerialQueue;
  /** Undefined: chunks are not packed. */
  codec: ChunkCodec | undefined;
  /** Plain messages a second of each stream; undefined: none. */
  plainHz: number | undefined;
  openedMs: number;
}

/** What is in a channel of the part. */
export type ChannelContent = StreamInfo | 'events' | 'exchanges' | 'plain';

interface PartStream {
  info: StreamInfo;
  channel: number;
  blockRows: number;
  plain: PlainRows | undefined;
  plainChannel: number;
}

const encoder = new TextEncoder();

/**
 * One file of a recording while it is made: numbers its channels, fills its chunks, and queues what goes to the disk, in order. It keeps every chunk
 * until that is on the platter: what is not there when the disk fails can still go elsewhere.
 */
export class RecorderPart {
  readonly number: number;
  readonly openedMs: number;
  readonly format = new PartFormat();
  /** Of its slow streams, for the sidecar. */
  readonly rows = new RowSpool();
  /** Undefined until the queue has come to it. */
  file: PartFile | undefined;
  /** Where it lies when it is finished. */
  readonly #path = createDeferred<string>();
  readonly #queue: SerialQueue;
  readonly #codec: ChunkCodec | undefined;
  readonly #plainHz: number | undefined;
  readonly #content = new Map<number, ChannelContent>([[EVENT_CHANNEL_ID, 'events']]);
  readonly #streams = new Map<number, PartStream>();
  #chunk = new Chunk();
  #closed: Chunk[] = [];
  #closedBytes = 0;
  /** Of closed chunks the queue has not come to. */
  #waitingBytes = 0;
  #nextChannel = EVENT_CHANNEL_ID + 1;
  #nextSchema = FIRST_PLAIN_SCHEMA_ID;
  #exchangeChannel: number | undefined;
  #hasMessages = false;
  #isFinished = false;
  #isGivenUp = false;
  #isSettled = false;

  constructor({ number, queue, codec, plainHz, openedMs }: RecorderPartOptions) {
    this.number = number;
    this.openedMs = openedMs;
    this.#queue = queue;
    this.#codec = codec;
    this.#plainHz = plainHz;
    // Who waits for it is told; if nobody does, nobody need be.
    this.#path.promise.catch(() => undefined);
  }

  /** Its final path, once it is finished; rejects with a LabError if it never is. */
  get path(): Promise<string> {
    return this.#path.promise;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  get hasMessages(): boolean {
    return this.#hasMessages;
  }

  /** Channels announced. */
  get channels(): number {
    return this.#nextChannel;
  }

  /** Of the open chunk. */
  get chunkBytes(): number {
    return this.#chunk.bytes;
  }

  /** Of chunks that are not on the platter. */
  get heldBytes(): number {
    return this.#closedBytes + this.#chunk.bytes;
  }

  /** About how long the file will be when all closed chunks are in it. */
  get sizeBytes(): number {
    return this.format.offset + this.#waitingBytes;
  }

  announceHead(library: string): void {
    this.#append((format) => format.nextHead(library));
  }

  announceMetadata(name: string, entries: Map<string, string>): void {
    this.#append((format) => format.nextMetadata(name, entries));
  }

  announceStream(info: StreamInfo): void {
    const channel = this.#number(info);
    const blockRows = info.kind === 'segment' ? 0 : cellRows(info.rateHz);
    const plain = this.#plainHz === undefined ? undefined : new PlainRows(info, this.#plainHz);
    const stream = { info, channel, blockRows, plain, plainChannel: 0 };
    this.#streams.set(info.id, stream);
    this.#append((format) => format.nextChannel(streamChannel(channel, info)));
    if (!plain) return;
    stream.plainChannel = this.#number('plain');
    const records = plain.records(stream.plainChannel, this.#nextSchema++);
    this.#append((format) => format.nextChannel(records.channel, records.schema));
  }

  /** Borrows the batch, which owns its buffer. Its stream is announced. */
  addBatch(batch: Batch): void {
    const stream = this.#streams.get(batch.stream);
    if (!stream) return;
    this.#hasMessages = true;
    this.#chunk.addBatch(stream.channel, batch, new Uint8Array(batch.buffer), stream.blockRows);
    this.rows.add(stream.channel, stream.info, batch);
    if (!stream.plain) return;
    for (const { row, timeNs, text } of stream.plain.rows(batch)) {
      this.#chunk.addMessage(stream.plainChannel, row, timeNs, batch.arrivedNs, encoder.encode(text));
    }
  }

  addEvent(event: LabEvent, sequence: number, nowNs: bigint): void {
    this.#hasMessages = true;
    this.#chunk.addEvent(EVENT_CHANNEL_ID, sequence, BigInt(event.t), nowNs, JSON.stringify(event));
  }

  addExchange(exchange: ExchangeRecord, sequence: number, nowNs: bigint): void {
    this.#hasMessages = true;
    if (this.#exchangeChannel === undefined) {
      const channel = this.#number('exchanges');
      this.#exchangeChannel = channel;
      this.#append((format) => format.nextChannel(exchangeChannel(channel), EXCHANGE_SCHEMA_RECORD));
    }
    const data = encoder.encode(JSON.stringify(exchange));
    this.#chunk.addMessage(this.#exchangeChannel, sequence, BigInt(exchange.at), nowNs, data, true);
  }

  /** Closes the chunk, whatever it holds, and queues it. */
  flush(): void {
    const chunk = this.#chunk;
    if (chunk.messages === 0) return;
    this.#chunk = new Chunk();
    this.#closed.push(chunk);
    this.#closedBytes += chunk.bytes;
    this.#waitingBytes += chunk.bytes;
    const codec = this.#codec;
    let packing: Promise<PackedRecords | undefined> | undefined;
    const pack = (): void => {
      if (codec) packing ??= chunk.pack(codec);
    };
    const write = async (): Promise<void> => {
      pack();
      const packed = await packing;
      if (this.#isGivenUp) return;
      this.#waitingBytes -= chunk.bytes;
      const piece = this.format.nextChunk((offset) => chunk.close(offset, packed));
      await this.file?.append({ ...piece, commit: () => this.#commit(chunk, piece) });
    };
    this.#queue.push(chunk.bytes, write, pack);
  }

  /** Everything queued is in the file when it is called: writes index and end, and gives the file its name. Gives the name. */
  async finish(nowNs: bigint): Promise<string> {
    const { file, format } = this;
    if (!file) throw new Error('the part has no file');
    // What the index says must be on the platter.
    await file.sync();
    if (this.#isGivenUp && !this.#isSettled) throw new Error('the part was given up');
    await file.append(format.finish(nowNs));
    const path = await file.finish();
    this.#isFinished = true;
    this.#path.resolve(path);
    return path;
  }

  /**
   * After a failed write or sync: cuts off what is not surely in the file, adds the event that says why, and finishes it. Rejects if the disk does
   * not let it.
   */
  async save(last: LabEvent, sequence: number, nowNs: bigint): Promise<string> {
    const { file, format } = this;
    if (!file) throw new Error('the part has no file');
    // What was written before the failure may still get there.
    if (!this.#isGivenUp) await file.sync().catch(() => undefined);
    this.#isSettled = true;
    format.rewind();
    // Perhaps not even what says which recording it is.
    if (format.chunks === 0) throw new Error('nothing of the part is on the platter');
    await file.truncate(format.committed);
    const chunk = new Chunk();
    chunk.addEvent(EVENT_CHANNEL_ID, sequence, BigInt(last.t), nowNs, JSON.stringify(last));
    await file.append(format.nextChunk((offset) => chunk.close(offset)));
    return this.finish(nowNs);
  }

  /** It will never be finished. */
  fail(error: unknown): void {
    this.#path.reject(error);
  }

  /** Takes the chunks that are not on the platter, in order; they count here no more. */
  giveUp(): Chunk[] {
    this.#isGivenUp = true;
    if (!this.#isSettled) this.format.rewind();
    const chunks = this.#chunk.messages > 0 ? [...this.#closed, this.#chunk] : this.#closed;
    this.#closed = [];
    this.#closedBytes = 0;
    this.#chunk = new Chunk();
    this.#waitingBytes = 0;
    return chunks;
  }

  /** What is in a channel, as it was announced. */
  contentOf(channel: number): ChannelContent | undefined {
    return this.#content.get(channel);
  }

  #number(content: ChannelContent): number {
    const channel = this.#nextChannel++;
    this.#content.set(channel, content);
    return channel;
  }

  #commit(chunk: Chunk, piece: Piece): void {
    piece.commit();
    const at = this.#closed.indexOf(chunk);
    if (at < 0) return;
    this.#closed.splice(at, 1);
    this.#closedBytes -= chunk.bytes;
  }

  #append(make: (format: PartFormat) => Piece): void {
    this.#queue.push(0, async () => {
      await this.file?.append(make(this.format));
    });
  }
}
