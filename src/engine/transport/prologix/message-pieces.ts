import { LabError } from '../../../core/errors.ts';

/** A message given in pieces is held here until its end. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** The pieces of a message whose end was not written yet. */
export class MessagePieces {
  #pieces: Uint8Array[] = [];
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Copies the piece. Throws `protocol.too-long`; the message is forgotten then. */
  push(bytes: Uint8Array): void {
    if (this.#length + bytes.length > MAX_MESSAGE_BYTES) {
      this.clear();
      throw new LabError('protocol.too-long', `A message of more than ${MAX_MESSAGE_BYTES} bytes is not sent.`);
    }
    // Not slice(): that of a Buffer is a view.
    this.#pieces.push(new Uint8Array(bytes));
    this.#length += bytes.length;
  }

  /** The message; nothing is held any more. */
  take(): Uint8Array {
    const message = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      message.set(piece, at);
      at += piece.length;
    }
    this.clear();
    return message;
  }

  clear(): void {
    this.#pieces = [];
    this.#length = 0;
  }
}
