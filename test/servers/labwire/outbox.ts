import type { Clock } from '../../../src/core/clock.ts';
import type { FrameSkip } from '../../../src/protocol/lab/labwire-frame.ts';
import type { ProducedStream } from './produced-stream.ts';
import { binaryRows, type RowRun, textRow } from './wire-rows.ts';

/** One stream as one connection gets it: a place in what the server made, not a queue. */
export interface Cursor {
  stream: ProducedStream;
  handle: number;
  /** Each so many rows one is sent. */
  step: number;
  /** Number of the next row that was neither sent nor said to be left out. */
  at: number;
  /** Rows before this are sent as replay. */
  replayTo: number;
  delivered: number;
  thinned: number;
  dropped: number;
  /** Rows that are passed over and never spoken of: a fault. */
  silent: number;
}

export interface OutboxOptions {
  clock: Clock;
  send(data: string | Uint8Array): void;
  isBinary: boolean;
  isPacked: boolean;
  /** False: the peer acknowledges nothing, nothing waits for it. */
  hasAcks: boolean;
  windowBytes: { min: number; max: number };
  maxFrameRows: number;
  isMute(): boolean;
}

/** What a connection sends: answers at once, rows while less than the window is unacknowledged. */
export class Outbox {
  readonly cursors = new Map<string, Cursor>();
  sent = 0;
  messages = 0;
  /** Frames of rows: how many, their values as Float64, their bytes, and the time it took to make them; ms. */
  packed = { frames: 0, plainBytes: 0, bytes: 0, ms: 0 };
  acked = 0;
  /** Most that was ever unacknowledged when rows were sent. */
  peak = 0;
  window: number;
  /** Longest the rows waited for acknowledgements; rows. */
  backlog = 0;
  readonly #options: OutboxOptions;
  #ackMs: number;
  #goodput = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.window = Math.min(options.windowBytes.max, Math.max(options.windowBytes.min, 65_536));
    this.#ackMs = options.clock.monotonicMs();
  }

  say(message: Record<string, unknown>): void {
    this.#send(JSON.stringify(message));
  }

  /** A cumulative count of bytes the client has taken. */
  ack(bytes: number): void {
    const { clock, windowBytes } = this.#options;
    const now = clock.monotonicMs();
    const fresh = bytes - this.acked;
    if (fresh <= 0) return;
    this.acked = Math.min(bytes, this.sent);
    const passedS = Math.max(0.001, (now - this.#ackMs) / 1000);
    this.#ackMs = now;
    this.#goodput += (fresh / passedS - this.#goodput) / 4;
    // 100 ms of what gets through, but no less than what is in flight at 250 ms between two acknowledgements.
    this.window = Math.min(windowBytes.max, Math.max(windowBytes.min, this.#goodput * 0.25, this.window / 2));
    this.pump();
  }

  get unacked(): number {
    return this.sent - this.acked;
  }

  /** Sends the rows that are due, stream by stream in turn, while the window has room. */
  pump(): void {
    if (this.#options.isMute()) return;
    for (let hasMore = true; hasMore; ) {
      hasMore = false;
      for (const cursor of this.cursors.values()) {
        if (this.#options.hasAcks && this.unacked >= this.window) {
          this.backlog = Math.max(this.backlog, cursor.stream.next - cursor.at);
          return;
        }
        if (this.#sendRows(cursor)) hasMore = true;
      }
    }
  }

  /** Rows from one number to another, as replay, whatever the window says. */
  replay(cursor: Cursor, from: number, to: number): void {
    for (let at = from; at < to; at += this.#options.maxFrameRows) {
      const run = { handle: cursor.handle, from: at, to: Math.min(to, at + this.#options.maxFrameRows) };
      this.#write(cursor, { ...run, skipped: undefined, isReplay: true });
    }
  }

  #sendRows(cursor: Cursor): boolean {
    const { stream, step } = cursor;
    const { next } = stream;
    if (cursor.silent > 0 && cursor.at < next) {
      const passed = Math.min(cursor.silent, next - cursor.at);
      cursor.at += passed;
      cursor.silent -= passed;
    }
    let skipped: FrameSkip | undefined;
    let from = cursor.at;
    if (from < stream.first) {
      skipped = { n: stream.first - from, reason: 'overflow' };
      from = stream.first;
    }
    const aligned = Math.ceil(from / step) * step;
    if (aligned > from) {
      skipped = { n: (skipped?.n ?? 0) + aligned - from, reason: skipped?.reason ?? 'rate' };
      from = aligned;
    }
    if (from >= next) return false;
    const limit = step > 1 ? 1 : this.#options.maxFrameRows;
    let to = Math.min(next, from + limit);
    const isReplay = from < cursor.replayTo;
    if (isReplay) to = Math.min(to, cursor.replayTo);
    if (skipped?.reason === 'overflow') cursor.dropped += skipped.n;
    else cursor.thinned += skipped?.n ?? 0;
    cursor.delivered += to - from;
    cursor.at = to;
    this.#write(cursor, { handle: cursor.handle, from, to, skipped, isReplay });
    return true;
  }

  #write(cursor: Cursor, run: RowRun): void {
    const { stream } = cursor;
    if (this.#options.isBinary) this.#sendPacked(stream, run);
    else for (let seq = run.from; seq < run.to; seq++) this.say(textRow(stream, seq, run));
    this.peak = Math.max(this.peak, this.unacked);
  }

  #sendPacked(stream: ProducedStream, run: RowRun): void {
    const startMs = performance.now();
    const frame = binaryRows(stream, run, this.#options.isPacked);
    this.packed.ms += performance.now() - startMs;
    this.packed.frames++;
    this.packed.plainBytes += (run.to - run.from) * stream.values(run.from).length * 8;
    this.packed.bytes += frame.byteLength;
    this.#send(frame);
  }

  /** By the names of `get_stats`. */
  figures(openedMs: number): Record<string, unknown> {
    const { frames, plainBytes, bytes, ms } = this.packed;
    const cursors = [...this.cursors.values()];
    const sum = (of: (cursor: Cursor) => number): number => cursors.reduce((total, cursor) => total + of(cursor), 0);
    const dropped = sum((cursor) => cursor.dropped);
    const utilization = Math.min(1, this.unacked / this.window);
    return {
      compression: {
        current_level: 6,
        messages_processed: frames,
        average_compression_ratio: plainBytes > 0 ? (1 - bytes / plainBytes) * 100 : 0,
        average_latency_ms: frames > 0 ? ms / frames : 0,
        space_saved_mb: (plainBytes - bytes) / 1e6,
      },
      buffer: { size: sum(({ stream, at }) => stream.next - at), utilization, high_watermark: 0.8 },
      performance: {
        sent_messages: this.messages,
        dropped_messages: dropped,
        drop_rate: this.messages > 0 ? dropped / (this.messages + dropped) : 0,
        messages_per_second: (this.messages * 1000) / Math.max(1, this.#options.clock.monotonicMs() - openedMs),
      },
      state: { backpressure_active: utilization >= 0.8, emergency_mode: false, paused: this.#options.isMute() },
    };
  }

  #send(data: string | Uint8Array): void {
    this.messages++;
    this.sent += typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    this.#options.send(data);
  }
}
