import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Fate } from './fault.ts';

/** One line of `NAME.jsonl`: what an instrument was asked and what it really answered. `at`: ns since 1970. */
export interface LedgerEntry {
  at: string;
  query: string;
  /** Absent for commands. Text without its LF. */
  reply?: string;
  /** A reply that holds a 488.2 block, as base64 of all its bytes. */
  block?: string;
  fate: Fate;
  /** Which of the instrument's ways it was, where it has several: `socket`, `serial`, `vxi11`, `hislip`, `gpib`, `usb`, `modbus-rtu`, `modbus-tcp`. */
  way?: string;
}

/** Where an instrument notes what it did with a message. */
export interface ExchangeNotes {
  write(query: string, reply: Uint8Array | undefined, fate: Fate): void;
}

/** The simulator's own record of what it sent, so that a test can compare a recording with it. */
export class ExchangeLedger implements ExchangeNotes, AsyncDisposable {
  readonly #stream: WriteStream;
  readonly #clock: Clock;

  constructor(folder: string, name: string, clock: Clock) {
    this.#stream = createWriteStream(join(folder, `${name}.jsonl`));
    this.#clock = clock;
  }

  /** The same ledger, for one way of the instrument. */
  on(way: string): ExchangeNotes {
    return { write: (query, reply, fate) => this.write(query, reply, fate, way) };
  }

  write(query: string, reply: Uint8Array | undefined, fate: Fate, way?: string): void {
    const entry: LedgerEntry = { at: String(this.#clock.nowNs()), query, fate, ...(way === undefined ? {} : { way }) };
    if (reply) {
      const bytes = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
      if (bytes[0] === 0x23) entry.block = bytes.toString('base64');
      else entry.reply = bytes.toString('latin1').replace(/\n$/, '');
    }
    this.#stream.write(`${JSON.stringify(entry)}\n`);
  }

  /** Resolves when everything written so far is with the system. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.#stream.write('', () => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stream.closed) return;
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }
}
