import { LabError } from '../core/errors.ts';
import type { HostServices, HubProcess } from '../engine/host-services.ts';
import type { SimulatorChild } from './simulator-child.ts';
import { startSimulatorChild } from './simulator-child.ts';

const WAKE_CHECK_MS = 5_000;
/** A tick this late means that the system slept (or stood still as if it had). */
const SLEPT_MS = 15_000;

const NO_SIMULATOR = 'a single command starts none; run labwire bench beside it';
const NO_HUB = 'a single command shares no bench; run labwire serve, or the desktop app';

/** What the engine may ask of a plain Node: the simulated bench and waking up; for the rest a reason. Disposing ends the bench. */
export class NodeServices implements HostServices, AsyncDisposable {
  readonly host = 'node';
  readonly unavailable: HostServices['unavailable'];
  readonly #simulatorPath: string | undefined;
  #simulator: Promise<SimulatorChild> | undefined;

  /** `simulatorPath`: the built simulator; undefined where none shall be started. */
  constructor(simulatorPath: string | undefined) {
    this.#simulatorPath = simulatorPath;
    this.unavailable = {
      notify: 'without the desktop app there are no system notifications; the page shows them',
      blockSleep: 'without the desktop app the system may go to sleep; switch that off for long recordings',
      ...(simulatorPath === undefined ? { simulator: NO_SIMULATOR, hub: NO_HUB } : {}),
    };
  }

  notify(): void {}

  blockSleep(): void {}

  startSimulator(): Promise<SimulatorChild> {
    this.#simulator ??= this.#start();
    return this.#simulator;
  }

  async #start(): Promise<SimulatorChild> {
    const forget = (): void => {
      this.#simulator = undefined;
    };
    try {
      if (this.#simulatorPath === undefined) throw new LabError('simulator.unavailable', `No bench: ${NO_SIMULATOR}.`);
      const simulator = await startSimulatorChild(this.#simulatorPath);
      void simulator.closed.then(forget);
      return simulator;
    } catch (error) {
      forget();
      throw LabError.from(error);
    }
  }

  /** The host of an engine in a process of its own starts it (engine-host.ts). */
  startHub(): Promise<HubProcess> {
    return Promise.reject(new LabError('share.failed', `Not shared: ${NO_HUB}.`));
  }

  /** No desktop, no shortcut of it. */
  onOutputsOff(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  onWake(listener: () => void): Disposable {
    let last = Date.now();
    const timer = setInterval(() => {
      const slept = Date.now() - last > SLEPT_MS;
      last = Date.now();
      if (slept) listener();
    }, WAKE_CHECK_MS).unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const simulator = await this.#simulator?.catch(() => undefined);
    await simulator?.[Symbol.asyncDispose]();
  }
}
