import type { ErrorRecord } from '../core/errors.ts';

/**
 * Where the link to a server is. `connected`: every stream delivers live; `degraded`: the socket is missing or some streams are polled;
 * `suspended`: ten tries failed, one every 30 s goes on; `disconnected`: by the person, or put out by another window; `failed`: no try would help.
 */
export type LinkWord =
  | 'idle'
  | 'connecting'
  | 'handshaking'
  | 'connected'
  | 'degraded'
  | 'reconnecting'
  | 'suspended'
  | 'disconnected'
  | 'failed';

/** What is shown of a link, everywhere the same. */
export interface LinkSnapshot {
  word: LinkWord;
  /** Try under way or waited for, 1…; 0 while none is needed. */
  attempt: number;
  maxAttempts: number;
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

/** How a stretch of rows came. Kept with the rows as the column `~source`: 0, 1, 2. */
export type RowSource = 'live' | 'polled' | 'filled';

/** The number of a source in the column `~source`. */
export const SOURCE_CODE: Readonly<Record<RowSource, number>> = { live: 0, polled: 1, filled: 2 };

/** The words of the screen for a link: seed 001's, never colour alone. */
export function linkLabel(link: LinkSnapshot): string {
  switch (link.word) {
    case 'idle':
    case 'suspended':
    case 'disconnected':
      return 'Disconnected';
    case 'connecting':
    case 'handshaking':
      return 'Checking';
    case 'connected':
      return link.streams > 0 ? 'Live Data' : 'Connected';
    case 'degraded':
      return 'Connected';
    case 'reconnecting':
      return `Reconnecting (${link.attempt}/${link.maxAttempts})`;
    case 'failed':
      return 'Service Unavailable';
  }
}
