import type { LabError } from '../../core/errors.ts';
import type { ReadTermination } from '../../protocol/scpi-line.ts';
import type { Transport, TransportControl } from '../transport/transport.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import type { SessionAbilities } from './session-abilities.ts';

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

export interface BlockOptions {
  /**
   * Printable text in front of the block is dropped: the response header of dialects that send one (`DAT2,#9…`, `C1:WF DAT2,#9…`). Default: a block
   * begins with `#`, and anything else is `protocol.malformed`.
   */
  hasPrefix?: boolean;
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
  queryBlock(text: string, timeoutMs?: number, options?: BlockOptions): Promise<Uint8Array>;
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
  /** Times the wire had to be made clean again, and each further try at opening it. */
  retries: number;
  bytesOut: number;
  bytesIn: number;
  lastRoundTripMs: number;
  /** Round trips of answered queries. */
  readonly latency: LatencyHistogram;
}

/** How an instrument wants to be spoken to; what is absent stays as it is. */
export interface SessionManner {
  /** Least time between two messages, ms. */
  paceMs?: number | undefined;
  /** End of what is sent. */
  writeTermination?: string | undefined;
  /** End of what comes. */
  readTermination?: ReadTermination | undefined;
}

/** The wire, lent. */
export interface TakenWire {
  transport: Transport;
  release: () => Promise<void>;
  /**
   * Aborts when Outputs off waits for the wire: stop the device and release. Who has not after `safetyWaitMs` has the wire taken away: reads and
   * writes reject with `safety.refused`.
   */
  recalled: AbortSignal;
}

/**
 * The query engine: the only way to talk to an instrument. One exclusive queue with priorities; each query is correlated with its reply;
 * a query that timed out (or was cancelled after sending) quarantines the wire: what comes late is drained and shown in the trace, never handed on.
 * Recovery ladder: drain, device clear, reopen, report. The safety lane cuts short whatever has the wire.
 */
export interface Session extends AsyncDisposable {
  readonly resource: string;
  readonly state: SessionState;
  readonly stats: SessionStats;
  readonly closed: Promise<void>;
  /** Why the session is closed; undefined while it is not. */
  readonly closeReason: LabError | undefined;
  /** Throws transport.timeout, transport.closed, protocol.*, instrument.busy (queue full), call.cancelled, safety.refused (Outputs off came first). */
  write(text: string, options?: ExchangeOptions): Promise<void>;
  /** One line without its terminator. */
  query(text: string, options?: ExchangeOptions): Promise<string>;
  queryTimed(text: string, options?: ExchangeOptions): Promise<TimedReply>;
  /** An IEEE 488.2 8.7.9/8.7.10 block; the result owns its bytes. */
  queryBlock(text: string, options?: ExchangeOptions & BlockOptions): Promise<Uint8Array>;
  /** Several steps with nothing of others between them. */
  transaction<T>(steps: (wire: Wire) => Promise<T>, options?: ExchangeOptions): Promise<T>;
  /**
   * Hands the wire to a streaming device: until `release`, the owner reads and writes the transport itself and queries of others are
   * refused with `instrument.busy`; the safety lane recalls it. What is left on the wire is drained before the next query.
   */
  takeWire(): Promise<TakenWire>;
  readonly can: SessionAbilities;
  /** Uses what the way has beside bytes, in its turn like any exchange. Throws `transport.unsupported` if it lacks that, `transport.*`. */
  control<T>(
    use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
    options?: ExchangeOptions,
  ): Promise<T>;
  /** Calls back for each service request, with the status byte where it came along; also after the connection was opened anew. */
  onServiceRequest(listener: (statusByte: number | undefined) => void): Disposable;
  /** Once it is known who is there. Holds from the next message on; call it while nothing waits for an answer. */
  adapt(manner: SessionManner): void;
  /** Newest last, bounded (default 1000). */
  exchanges(limit?: number): Exchange[];
  onExchange(listener: (exchange: Exchange) => void): Disposable;
  onState(listener: (state: SessionState) => void): Disposable;
}
