import type { BenchState } from '../../contract/bench-schema.ts';
import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { instrumentId } from '../acquisition/instrument-id.ts';
import { foundRow } from '../discovery/found-row.ts';
import type { HostServices, SimulatorFault, SimulatorProcess } from '../host-services.ts';
import type { StateBoard } from '../state/state-board.ts';

type SimulatorState = BenchState['simulator'];

/** The simulated bench as screens see it. It is a process of the host; the engine only asks for it and says how it is. */
export class SimulatorDesk {
  readonly #host: HostServices;
  readonly #board: StateBoard;
  readonly #clock: Clock;
  #process: SimulatorProcess | undefined;
  #starting: Promise<SimulatorState> | undefined;

  constructor(host: HostServices, board: StateBoard, clock: Clock) {
    this.#clock = clock;
    this.#host = host;
    this.#board = board;
  }

  get instruments(): FoundInstrument[] {
    return this.#board.state.simulator.instruments;
  }

  /** Ways to the simulated instrument of that id; none if there is none. */
  resourcesOf(id: string): string[] {
    const found = this.instruments.find(
      ({ idn, resources }) => idn !== null && instrumentId(parseIdentity(idn), resources[0] ?? '') === id,
    );
    return found?.resources ?? [];
  }

  /** Throws simulator.unavailable, simulator.failed. */
  start(): Promise<SimulatorState> {
    if (this.#process) return Promise.resolve(this.#board.state.simulator);
    this.#starting ??= this.#open().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async stop(): Promise<SimulatorState> {
    await this.#starting?.catch(() => undefined);
    const process = this.#process;
    this.#process = undefined;
    await process?.[Symbol.asyncDispose]();
    return this.#show({ state: 'off', instruments: [] });
  }

  /** Throws simulator.failed when it does not run, call.invalid for a name it has not. */
  async setFault(name: string, fault: SimulatorFault): Promise<void> {
    const process = this.#process;
    if (!process)
      throw new LabError(
        'simulator.failed',
        'The simulated bench does not run, so it can have no fault. Start it first.',
      );
    if (!process.instruments.some((instrument) => instrument.name === name)) {
      const names = process.instruments.map((instrument) => instrument.name).join(', ');
      throw new LabError('call.invalid', `The simulated bench has no ${name}. It has: ${names}.`, { name });
    }
    await process.setFault(name, fault);
  }

  async #open(): Promise<SimulatorState> {
    const reason = this.#host.unavailable.simulator;
    if (reason) {
      this.#show({ state: 'unavailable', instruments: [], reason });
      throw new LabError('simulator.unavailable', `The simulated bench cannot be started here: ${reason}.`);
    }
    this.#show({ state: 'starting', instruments: [] });
    try {
      const process = await this.#host.startSimulator();
      this.#process = process;
      void process.closed.then((why) => {
        if (this.#process !== process) return;
        this.#process = undefined;
        this.#show({ state: 'failed', instruments: [], reason: why });
      });
      const instruments = process.instruments.map(
        (instrument): FoundInstrument =>
          foundRow({ ...instrument, state: 'available', source: 'simulator', nowNs: this.#clock.nowNs() }),
      );
      return this.#show({ state: 'running', instruments });
    } catch (error) {
      const failure = LabError.from(error);
      this.#show({ state: 'failed', instruments: [], reason: failure.message });
      throw failure;
    }
  }

  #show(simulator: SimulatorState): SimulatorState {
    this.#board.publish('simulator.changed', { simulator });
    return simulator;
  }
}
