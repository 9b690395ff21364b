import type { Clock, Sleep } from '../../core/clock.ts';
import { durationText } from '../acquisition/sleep-watch.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';
import type { EventLog } from './event-log.ts';

export interface ClockWatchOptions {
  clock: Clock;
  events: EventLog;
  /** The wall clock, ms since 1970. Default: the system's. */
  wallMs?: () => number;
  /** A smaller step is the system keeping its clock; ms. Default 250. */
  stepMs?: number;
  /** The system has slept: instruments may be elsewhere. */
  slept?: ((sleep: Sleep) => void) | undefined;
}

const LOOK_MS = 1000;
/** What is said of the offset holds within that; s. */
const UNCERTAINTY_S = 0.1;

/**
 * Notices when the system slept, and when its clock is set. Over a sleep engine time goes on with it. A clock that was set moves nothing: samples and files do not
 * jump; the event says by how much the two differ from then on, so that times can be compared with those of others, and so does what is recorded.
 */
export class ClockWatch implements Disposable {
  readonly #options: ClockWatchOptions;
  #offsetMs: number;
  #saidS = 0;
  #sleep: Sleep | undefined;
  #sleeps = 0;
  #sleptS = 0;
  #timer: Disposable | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#sleep = options.clock.lastSleep;
    this.#offsetMs = this.#read();
    this.look();
  }

  /** Wall clock less engine time, s. */
  get offsetS(): number {
    return this.#read() / 1000;
  }

  /** For a recording: what its times rest on, and what the clock of the system is ahead of them. */
  get about(): RecordingAbout['clock'] {
    const offsetS = this.#read() / 1000;
    // It drifts: that is news only now and then.
    if (Math.abs(offsetS - this.#saidS) > UNCERTAINTY_S * 0.9) this.#saidS = Math.round(offsetS * 1000) / 1000;
    const sleeps =
      this.#sleeps === 0
        ? ''
        : ` and the sleep of the system (${this.#sleeps} so far, ${durationText(this.#sleptS)} in all)`;
    return {
      source: `system clock, read once at start, then the monotonic clock${sleeps}`,
      offsetS: this.#saidS,
      uncertaintyS: UNCERTAINTY_S,
    };
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  /** Now, and from now on once a second. */
  look(): void {
    const { clock, stepMs = 250 } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = clock.after(LOOK_MS, () => this.look());
    const offsetMs = this.#read();
    if (clock.lastSleep && clock.lastSleep !== this.#sleep) this.#wake(clock.lastSleep, offsetMs);
    const stepS = (offsetMs - this.#offsetMs) / 1000;
    this.#offsetMs = offsetMs;
    // It drifts, and is steered: that is no step, however long it goes on.
    if (Math.abs(stepS) * 1000 >= stepMs) this.#tellStep(stepS, offsetMs);
  }

  #wake(sleep: Sleep, offsetMs: number): void {
    this.#sleep = sleep;
    const sleptS = Number(sleep.toNs - sleep.fromNs) / 1e9;
    this.#sleeps++;
    this.#sleptS += sleptS;
    this.#options.events.add({
      kind: 'clock',
      severity: 'warning',
      text: `The system slept for ${durationText(sleptS)}. Nothing was measured meanwhile; what is measured now has the time of now.`,
      data: { sleptS, fromNs: String(sleep.fromNs), toNs: String(sleep.toNs), offsetS: offsetMs / 1000 },
    });
    this.#options.slept?.(sleep);
  }

  #tellStep(stepS: number, offsetMs: number): void {
    this.#options.events.add({
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
