/** The clock of the server: naive local time with microseconds, wrong by as much as was asked for. */
export class ServerTime {
  readonly #zoneMs: number;
  readonly #errorMs: number;

  constructor(zoneMinutes: number, errorMs: number) {
    this.#zoneMs = zoneMinutes * 60_000;
    this.#errorMs = errorMs;
  }

  /** Python's datetime.now().isoformat(). */
  naive(): string {
    return this.#at(this.#zoneMs);
  }

  /** What /api/security writes. */
  utc(): string {
    return `${this.#at(0)}Z`;
  }

  /** HTTP Date: it is the same clock. */
  httpDate(): string {
    return new Date(Date.now() + this.#errorMs).toUTCString();
  }

  #at(shiftMs: number): string {
    const ms = performance.timeOrigin + performance.now() + this.#errorMs + shiftMs;
    const whole = Math.floor(ms);
    const micros = Math.floor((ms - whole) * 1000);
    return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}`;
  }
}
