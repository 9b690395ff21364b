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

/** What some ways can do beside bytes; a way that lacks one throws `transport.unsupported`. */
export interface TransportControl {
  /** Device clear, serial: break or flush. After it, nothing sent before is answered. */
  clear?(signal?: AbortSignal): Promise<void>;
  trigger?(signal?: AbortSignal): Promise<void>;
  statusByte?(signal?: AbortSignal): Promise<number>;
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
 */
export interface Transport extends AsyncDisposable {
  /** Canonical resource string. */
  readonly resource: string;
  write(bytes: Uint8Array, options?: { end?: boolean; signal?: AbortSignal }): Promise<void>;
  read(options?: ReadOptions): Promise<ReadResult>;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control?: TransportControl;
  /** Messages, not a stream (VXI-11, USBTMC, HiSLIP): reading without a question before is an error at the device (488.2 -420). */
  readonly isMessageBased?: boolean;
}
