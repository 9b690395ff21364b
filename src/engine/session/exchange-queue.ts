import type { LabError } from '../../core/errors.ts';
import type { Priority } from './session.ts';

/** One exclusive use of the wire, waiting or running. */
export interface ExchangeJob {
  readonly priority: Priority;
  /** The wire must be clean before it begins (a streaming device takes it as it is). */
  readonly needsCleanWire: boolean;
  /** Set when its caller has gone; the answer then belongs to nobody. */
  cancelled: LabError | undefined;
  /** Set when Outputs off came first: it may send nothing more. What it waits for ends with this, too. */
  overtaken: LabError | undefined;
  /** Ends what the job does between its exchanges. */
  stop?: ((reason: LabError) => void) | undefined;
  run(): Promise<void>;
  refuse(error: LabError): void;
}

const ORDER: readonly Priority[] = ['safety', 'person', 'poll', 'background'];

/** Waiting jobs, by priority, then in order of arrival. Bounded: `offer` refuses what is too many; safety has places of its own. */
export class ExchangeQueue {
  readonly #maxQueued: number;
  readonly #lanes = new Map<Priority, ExchangeJob[]>(ORDER.map((priority) => [priority, []]));

  constructor(maxQueued: number) {
    this.#maxQueued = maxQueued;
  }

  get length(): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += lane.length;
    return sum;
  }

  offer(job: ExchangeJob): boolean {
    const lane = this.#lane(job.priority);
    const waiting = job.priority === 'safety' ? lane.length : this.length - this.#lane('safety').length;
    if (waiting >= this.#maxQueued) return false;
    lane.push(job);
    return true;
  }

  take(): ExchangeJob | undefined {
    for (const priority of ORDER) {
      const lane = this.#lane(priority);
      if (lane.length > 0) return lane.shift();
    }
    return undefined;
  }

  peek(): ExchangeJob | undefined {
    for (const priority of ORDER) {
      const first = this.#lane(priority)[0];
      if (first) return first;
    }
    return undefined;
  }

  remove(job: ExchangeJob): void {
    const lane = this.#lane(job.priority);
    const index = lane.indexOf(job);
    if (index >= 0) lane.splice(index, 1);
  }

  has(priority: Priority): boolean {
    return this.#lane(priority).length > 0;
  }

  refuseAll(error: LabError): void {
    for (const lane of this.#lanes.values()) for (const job of lane.splice(0)) job.refuse(error);
  }

  /** Refuses what waits in one lane. */
  refuse(priority: Priority, error: LabError): void {
    for (const job of this.#lane(priority).splice(0)) job.refuse(error);
  }

  #lane(priority: Priority): ExchangeJob[] {
    const lane = this.#lanes.get(priority);
    if (!lane) throw new RangeError(priority);
    return lane;
  }
}
