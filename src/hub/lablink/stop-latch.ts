import type { CallOutput } from '../../contract/calls.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { HubBench } from '../bench/hub-bench.ts';

type Results = CallOutput<'outputs.off'>['results'];

/** How long a settled instrument may take to be read again; ms. */
const REFRESH_MS = 2000;

export interface StopState {
  isActive: boolean;
  /** Of the last activation; undefined: never. */
  sinceNs: bigint | undefined;
  results: Results;
}

/**
 * The emergency stop of this dialect.
 *
 *     released ──activate: outputs.off, every channel read back──▶ active ──deactivate: outputs.release──▶ released
 *
 * While it is active, no client of this dialect switches anything on. Outputs stay off after the release.
 */
export class StopLatch {
  readonly #bench: HubBench;
  readonly #nowNs: () => bigint;
  #state: StopState = { isActive: false, sinceNs: undefined, results: [] };

  constructor(bench: HubBench, nowNs: () => bigint) {
    this.#bench = bench;
    this.#nowNs = nowNs;
  }

  get state(): StopState {
    return this.#state;
  }

  /** The latch holds from the first moment on, also if the engine does not answer. Throws link.closed. */
  async activate(principal: Principal): Promise<StopState> {
    const sinceNs = this.#nowNs();
    this.#state = { isActive: true, sinceNs, results: [] };
    const { results } = await this.#bench.client.call('outputs.off', {}, { as: askerOf(principal, 'lablink', 'stop') });
    this.#state = { ...this.#state, results };
    await this.#refresh(principal, results);
    return this.#state;
  }

  /** False: it was not active. */
  async deactivate(principal: Principal): Promise<boolean> {
    if (!this.#state.isActive) return false;
    await this.#bench.client.call('outputs.release', {}, { as: askerOf(principal, 'lablink', 'stop') });
    this.#state = { ...this.#state, isActive: false };
    return true;
  }

  /** Throws safety.refused while it is active. */
  check(): void {
    if (!this.#state.isActive) return;
    throw new LabError(
      'safety.refused',
      'The emergency stop is active, so outputs stay off. Nothing was sent. Deactivate it first (POST /api/safety/emergency-stop/deactivate).',
    );
  }

  /** What is read after the answer says that the outputs are off; an instrument that does not answer in time is shown as before. */
  async #refresh(principal: Principal, results: Results): Promise<void> {
    const options = { as: askerOf(principal, 'lablink', 'stop'), deadlineMs: REFRESH_MS, timeoutMs: REFRESH_MS };
    const instruments = [...new Set(results.filter(({ confirmed }) => confirmed).map(({ instrument }) => instrument))];
    const refresh = (instrument: string) => this.#bench.client.call('instrument.refresh', { instrument }, options);
    await Promise.allSettled(instruments.map(refresh));
  }
}
