import type { ServerAlarm } from '../../contract/server-schema.ts';
import { MAX_NAME } from './said-text.ts';

/** The alarms a server raised, as they are now; bounded. */
export class AlarmList {
  readonly #limit: number;
  readonly #alarms = new Map<string, ServerAlarm>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get all(): ServerAlarm[] {
    return [...this.#alarms.values()];
  }

  /** True if it is news: not known, or in another state than before. */
  take(alarm: ServerAlarm): boolean {
    const id = alarm.id.slice(0, MAX_NAME) || alarm.text.slice(0, MAX_NAME) || 'alarm';
    const before = this.#alarms.get(id);
    this.#alarms.delete(id);
    this.#alarms.set(id, { ...alarm, id });
    while (this.#alarms.size > this.#limit) this.#forgetOne();
    return before?.state !== alarm.state;
  }

  /** What is over goes before what is still active; of those the oldest. */
  #forgetOne(): void {
    for (const { id, state } of this.#alarms.values()) {
      if (state === 'active') continue;
      this.#alarms.delete(id);
      return;
    }
    for (const id of this.#alarms.keys()) {
      this.#alarms.delete(id);
      return;
    }
  }
}
