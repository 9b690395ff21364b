import type { OnReadOpts } from 'node:net';
import { ReadBuffer } from './read-buffer.ts';

/** What one read of the system may give. */
const SPACE_BYTES = 64 * 1024;
/** From here on the space itself is handed on and new space made; less is copied out, and the space used again. */
const KEEP_BYTES = 32 * 1024;

/**
 * The reading half of a socket. The system reads into the same space again and again: for short replies, space made anew for each read (what a
 * socket does by itself) costs more than all else on this side.
 */
export class SocketIntake {
  readonly buffer: ReadBuffer;
  /** For `net.connect`, which knows no other way to set it. */
  readonly onread: OnReadOpts;
  #space = Buffer.allocUnsafeSlow(SPACE_BYTES);

  /** `onFull`, `onSpace`: pause and resume the socket. */
  constructor(options: { limitBytes?: number | undefined; onFull: () => void; onSpace: () => void }) {
    this.buffer = new ReadBuffer(options);
    this.onread = {
      buffer: () => this.#space,
      callback: (count) => {
        this.#take(count);
        return true;
      },
    };
  }

  #take(count: number): void {
    const filled = this.#space.subarray(0, count);
    if (count >= KEEP_BYTES) this.#space = Buffer.allocUnsafeSlow(SPACE_BYTES);
    this.buffer.push(count < KEEP_BYTES ? Buffer.from(filled) : filled);
  }
}
