import type { PowerMeterStatus } from '../../protocol/lab/power-meter-message.ts';
import { parsePowerMeterStatus } from '../../protocol/lab/power-meter-message.ts';
import type { LabPorts } from '../ports.ts';
import type { RestClient } from '../rest-client.ts';

export interface GatePace {
  /** Between two looks while the instrument is connected, and while it is not; ms. */
  openMs: number;
  closedMs: number;
  /** Two looks are never nearer; ms. */
  leastMs: number;
}

export const GATE_PACE: Readonly<GatePace> = { openMs: 10_000, closedMs: 2000, leastMs: 200 };

/**
 * Whether the power meter is connected to its server (`GET /connection/status`). Only then is a stream opened: without the instrument the server gives ten
 * errors and drops the socket, as often as it is opened. What cannot be asked counts as open, then the link finds out.
 */
export class ConnectionGate implements Disposable {
  readonly #ports: LabPorts;
  readonly #rest: RestClient;
  /** What the server says, or whether it answers, changed. */
  readonly #onChange: () => void;
  readonly #pace: GatePace;
  #status: PowerMeterStatus | undefined;
  #instrumentId: string | undefined;
  #isAnswered = false;
  #isPaused = false;
  #isDisposed = false;
  #timer: Disposable | undefined;
  #asking: Promise<void> | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(ports: LabPorts, rest: RestClient, onChange: () => void, pace: GatePace = GATE_PACE) {
    this.#ports = ports;
    this.#rest = rest;
    this.#onChange = onChange;
    this.#pace = pace;
  }

  get isOpen(): boolean {
    return !this.#isPaused && (this.#status?.connected ?? true);
  }

  /** The server said that the instrument is not connected. */
  get isClosed(): boolean {
    return this.#status?.connected === false;
  }

  /** The last question was answered. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  get status(): PowerMeterStatus | undefined {
    return this.#status;
  }

  /** What the instrument called itself when it was last connected: an instrument that is away is still the same. */
  get instrumentId(): string | undefined {
    return this.#instrumentId;
  }

  /** Asks now, unless it just did; resolves with the answer taken in. Never throws. */
  check(): Promise<void> {
    if (this.#isPaused || this.#isDisposed) return Promise.resolve();
    if (this.#asking) return this.#asking;
    const sinceMs = this.#ports.clock.monotonicMs() - this.#lastMs;
    if (sinceMs < this.#pace.leastMs) {
      this.#arm(this.#pace.leastMs - sinceMs);
      return Promise.resolve();
    }
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
      this.#arm(this.isClosed ? this.#pace.closedMs : this.#pace.openMs);
    });
    return this.#asking;
  }

  /** By the person: nothing is asked until `resume`. */
  pause(): void {
    this.#isPaused = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#onChange();
  }

  resume(): void {
    this.#isPaused = false;
    this.#lastMs = Number.NEGATIVE_INFINITY;
    void this.check();
    this.#onChange();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    this.#lastMs = this.#ports.clock.monotonicMs();
    const before = this.#status;
    const wasAnswered = this.#isAnswered;
    try {
      const { status, json } = await this.#rest.answer('/connection/status', { timeoutMs: 5000 });
      this.#isAnswered = status < 500;
      const said = status === 200 ? parsePowerMeterStatus(json) : undefined;
      if (said) this.#status = said;
      this.#instrumentId = said?.instrument_id ?? this.#instrumentId;
    } catch {
      // The server is away: the links say so; whether the instrument is connected is as it was.
      this.#isAnswered = false;
    }
    const after = this.#status;
    const isSame =
      before?.connected === after?.connected &&
      before?.instrument_id === after?.instrument_id &&
      wasAnswered === this.#isAnswered;
    if (!isSame && !this.#isDisposed) this.#onChange();
  }

  #arm(ms: number): void {
    if (this.#isPaused || this.#isDisposed) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#ports.clock.after(ms, () => void this.check());
  }
}
