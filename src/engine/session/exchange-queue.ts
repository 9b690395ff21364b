import type { LabError } from '../../core/errors.ts';
import type { Job } from './exchange-job.ts';
import type { Priority } from './session.ts';

/** Waiting jobs, by priority, then in order of arrival. Bounded: `offer` refuses what is too many; safety has places of its own. */
export class ExchangeQueue {
  readonly #maxQueued: number;
  readonly #lanes: Readonly<Record<Priority, Job[]>> = { safety: [], person: [], poll: [], background: [] };
  /** First goes first. */
  readonly #ordered = [this.#lanes.safety, this.#lanes.person, this.#lanes.poll, this.#lanes.background];
  #length = 0;

  constructor(maxQueued: number) {
    this.#maxQueued = maxQueued;
  }

  get length(): number {
    return this.#length;
  }

  offer(job: Job): boolean {
    const lane = this.#lanes[job.priority];
    const waiting = job.priority === 'safety' ? lane.length : this.#length - this.#lanes.safety.length;
    if (waiting >= this.#maxQueued) return false;
    lane.push(job);
    this.#length++;
    return true;
  }

  take(): Job | undefined {
    if (this.#length === 0) return undefined;
    this.#length--;
    return this.#ordered.find((lane) => lane.length > 0)?.shift();
  }

  peek(): Job | undefined {
    if (this.#length === 0) return undefined;
    return this.#ordered.find((lane) => lane.length > 0)?.[0];
  }

  remove(job: Job): void {
    const lane = this.#lanes[job.priority];
    const index = lane.indexOf(job);
    if (index < 0) return;
    lane.splice(index, 1);
    this.#length--;
  }

  has(priority: Priority): boolean {
    return this.#lanes[priority].length > 0;
  }

  refuseAll(error: LabError): void {
    for (const priority of ['safety', 'person', 'poll', 'background'] as const) this.refuse(priority, error);
  }

  /** Refuses what waits in one lane. */
  refuse(priority: Priority, error: LabError): void {
    const refused = this.#lanes[priority].splice(0);
    this.#length -= refused.length;
    for (const job of refused) job.refuse(error);
  }
}
