/** One connection as the outbox sees it; a WebSocket fits, and so does a link in memory. */
export interface Wire {
  /** Hands one whole message on. Never throws for a connection that just ended: its end is told elsewhere. */
  send(data: string | Uint8Array, options: { compress: boolean }): void;
  /** Bytes handed on that still wait in this process. What the kernel holds is not seen here. */
  readonly bufferedBytes: number;
  /** Ends the connection; close codes of docs/lab-labwire.md. */
  close(code: number, reason: string): void;
}

/** The client takes too little for too long; it may connect again and resume. */
export const CLOSE_SLOW = 4508;
