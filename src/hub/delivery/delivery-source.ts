import type { Priority } from '../../protocol/lab/priority.ts';
import type { Encoded } from './outbound-message.ts';

/** How much of a stream is wanted: everything, about one row in `factor` (min and max kept), or one row set for all that waits. */
export type Thinning = { kind: 'none' } | { kind: 'decimate'; factor: number } | { kind: 'snapshot' };

/** What waits in a source. */
export interface Backlog {
  /** Numbered rows that waited ever since it was attached. */
  producedRows: number;
  /** Rows that wait. */
  rows: number;
  /** Messages they would make. */
  frames: number;
  bytes: number;
  /** Rows the ring gave up before they were read, since it was attached. */
  lostRows: number;
  /** Rows a newer one took the place of, since it was attached; absent: none. */
  conflatedRows?: number;
}

/** A message made from waiting rows. */
export interface SourceFrame {
  data: Encoded;
  /** Rows inside. */
  rows: number;
  /** Rows it stands for beside its own, left out by `decimate` or `snapshot`; told in the frame. */
  thinnedRows: number;
}

/**
 * Rows of one stream in a ring shared by all clients: here is only a cursor, so a row exists once. It tells in its frames what was skipped; the outbox counts.
 */
export interface StreamSource {
  readonly kind: 'stream';
  readonly key: string;
  readonly priority: Priority;
  /** Cheap: asked after each `changed()` and each frame. */
  backlog(): Backlog;
  /** The next message of at most about `maxBytes`; undefined when nothing waits. */
  take(maxBytes: number, thinning: Thinning): SourceFrame | undefined;
  /** Lets the oldest `frames` messages go (reason overflow, told in the next frame); gives the rows. */
  skip(frames: number): number;
}

/** A transfer that can wait and be taken up again: a recording, a waveform, history. */
export interface BulkSource {
  readonly kind: 'bulk';
  readonly key: string;
  readonly priority: Priority;
  /** Position of the next byte: where a resumed transfer begins. */
  readonly offset: number;
  /** The next chunk of at most `maxBytes`; undefined when none is ready (call `changed()` when one is) or at the end. */
  take(maxBytes: number): Encoded | undefined;
  /** Nothing follows. */
  readonly isDone: boolean;
}

export type DeliverySource = StreamSource | BulkSource;

/** A source at work in an outbox. */
export interface Attachment {
  /** Something new waits. */
  changed(): void;
  /** Sends nothing more of it. */
  detach(): void;
}
