import type { Clock } from '../../core/clock.ts';
import type { EventLog } from './event-log.ts';

export interface ClockWatchOptions {
  clock: Clock;
  events: EventLog;
  /** The wall clock, ms since 1970. Default: the system's. */
  wallMs?: () => number;
  /** A smaller step is the system keeping its clock; ms. Default 250. */
  stepMs?: number;
}

const LOOK_MS = 1000;

/**
 * Notices when the clock of the system is set. Engine time goes on as it was: samples and files do not jump; the event says by how much the two differ from then on,
 * so that times can be compared with those of others.
 */
export class ClockWatch implements Disposable {
  readonly #options: ClockWatchOptions;
  #offsetMs: number;
  #timer: Disposable | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#offsetMs = this.#read();
    this.#look();
  }

  /** Wall clock less engine time, s. */
  get offsetS(): number {
    return this.#read() / 1000;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #look(): void {
    const { clock, events, stepMs = 250 } = this.#options;
    this.#timer = clock.after(LOOK_MS, () => this.#look());
    const offsetMs = this.#read();
    const stepS = (offsetMs - this.#offsetMs) / 1000;
    if (Math.abs(stepS) * 1000 < stepMs) {
      // It drifts, and is steered: that is no step, however long it goes on.
      this.#offsetMs = offsetMs;
      return;
    }
    this.#offsetMs = offsetMs;
    events.add({
      kind: 'clock',
      severity: 'warning',
      text: `The clock of the system was set ${Math.abs(stepS).toFixed(1)} s ${stepS > 0 ? 'ahead' : 'back'}. What is measured keeps its own time, now ${Math.abs(offsetMs / 1000).toFixed(1)} s ${offsetMs > 0 ? 'behind' : 'ahead of'} that clock; restart Labwire to take the new one.`,
      data: { stepS, offsetS: offsetMs / 1000 },
    });
  }

  #read(): number {
    const { clock, wallMs = Date.now } = this.#options;
    return wallMs() - Number(clock.nowNs()) / 1e6;
  }
}
