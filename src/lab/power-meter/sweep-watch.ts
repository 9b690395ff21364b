import type { SweepStatus } from '../../protocol/lab/power-meter-message.ts';
import { parseSweepStatus } from '../../protocol/lab/power-meter-message.ts';
import type { LabPorts } from '../ports.ts';
import type { RestClient } from '../rest-client.ts';

/** While a sweep runs its state is asked for so often; ms. */
const SWEEP_MS = 500;
/** So many failures in a row end the watch. */
const MOST_FAILURES = 5;

/** Follows a sweep at 2 Hz from its start to its end; nothing is asked while none runs. */
export class SweepWatch implements Disposable {
  readonly #ports: LabPorts;
  readonly #rest: RestClient;
  readonly #onStatus: (status: SweepStatus, elapsedS: number) => void;
  #isWatching = false;
  #isDisposed = false;
  #startMs = 0;
  #failures = 0;
  #timer: Disposable | undefined;

  constructor(ports: LabPorts, rest: RestClient, onStatus: (status: SweepStatus, elapsedS: number) => void) {
    this.#ports = ports;
    this.#rest = rest;
    this.#onStatus = onStatus;
  }

  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** A sweep was begun, here or by somebody else. */
  begin(): void {
    if (this.#isWatching || this.#isDisposed) return;
    this.#isWatching = true;
    this.#failures = 0;
    this.#startMs = this.#ports.clock.monotonicMs();
    void this.#ask();
  }

  /** Looks once whether somebody else's sweep runs. Never throws. */
  async look(): Promise<void> {
    if (this.#isWatching || this.#isDisposed) return;
    const status = await this.#read();
    if (status?.is_sweeping) this.begin();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#isWatching = false;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    const askedMs = this.#ports.clock.monotonicMs();
    const status = await this.#read();
    if (!this.#isWatching) return;
    this.#failures = status ? 0 : this.#failures + 1;
    if (status) this.#onStatus(status, (this.#ports.clock.monotonicMs() - this.#startMs) / 1000);
    if (status?.is_sweeping === false || this.#failures >= MOST_FAILURES) {
      this.#isWatching = false;
      return;
    }
    const wait = Math.max(0, SWEEP_MS - (this.#ports.clock.monotonicMs() - askedMs));
    this.#timer = this.#ports.clock.after(wait, () => void this.#ask());
  }

  async #read(): Promise<SweepStatus | undefined> {
    try {
      return parseSweepStatus(await this.#rest.get('/measurement/sweep/status', { timeoutMs: 5000 }));
    } catch {
      return undefined;
    }
  }
}
