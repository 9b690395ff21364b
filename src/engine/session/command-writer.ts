import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';
import type { Transport } from '../transport/transport.ts';
import { Deadline } from './deadline.ts';

export interface Command {
  bytes: Uint8Array;
  timeoutMs: number;
  /** Makes the error of a timeout. */
  timedOut(): LabError;
  /** Goes before others on a wire that instruments share. */
  isUrgent: boolean;
  /** It goes out; on a wire that instruments share not before its turn. Ended before, nothing of it was sent. */
  onBegin(): void;
  /** Makes the error of a timeout before it went out. */
  notSent(): LabError;
}

interface Writing {
  command: Command;
  hasBegun: boolean;
  /** Set when it is given less time: what it ends with. */
  hurriedBy: LabError | undefined;
  reject(error: unknown): void;
}

/**
 * Writes one message that is not answered, and no longer than it may take.
 *
 *     idle ──write──▶ (waiting for its turn on a shared wire) ──▶ writing ──taken, failed──▶ idle
 *                        │ timeout, stop                            │ timeout ──▶ idle      the write goes on by itself
 *                        ▼                                          │ stop    ──▶ idle      the write is aborted: the message may be half sent
 *                      idle   nothing was sent
 */
export class CommandWriter {
  readonly #transport: Transport;
  readonly #deadline: Deadline;
  #writing: Writing | undefined;
  /** Aborts writes; used for one after another until it has. */
  #controller = new AbortController();

  constructor(transport: Transport, clock: Clock, onStopped: () => void) {
    this.#transport = transport;
    this.#deadline = new Deadline(clock, () => {
      const writing = this.#writing;
      if (writing?.hurriedBy && this.stop(writing.hurriedBy)) onStopped();
      else if (writing) this.#giveUp(writing);
    });
  }

  /** Rejects with transport.*, the error of the timeout, or the reason of a `stop`. */
  write(command: Command): Promise<void> {
    return new Promise((resolve, reject) => {
      const hasBegun = this.#transport.isShared !== true;
      const writing: Writing = { command, hasBegun, hurriedBy: undefined, reject };
      this.#writing = writing;
      this.#deadline.set(command.timeoutMs);
      const { signal } = this.#controller;
      const options = command.isUrgent ? { end: true, isUrgent: true, signal } : { end: true, signal };
      if (hasBegun) command.onBegin();
      this.#transport
        .write(command.bytes, hasBegun ? options : { ...options, onBegin: () => this.#begin(writing) })
        .then(
          () => {
            this.#leave(writing);
            resolve();
          },
          (error: unknown) => {
            this.#leave(writing);
            reject(error);
          },
        );
    });
  }

  /** Gives what is being written no more than `ms` from now; then it is stopped with `reason`. */
  hurry(ms: number, reason: LabError): void {
    if (!this.#writing) return;
    this.#writing.hurriedBy = reason;
    this.#deadline.set(ms);
  }

  /** Aborts what is being written. False: nothing was sent. */
  stop(reason: LabError): boolean {
    const writing = this.#writing;
    if (!writing) return false;
    this.#leave(writing);
    writing.reject(reason);
    const controller = this.#controller;
    this.#controller = new AbortController();
    controller.abort(reason);
    return writing.hasBegun;
  }

  /** Nothing is written for a while: no timer is left if nothing is being written. */
  rest(): void {
    this.#deadline.rest();
  }

  #begin(writing: Writing): void {
    if (this.#writing !== writing) return;
    writing.hasBegun = true;
    if (!writing.hurriedBy) this.#deadline.set(writing.command.timeoutMs);
    writing.command.onBegin();
  }

  #giveUp(writing: Writing): void {
    // Told that it was not carried out, nobody expects it a minute later.
    if (!writing.hasBegun) return void this.stop(writing.command.notSent());
    this.#leave(writing);
    // The write that is left to itself shall not be aborted with a later one.
    this.#controller = new AbortController();
    writing.reject(writing.command.timedOut());
  }

  #leave(writing: Writing): void {
    if (this.#writing !== writing) return;
    this.#writing = undefined;
    this.#deadline.clear();
  }
}
