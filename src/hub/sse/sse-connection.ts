import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { LabError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import type { FeedHold } from '../bench/feed-table.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import { deliveryOptions, NATIVE_DELIVERY } from '../delivery/delivery-options.ts';
import type { Attachment } from '../delivery/delivery-source.ts';
import { Outbox } from '../delivery/outbox.ts';
import { outboxCounts } from '../delivery/outbox-counts.ts';
import type { HubParts } from '../hub-parts.ts';
import { FeedSource } from '../labwire/feed-source.ts';
import { readHistory } from '../labwire/history-desk.ts';
import { textMessage } from '../labwire/outgoing.ts';
import type { PastReader } from '../labwire/past-reader.ts';
import { paceOf } from '../labwire/stream-pace.ts';
import { createSseWire, sseEvent } from './sse-wire.ts';

export interface SseRequest {
  /** `equipment/stream`. */
  key: string;
  /** The engine's key of it. */
  feedKey: string;
  intervalMs: number;
  /** Where a client that comes back is. */
  last: { epoch: number; seq: number } | undefined;
  principal: Principal;
  address: string;
}

/** A comment now and then keeps proxies from closing; ms. */
const COMMENT_MS = 15_000;
/** Gives up waiting for a reader that does not read; ms. */
const END_LIMIT_MS = 2000;
/** Rows a client that comes back gets of what it missed; what is older is named as a gap. */
const MAX_REPLAY_ROWS = 10_000;
const MAX_FRAME_BYTES = 64 * 1024;
const ACCEPT = { binary: false, codecs: new Set(['raw'] as const) };

/**
 * One stream for one reader over HTTP: rows as they come, each with its number; a reader that comes back with `Last-Event-ID` gets what it missed, or is
 * told what is missing.
 *
 *     waiting for a row ──▶ replaying what was missed ──▶ live ──stream ends, reader goes──▶ over
 */
export class SseConnection implements HubConnection {
  readonly id = randomUUID();
  readonly dialect = 'sse';
  readonly address: string;
  readonly openedNs: bigint;
  readonly #parts: HubParts;
  readonly #past: PastReader;
  readonly #request: SseRequest;
  readonly #response: ServerResponse;
  readonly #outbox: Outbox;
  readonly #hold: FeedHold;
  readonly #entry: Disposable;
  readonly #counts = { sent: 0, received: 1, bytesSent: 0, bytesReceived: 0 };
  readonly #closed: Promise<void>;
  #principal: Principal;
  #source: FeedSource | undefined;
  #attachment: Attachment | undefined;
  #comments: Disposable | undefined;
  #isOver = false;

  /** Throws hub.no-stream. */
  constructor(parts: HubParts, past: PastReader, request: SseRequest, response: ServerResponse) {
    this.#parts = parts;
    this.#past = past;
    this.#request = request;
    this.#response = response;
    this.#principal = request.principal;
    this.address = request.address;
    this.openedNs = parts.clock.nowNs();
    const wire = createSseWire(response, (bytes) => {
      this.#counts.sent++;
      this.#counts.bytesSent += bytes;
    });
    this.#outbox = new Outbox(wire, {
      clock: parts.clock,
      budget: parts.queues,
      random: Math.random,
      options: deliveryOptions(NATIVE_DELIVERY, { hasAcks: false, maxMessages: parts.limits.queueItems }),
      onFault: (error) => parts.log.write('error', 'sse.encode', { why: error.message }),
    });
    this.#hold = parts.bench.hold(
      request.feedKey,
      {
        rows: () => this.#rows(),
        reset: () => {
          this.#source?.reset();
          this.#attachment?.changed();
        },
        ended: (reason) => this.#ended(reason),
      },
      request.intervalMs > 0 ? 1000 / request.intervalMs : 0,
    );
    this.#entry = parts.connections.add(this);
    response.on('drain', () => this.#outbox.writable());
    this.#closed = new Promise((resolve) => {
      response.once('close', () => {
        this.#end();
        resolve();
      });
    });
    this.#comment();
    if (this.#hold.feed.ring.firstRow !== undefined) this.#rows();
  }

  get principal(): Principal {
    return this.#principal;
  }

  counts(): ConnectionCounts {
    return {
      ...this.#counts,
      ...outboxCounts(this.#outbox),
      streams: 1,
      rawBytes: 0,
      wireBytes: 0,
    };
  }

  async retire({ reason, retryAfterS, drainMs }: Parameters<HubConnection['retire']>[0]): Promise<void> {
    this.#response.write(`retry: ${Math.round(retryAfterS * 1000)}\n`);
    this.#outbox.offer(textMessage({ type: 'reconnect', reason, retry_after: retryAfterS }));
    await this.#outbox.drain(drainMs);
    this.#response.end();
    const cut = setTimeout(() => this.#response.destroy(), drainMs);
    await this.#closed;
    clearTimeout(cut);
  }

  roleChanged(principal: Principal): void {
    this.#principal = principal;
  }

  /** The reader is told why, where it still reads; it comes back with `Last-Event-ID` and another token. */
  end(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#end();
    this.#response.end(sseEvent(JSON.stringify({ type: 'disconnected', code, reason })));
    const cut = setTimeout(() => this.#response.destroy(), END_LIMIT_MS);
    void this.#closed.then(() => clearTimeout(cut));
  }

  #rows(): void {
    if (this.#isOver) return;
    if (this.#source) this.#attachment?.changed();
    else void this.#start();
  }

  /** The first row is there: the numbering is known. */
  async #start(): Promise<void> {
    const { feed } = this.#hold;
    const { key, last, intervalMs } = this.#request;
    const channels = this.#parts.bench.state.channels.filter(({ stream }) => stream === feed.key);
    const from = last && last.epoch === feed.info.epoch ? Math.max(last.seq + 1, 0) : feed.endRow - 1;
    const begin = Math.min(from, feed.endRow);
    this.#source = new FeedSource(this.#hold, {
      key,
      handle: 1,
      priority: 'NORMAL',
      accept: ACCEPT,
      pace: paceOf(feed.info, channels, intervalMs).pace,
      maxFrameBytes: MAX_FRAME_BYTES,
      from: Math.max(begin, feed.firstRow),
      onOver: () => this.#response.end(),
    });
    const source = this.#source;
    if (last && last.epoch !== feed.info.epoch)
      this.#outbox.offer(textMessage({ type: 'stream_reset', key, epoch: feed.info.epoch, seq: feed.endRow - 1 }));
    if (begin < feed.firstRow) await this.#replay(source, begin, feed.firstRow - 1);
    if (!this.#isOver) this.#attachment = this.#outbox.attach(source);
  }

  async #replay(source: FeedSource, from: number, to: number): Promise<void> {
    const { feed } = this.#hold;
    const { key } = this.#request;
    const { epoch } = feed.info;
    const first = Math.max(from, to - MAX_REPLAY_ROWS + 1);
    const missing = first > from ? [{ from, to: first - 1, reason: 'beyond the replay' }] : [];
    try {
      const limits = { maxRows: MAX_REPLAY_ROWS, maxFrameBytes: MAX_FRAME_BYTES };
      const past = await readHistory(this.#past, { source, feed }, ACCEPT, { epoch, from: first, to }, limits);
      for (const gap of [...missing, ...past.missing])
        this.#outbox.offer(textMessage({ type: 'gap', key, epoch, ...gap }));
      for (const row of past.rows)
        this.#outbox.offer({
          key,
          delivery: 'reply',
          priority: 'NORMAL',
          rows: 0,
          sizeBytes: row.length,
          encode: () => row,
        });
    } catch (thrown) {
      const reason = LabError.from(thrown).message;
      this.#outbox.offer(textMessage({ type: 'gap', key, epoch, from, to, reason }));
    }
  }

  #ended(reason: string): void {
    if (this.#source) {
      this.#source.ended(reason);
      this.#attachment?.changed();
      return;
    }
    this.#outbox.offer(textMessage({ type: 'stream_stopped', key: this.#request.key, reason }));
    this.#response.end();
  }

  #comment(): void {
    this.#comments = this.#parts.clock.after(COMMENT_MS, () => {
      if (this.#response.writableLength === 0) this.#response.write(': here\n\n');
      this.#comment();
    });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#comments?.[Symbol.dispose]();
    this.#attachment?.detach();
    this.#hold[Symbol.dispose]();
    this.#outbox.takeUnsent();
    this.#entry[Symbol.dispose]();
  }
}
