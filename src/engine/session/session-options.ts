import type { Clock } from '../../core/clock.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { TransportOptions } from '../transport/open-transport.ts';
import type { Transport } from '../transport/transport.ts';

export interface SessionLimits {
  /** Longest wait for an answer unless the exchange says otherwise. */
  timeoutMs: number;
  /** A question waits so long for its turn on a wire that instruments share, at least; `timeoutMs` counts from when it goes out. */
  turnMs: number;
  /** Exchanges that wait; more are refused with `instrument.busy`. Safety has as many places of its own. */
  maxQueued: number;
  maxLineBytes: number;
  maxBlockBytes: number;
  /** Exchanges kept in the trace. */
  maxTrace: number;
  /** Longest transaction; then its wire is taken away. */
  transactionMs: number;
  /** Drain: how long late bytes are waited for, and how long the wire must be silent to count as quiet. */
  drainMs: number;
  quietMs: number;
  /** How long the terminator after the data of a block may take. */
  blockTailMs: number;
  /** Longest device clear. */
  clearMs: number;
  /** Opening again: tries, and the pause before the second (it doubles). */
  reopenTries: number;
  reopenPauseMs: number;
  /** Resynchronising a line: tries, and how long each waits for its marker. */
  markerTries: number;
  markerMs: number;
  /** A marker unanswered for so long is taken for lost; its like may be sent again. */
  markerLifeMs: number;
  /** An answer is given up so soon when Outputs off is waiting and the way has no device clear; a stream has so long to stop by itself. */
  safetyWaitMs: number;
  /** Longest device clear when Outputs off is waiting. */
  safetyClearMs: number;
  /** Least time between two messages to a slow device. */
  paceMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  timeoutMs: 2000,
  turnMs: 30_000,
  maxQueued: 256,
  maxLineBytes: 1024 * 1024,
  maxBlockBytes: 256 * 1024 * 1024,
  maxTrace: 1000,
  transactionMs: 120_000,
  drainMs: 250,
  quietMs: 50,
  blockTailMs: 100,
  clearMs: 5000,
  reopenTries: 4,
  reopenPauseMs: 100,
  markerTries: 5,
  markerMs: 1000,
  markerLifeMs: 120_000,
  safetyWaitMs: 200,
  safetyClearMs: 2000,
  paceMs: 0,
};

export interface SessionOptions {
  clock: Clock;
  /** What to open, now and after a timeout; or `open`. */
  resource?: string | undefined;
  open?: (() => Promise<Transport>) | undefined;
  transport?: Omit<TransportOptions, 'signal'> | undefined;
  limits?: Partial<SessionLimits> | undefined;
  /** End of what is sent; default LF. */
  writeTermination?: string | undefined;
  /** End of what comes; default LF (with or without CR). */
  readTermination?: ReadTermination | undefined;
  /**
   * A connection opened again carries nothing of the old one: true for a socket into the instrument itself; false for a serial line and for a
   * socket into a serial device server, where the late answer comes all the same. Default: true for `…::SOCKET`, else false.
   */
  isFreshOnReopen?: boolean | undefined;
  /** The line may still owe answers to whoever had it before (re-attaching a serial line): the ladder runs before the first query. */
  mustResynchronise?: boolean | undefined;
  /** Cancels the opening. */
  signal?: AbortSignal | undefined;
}
