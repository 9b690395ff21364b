/**
 * One message over a link: text is a control message (JSON), bytes are a sample frame (frames.ts). Nothing else travels.
 */
export type LinkMessage = string | ArrayBuffer;

/**
 * A screen's wire to an engine, both ends alike. Duties: order kept; a message is delivered whole or not at all; `send` after the end is
 * ignored; a posted ArrayBuffer is given away (the sender does not write it again). `closed` resolves with a plain reason, never rejects.
 * Disposing twice is fine.
 */
export interface Link extends Disposable {
  send(message: LinkMessage): void;
  /** One listener; messages that came before it are kept (bounded) and delivered to it first. */
  onMessage(listener: (message: LinkMessage) => void): void;
  /** Bytes handed over and not yet taken by the system; 0 where the way cannot tell. */
  readonly pendingBytes: number;
  readonly closed: Promise<string>;
  /** Ends it after what was sent, telling the other side why where the way can; `closed` resolves with it. Disposing is ending without a reason. */
  end(reason: string): void;
}
