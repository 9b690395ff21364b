import type { ErrorCode } from '../../core/errors.ts';

export interface ReadOptions {
  /** Most bytes to give; the default is what has arrived, 1 MiB at most. */
  max?: number;
  /** Byte value that ends the read, given as the last byte (VISA termination character). */
  termChar?: number;
  /** Aborting rejects with the signal's reason if it is a LabError, else `call.cancelled`; bytes that come later stay for the next read. */
  signal?: AbortSignal;
}

export interface ReadResult {
  /** Borrowed: valid until the next call on the transport. */
  bytes: Uint8Array;
  /** The message ended here (END, EOM), as far as this way can tell; raw streams never say so. */
  end: boolean;
}

export interface WriteOptions {
  /** The message ends with the last byte (END, EOM). */
  end?: boolean;
  signal?: AbortSignal;
  /**
   * Outputs off. On a wire that several instruments share (a GPIB adapter) it goes before all that waits, and a transfer under way is cut short by a
   * device clear of the instrument that has the wire, whose read rejects with `safety.refused`. Elsewhere it changes nothing.
   */
  isUrgent?: boolean;
  /**
   * Called once when the message goes out, on a way that is `isShared`: until then it waits for its turn, and a write aborted before has sent nothing.
   */
  onBegin?: () => void;
}

export interface ClearOptions {
  /** As for a write: called once when the clear goes out. */
  onBegin?: () => void;
  /** Aborted when Outputs off waits for this clear: where instruments share a wire, it goes before the others from then on. */
  hurry?: AbortSignal | undefined;
}

/** VISA's viGpibControlREN modes 0…6 (VPP-4.3.2 6.5.3), by name, in that order. */
export const REMOTE_MODES = [
  'deassert',
  'assert',
  'deassert-and-local',
  'assert-and-address',
  'assert-and-lockout',
  'assert-address-and-lockout',
  'local',
] as const;
export type RemoteMode = (typeof REMOTE_MODES)[number];

export interface LockOptions {
  /** How long the instrument's other owner is waited for; 0: not at all. */
  timeoutMs: number;
  /** Clients with the same key share the lock (HiSLIP); absent: exclusive. */
  sharedKey?: string;
  signal?: AbortSignal;
}

/** What some ways can do beside bytes; a way that lacks one leaves it out, or throws `transport.unsupported` when only the device can tell. */
export interface TransportControl {
  /**
   * Device clear, serial: break or flush. After it, nothing sent before is answered, and no byte of an older answer is read. A read that waits rejects with `transport.timeout`, and
   * so does a message that still waits for its turn: it is never sent.
   */
  clear?(signal?: AbortSignal, options?: ClearOptions): Promise<void>;
  trigger?(signal?: AbortSignal): Promise<void>;
  /** Serial poll: the status byte; clears RQS. */
  statusByte?(signal?: AbortSignal): Promise<number>;
  /** Calls back for each service request, with the status byte where it came along. Enables them at the device; dispose to stop. */
  onServiceRequest?(listener: (statusByte: number | undefined) => void): Promise<AsyncDisposable>;
  /** Throws `transport.busy` when another client holds it for longer than the timeout. */
  lock?(options: LockOptions): Promise<void>;
  unlock?(signal?: AbortSignal): Promise<void>;
  remoteLocal?(mode: RemoteMode, signal?: AbortSignal): Promise<void>;
  sendBreak?(ms: number): Promise<void>;
  setModemLines?(lines: { dtr: boolean; rts: boolean }): Promise<void>;
}

/**
 * A way to an instrument: bytes out, bytes in. Duties of every implementation:
 * - Nothing opens in a constructor; `open…` returns it connected or throws a `transport.*` error.
 * - `read` is a call: without one nothing is taken off the wire beyond a bounded buffer (back-pressure reaches the device).
 *   One read at a time. When the other side ends, a pending read first gives what has arrived, then rejects with `transport.closed`.
 * - `write` resolves when the system has taken the bytes. It may be called while a read waits.
 * - `closed` resolves, never rejects, with the reason; disposing twice is fine; pending reads then reject with `transport.closed`.
 * - A message way's read after an aborted one never gives a byte of an answer from before a `clear`.
 */
export interface Transport extends AsyncDisposable {
  /** Canonical resource string. */
  readonly resource: string;
  write(bytes: Uint8Array, options?: WriteOptions): Promise<void>;
  read(options?: ReadOptions): Promise<ReadResult>;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control?: TransportControl;
  /** Messages, not a stream (VXI-11, USBTMC, HiSLIP): reading without a question before is an error at the device (488.2 -420). */
  readonly isMessageBased?: boolean;
  /** Instruments share this wire one at a time, so that a message may wait long before it goes out (GPIB behind an adapter). */
  readonly isShared?: boolean;
  /** What is not as asked for and does no harm by itself (a port without modem lines), for the trace. */
  readonly notes?: readonly string[];
}
