import { LabError } from '../../core/errors.ts';
import { cancellation } from '../transport/read-buffer.ts';
import { ExchangeJob, type Job } from './exchange-job.ts';
import { ExchangeQueue } from './exchange-queue.ts';
import type { ExchangeOptions } from './session.ts';
import { interruptedError, overtakenError, takenError } from './session-message.ts';
import type { SessionLimits } from './session-options.ts';
import type { WireKeeper, WireQueue } from './wire-keeper.ts';
import type { WireLoan } from './wire-loan.ts';

/** Turns of the microtask queue in which who was just answered may ask on, before what has less right gets the wire. */
const TURNS_TO_ASK_ON = 4;

/** Who has the wire, and who is next: one job at a time, and Outputs off before all. */
export class WireTurns implements WireQueue {
  /** Set while the wire is lent to a streaming device. */
  loan: WireLoan | undefined;
  readonly #keeper: WireKeeper;
  readonly #limits: SessionLimits;
  readonly #queue: ExchangeQueue;
  #active: Job | undefined;
  readonly #onOver = (): void => {
    this.#active = undefined;
    if (this.#queue.length > 0) void this.#nextSoon();
  };
  readonly #onCancelled = (job: Job): void => this.#queue.remove(job);

  constructor(keeper: WireKeeper, limits: SessionLimits) {
    this.#keeper = keeper;
    this.#limits = limits;
    this.#queue = new ExchangeQueue(limits.maxQueued);
  }

  get isTaken(): boolean {
    return this.#active !== undefined;
  }

  get isHurried(): boolean {
    return this.#queue.has('safety') || this.#active?.priority === 'safety';
  }

  refuseAll(error: LabError): void {
    this.#queue.refuseAll(error);
  }

  /**
   * Runs `work` with the wire, in its turn. Rejects with what it throws, `instrument.busy` (too many wait, or the wire is lent), `call.cancelled`,
   * `safety.refused`, and the reason of a closed session.
   */
  submit<T>(
    { priority = 'person', signal }: ExchangeOptions,
    needsCleanWire: boolean,
    work: (job: Job) => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const { closeReason, resource } = this.#keeper;
      if (closeReason) return reject(closeReason);
      if (signal?.aborted) return reject(cancellation(signal));
      const isSafety = priority === 'safety';
      if (this.loan && !isSafety) return reject(takenError(resource));
      const job = new ExchangeJob<T>({
        priority,
        // A safety job begins on any wire: its commands ask nothing.
        needsCleanWire: needsCleanWire && !isSafety,
        signal,
        onCancelled: this.#onCancelled,
        work,
        resolve,
        reject,
      });
      if (!this.#queue.offer(job)) {
        const message = `${resource} has ${this.#queue.length} exchanges waiting; this one was not sent. Poll less often, or wait.`;
        return reject(new LabError('instrument.busy', message, { waiting: this.#queue.length }));
      }
      job.listen();
      if (isSafety) this.#makeWay();
      this.next();
    });
  }

  next(): void {
    if (this.#active || this.#keeper.recovery || this.#keeper.closeReason) return;
    const first = this.#queue.peek();
    if (!first) return;
    if (first.needsCleanWire && this.#keeper.wire.isDirty) {
      void this.#keeper.calm();
      return;
    }
    const job = this.#queue.take();
    if (!job) return;
    this.#active = job;
    job.run(this.#onOver);
  }

  async #nextSoon(): Promise<void> {
    for (let turn = 0; turn < TURNS_TO_ASK_ON; turn++) await undefined;
    this.next();
  }

  /** Outputs off waits: whatever has the wire gives it up, as soon as the way can. */
  #makeWay(): void {
    const { resource, recovery, wire } = this.#keeper;
    const active = this.#active;
    // What a person ordered before must not switch on again what is switched off now.
    this.#queue.refuse('person', overtakenError(resource));
    if (active && active.priority !== 'safety') {
      const reason = interruptedError(resource);
      active.overtaken ??= reason;
      active.stop?.(reason);
      if (this.loan) this.loan.recall(reason);
      else if (recovery) this.#keeper.hurry();
      else if (wire.transport.control?.clear) wire.interrupt(reason);
      else wire.hurry(this.#limits.safetyWaitMs, reason);
    } else this.#keeper.hurry();
  }
}
