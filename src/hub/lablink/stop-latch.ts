import type { CallOutput } from '../../contract/calls.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { readAgain } from './read-again.ts';

type Results = CallOutput<'outputs.off'>['results'];

export interface StopState {
  isActive: boolean;
  /** Of the activation; undefined: it is not active. */
  sinceNs: bigint | undefined;
  results: Results;
}

/** The emergency stop of the bench in the words of this dialect: the engine keeps it, for all sides and over a restart of either. */
export class StopLatch {
  readonly #bench: HubBench;

  constructor(bench: HubBench) {
    this.#bench = bench;
  }

  get state(): StopState {
    const { emergencyStop } = this.#bench.state;
    if (!emergencyStop) return { isActive: false, sinceNs: undefined, results: [] };
    return { isActive: true, sinceNs: BigInt(emergencyStop.t), results: emergencyStop.results };
  }

  /** Every output off, each read back. Throws link.closed. */
  async activate(principal: Principal): Promise<StopState> {
    const { results } = await this.#bench.client.call(
      'emergency.stop',
      {},
      { as: askerOf(principal, 'lablink', 'stop') },
    );
    await readAgain(this.#bench, principal, results);
    const { sinceNs } = this.state;
    return { isActive: true, sinceNs, results };
  }

  /** Outputs stay off. False: it was not active. Throws settings.unwritable, link.closed. */
  async deactivate(principal: Principal): Promise<boolean> {
    const { released } = await this.#bench.client.call(
      'emergency.release',
      {},
      { as: askerOf(principal, 'lablink', 'stop') },
    );
    return released;
  }

  /** Throws safety.refused while it is active: the engine would say so, too, but not how to end it here. */
  check(): void {
    if (!this.state.isActive) return;
    throw new LabError(
      'safety.refused',
      'The emergency stop is active, so outputs stay off. Nothing was sent. Deactivate it first (POST /api/safety/emergency-stop/deactivate).',
    );
  }
}
