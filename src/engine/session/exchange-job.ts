import type { LabError } from '../../core/errors.ts';
import { cancellation } from '../transport/read-buffer.ts';
import type { Priority } from './session.ts';
import { turnWatch } from './turn-watch.ts';

/** One exclusive use of the wire, waiting or running, whatever its result is. */
export interface Job {
  readonly priority: Priority;
  /** The wire must be clean before it begins (a streaming device takes it as it is). */
  readonly needsCleanWire: boolean;
  /** Set when its caller has gone; the answer then belongs to nobody. */
  readonly cancelled: LabError | undefined;
  /** Set when Outputs off came first: it may send nothing more. What it waits for ends with this, too. */
  overtaken: LabError | undefined;
  /** Ends what the job does between its exchanges. */
  stop: ((reason: LabError) => void) | undefined;
  /** `onOver`: called when it needs the wire no more, once its caller has been told. */
  run(onOver: () => void): void;
  /** It will not run. */
  refuse(error: LabError): void;
}

export interface JobParts<T> {
  priority: Priority;
  needsCleanWire: boolean;
  /** Ends its waiting: `onCancelled` takes it out of the queue. */
  signal: AbortSignal | undefined;
  onCancelled(job: Job): void;
  work(job: Job): Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

const ONCE = { once: true };

/** A job and the promise of its caller. */
export class ExchangeJob<T> implements Job {
  readonly priority: Priority;
  readonly needsCleanWire: boolean;
  cancelled: LabError | undefined;
  overtaken: LabError | undefined;
  stop: ((reason: LabError) => void) | undefined;
  readonly #parts: JobParts<T>;

  constructor(parts: JobParts<T>) {
    this.#parts = parts;
    this.priority = parts.priority;
    this.needsCleanWire = parts.needsCleanWire;
    this.cancelled = undefined;
    this.overtaken = undefined;
    this.stop = undefined;
  }

  /** From now on its signal is heard. */
  listen(): void {
    const { signal } = this.#parts;
    if (!signal) return;
    signal.addEventListener('abort', this, ONCE);
    turnWatch(signal)?.queued();
  }

  /** Called by the signal (the job itself is the listener: one function less for each exchange). */
  handleEvent(): void {
    const { signal, onCancelled, reject } = this.#parts;
    if (!signal) return;
    this.cancelled = cancellation(signal);
    onCancelled(this);
    reject(this.cancelled);
  }

  run(onOver: () => void): void {
    const { signal, work, resolve, reject } = this.#parts;
    if (signal) turnWatch(signal)?.begins();
    work(this).then(
      (value) => {
        this.#leave();
        resolve(value);
        onOver();
      },
      (error: unknown) => {
        this.#leave();
        reject(error);
        onOver();
      },
    );
  }

  refuse(error: LabError): void {
    this.#leave();
    this.#parts.reject(error);
  }

  #leave(): void {
    this.#parts.signal?.removeEventListener('abort', this);
  }
}
