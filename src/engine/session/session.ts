import type { LabError } from '../../core/errors.ts';
import type { Transport } from '../transport/transport.ts';

/** Lower goes first. Outputs off passes everything that waits. */
export type Priority = 'safety' | 'person' | 'poll' | 'background';

export interface ExchangeOptions {
  priority?: Priority;
  /** From the moment it is sent, not from the moment it is queued; default of the session (2000). */
  timeoutMs?: number;
  /** Cancels while queued (never sent) or while waiting for the answer (the wire is then quarantined as after a timeout). */
  signal?: AbortSignal;
  /**
   * Whether a reply can be the answer (its form, not its value). One that cannot is `protocol.malformed` and quarantines the wire, so that the
   * true answer, if it still comes, reaches nobody.
   */
  expect?: (reply: string) => boolean;
}

/** A reply with its times, ns since 1970: the sample's time is the middle of both. */
export interface TimedReply {
  text: string;
  sentNs: bigint;
  receivedNs: bigint;
}

/** What a step of an exclusive transaction may do; invalid after the transaction ends. */
export interface Wire {
  write(text: string): Promise<void>;
  query(text: string, timeoutMs?: number, expect?: (reply: string) => boolean): Promise<TimedReply>;
  queryBlock(text: string, timeoutMs?: number): Promise<Uint8Array>;
}

export type SessionState = 'open' | 'recovering' | 'closed';

/** One line of the trace of all exchanges. `at` ns since 1970; `bytes` counts on the wire; text is cut at 512 characters. */
export interface Exchange {
  at: bigint;
  direction: 'sent' | 'received' | 'late' | 'note';
  text: string;
  bytes: number;
  roundTripMs?: number;
}

export interface SessionStats {
  queries: number;
  timeouts: number;
  lateBytes: number;
  reopened: number;
  bytesOut: number;
  bytesIn: number;
  lastRoundTripMs: number;
}

/**
 * The query engine: the only way to talk to an instrument. One exclusive queue with priorities; each query is correlated with its reply;
 * a query that timed out (or was cancelled after sending) quarantines the wire: what comes late is drained and shown in the trace, never handed on.
 * Recovery ladder: drain, device clear, reopen, report.
 */
export interface Session extends AsyncDisposable {
  readonly resource: string;
  readonly state: SessionState;
  readonly stats: SessionStats;
  readonly closed: Promise<void>;
  /** Why the session is closed; undefined while it is not. */
  readonly closeReason: LabError | undefined;
  /** Throws transport.timeout, transport.closed, protocol.*, instrument.busy (queue full), call.cancelled. */
  write(text: string, options?: ExchangeOptions): Promise<void>;
  /** One line without its terminator. */
  query(text: string, options?: ExchangeOptions): Promise<string>;
  queryTimed(text: string, options?: ExchangeOptions): Promise<TimedReply>;
  /** An IEEE 488.2 8.7.9/8.7.10 block; the result owns its bytes. */
  queryBlock(text: string, options?: ExchangeOptions): Promise<Uint8Array>;
  /** Several steps with nothing of others between them. */
  transaction<T>(steps: (wire: Wire) => Promise<T>, options?: ExchangeOptions): Promise<T>;
  /**
   * Hands the wire to a streaming device: until `release`, the owner reads and writes the transport itself and queries of others are
   * refused with `instrument.busy`. What is left on the wire is drained before the next query.
   */
  takeWire(): Promise<{ transport: Transport; release: () => Promise<void> }>;
  /** Newest last, bounded (default 1000). */
  exchanges(limit?: number): Exchange[];
  onExchange(listener: (exchange: Exchange) => void): Disposable;
  onState(listener: (state: SessionState) => void): Disposable;
}
