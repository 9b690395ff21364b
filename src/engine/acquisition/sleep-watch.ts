import type { Clock, Sleep } from '../../core/clock.ts';

/** What a stream has not been told yet of the sleep of the system. */
export class SleepWatch {
  readonly #clock: Clock;
  #seen: Sleep | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#seen = clock.lastSleep;
  }

  /** The latest sleep, once. */
  take(): Sleep | undefined {
    const sleep = this.#clock.lastSleep;
    if (sleep === this.#seen) return undefined;
    this.#seen = sleep;
    return sleep;
  }
}

/** Why rows are missing; `beside`: what else happened to the stream. */
export function sleepReason({ fromNs, toNs }: Sleep, beside?: string): string {
  const text = `sleep: the system slept for ${durationText(Number(toNs - fromNs) / 1e9)}`;
  return beside === undefined ? text : `${text}; ${beside}`;
}

/** `8 h 3 min`, `2 min 5 s`, `42 s`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
