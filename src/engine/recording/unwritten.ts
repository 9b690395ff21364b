import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import { batchBytes, rowTimeNs } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { Chunk } from './chunk.ts';
import { copyMessageBatch } from './chunk-reader.ts';
import { ownBatch } from './own-batch.ts';
import type { ChannelContent } from './recorder-part.ts';
import type { RepeatedPart } from './recording-about.ts';

/** Rows that were refused because nothing more could be held: in the recording they are lost. Times: ns since 1970. */
export interface RefusedRows {
  kind: 'refused';
  info: StreamInfo;
  /** Rows refused, and rows that were lost before and between them. */
  rows: number;
  /** Number of the row after them. */
  seq: number;
  fromNs: bigint;
  toNs: bigint;
}

/** What was offered to a recorder, in order; gaps are events. */
export type UnwrittenItem =
  | { kind: 'batch'; info: StreamInfo; batch: Batch }
  | { kind: 'event'; event: LabEvent }
  | { kind: 'exchange'; exchange: ExchangeRecord }
  | RefusedRows
  /** Rows that were refused, and a gap says so already; the next batch has to. */
  | { kind: 'lost'; info: StreamInfo; rows: number };

/** What a recorder that failed had not written, for the next one to `adopt`. */
export interface Unwritten {
  /** Its parts that were not finished, and where they surely end: what may lie behind that is in `items` once more. */
  parts: RepeatedPart[];
  /** The streams it knows; `hasRows`: rows of it are in the files. */
  streams: { info: StreamInfo; isOpen: boolean; hasRows: boolean }[];
  items: UnwrittenItem[];
}

/** Events and exchanges may take so much more than batches: they say why. */
const EVENT_BYTES = 1 << 20;
/** Bytes of an item that holds little. */
const ITEM_BYTES = 200;

/** Holds what comes after the disk has failed, until another recorder takes it; beyond its limit it refuses and says what. */
export class WaitingRoom {
  readonly items: UnwrittenItem[] = [];
  readonly #refused = new Map<number, RefusedRows>();
  #bytes = 0;

  /** `freeBytes`: what may be held beside what is held elsewhere. */
  addBatch(info: StreamInfo, batch: Batch, freeBytes: number): void {
    const bytes = batchBytes(batch.rows, batch.channels, batch.flags) + ITEM_BYTES;
    if (this.#bytes + bytes <= freeBytes) {
      this.#bytes += bytes;
      this.#refused.delete(info.id);
      this.items.push({ kind: 'batch', info, batch: ownBatch(batch) });
      return;
    }
    const toNs = batch.rows > 0 ? rowTimeNs(batch, batch.rows - 1) : batch.t0Ns;
    let refused = this.#refused.get(info.id);
    if (!refused) {
      refused = { kind: 'refused', info, rows: 0, seq: 0, fromNs: batch.t0Ns, toNs };
      this.#refused.set(info.id, refused);
      this.items.push(refused);
    }
    refused.rows += batch.rows + batch.lost;
    refused.seq = batch.seq + batch.rows;
    refused.toNs = toNs;
  }

  /** Holds what another recorder held, whatever its size. */
  adopt(items: readonly UnwrittenItem[]): void {
    for (const item of items) {
      this.items.push(item);
      this.#bytes += ITEM_BYTES + (item.kind === 'batch' ? item.batch.buffer.byteLength : 0);
    }
  }

  addEvent(event: LabEvent, freeBytes: number): void {
    this.#addSmall({ kind: 'event', event }, JSON.stringify(event).length, freeBytes);
  }

  addExchange(exchange: ExchangeRecord, freeBytes: number): void {
    this.#addSmall({ kind: 'exchange', exchange }, exchange.text.length, freeBytes);
  }

  #addSmall(item: UnwrittenItem, bytes: number, freeBytes: number): void {
    if (this.#bytes + bytes > freeBytes + EVENT_BYTES) return;
    this.#bytes += bytes + ITEM_BYTES;
    this.items.push(item);
  }
}

/** What is in a chunk that was not written; start and stop of the recording are the recorder's own. */
export function* unwrittenIn(
  chunk: Chunk,
  contentOf: (channel: number) => ChannelContent | undefined,
): Generator<UnwrittenItem> {
  for (const message of chunk.copyMessages()) {
    const content = contentOf(message.channel);
    if (content === undefined || content === 'plain') continue;
    if (content === 'events' || content === 'exchanges') {
      // It was made from such a record by the recorder itself.
      const record = JSON.parse(new TextDecoder().decode(message.data));
      if (content === 'exchanges') yield { kind: 'exchange', exchange: record };
      else if (record.kind !== 'start' && record.kind !== 'stop') yield { kind: 'event', event: record };
      continue;
    }
    const batch = copyMessageBatch(message, content.id);
    if (batch) yield { kind: 'batch', info: content, batch };
  }
}
