import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { Priority } from '../../protocol/lab/priority.ts';

/**
 * What is promised for a message:
 * - `reply` answers a request: never thinned, in order;
 * - `latest` is worth only until the next of its key: the newest stays, the others are counted as conflated;
 * - `stream` is a row or more of a numbered stream: in order, what is left out is told with the next one;
 * - `event` is acknowledged by its id, sent again, kept for the next connection: never thinned;
 * - `bulk` can wait: under pressure it is dropped (what must not be is a `BulkSource`, which pauses).
 */
export type DeliveryClass = 'reply' | 'latest' | 'stream' | 'event' | 'bulk';

export type Encoded = string | Uint8Array;

/** A message that may wait, be replaced or be dropped; nothing is encoded before it is certain to go. */
export interface OutboundMessage {
  /** Of the stream, channel or conversation; messages of one key never pass each other. */
  readonly key: string;
  readonly delivery: DeliveryClass;
  readonly priority: Priority;
  /** Numbered items inside; 0 for what is not numbered. */
  readonly rows: number;
  /** Estimate for the limits, before encoding; bytes. */
  readonly sizeBytes: number;
  /** Of an `event`: what the client acknowledges. An event without one counts as delivered when its bytes are. */
  readonly id?: string;
  /** Numbered items its maker left out just before it (the client asked for fewer); told with what the outbox left out. */
  readonly before?: FrameSkip;
  /** Waiting longer it is worth nothing any more and is dropped; ms. Not for an `event` or `reply`. */
  readonly maxAgeMs?: number;
  /** Its bytes lie in memory once, however many clients it waits for. */
  readonly isShared?: boolean;
  /** Whether the wire may deflate it; default: text yes, bytes no. */
  readonly compress?: boolean;
  /**
   * The bytes or text, once, when it is about to go (an event: once more for each time it is sent again). `skipped`: items of its key
   * left out just before it. A promise (deflate of something large) holds everything behind it back.
   */
  encode(skipped: FrameSkip | undefined): Encoded | Promise<Encoded>;
}

/** What became of a message that was offered. */
export type OfferVerdict = 'sent' | 'queued' | 'conflated' | 'decimated' | 'dropped';
