import type { ErrorRecord } from '../core/errors.ts';
import type { LinkFacts } from '../core/link-word.ts';

/** What is shown of a link, everywhere the same. */
export interface LinkSnapshot extends LinkFacts {
  /** Try under way or waited for, 1…; 0 while none is needed. */
  attempt: number;
  /** Monotonic ms of the next try; undefined while none waits. */
  nextTryMs: number | undefined;
  /** Streams that are wanted, and those of them that are polled. */
  streams: number;
  polled: number;
  /** Shortest interval polled at; s. */
  pollS: number;
  /** Why it is not `connected`; one line. */
  reason: string;
  error: ErrorRecord | undefined;
  /** Monotonic ms since when it has been in this word. */
  sinceMs: number;
}
