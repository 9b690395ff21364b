import type { LabError } from '../../src/core/errors.ts';
import type { HostServices, HubEnd, HubProcess, SimulatorProcess } from '../../src/engine/host-services.ts';
import type { SecretStore } from '../../src/engine/secret-store.ts';
import type { BenchOptions } from '../../src/simulator/bench/bench-options.ts';
import { type Bench, openBench } from '../../src/simulator/bench.ts';

/** The simulated bench in this process instead of a child, and a note of what the engine asked for. */
export class LabHost implements HostServices, AsyncDisposable {
  readonly host = 'node';
  unavailable: HostServices['unavailable'] = {};
  /** Whether the process of the hub runs, and how often it was started; what it serves a test says over a link of its own. */
  hub: 'off' | 'running' = 'off';
  hubStarts = 0;
  /** Why it cannot be started. */
  hubFailure: LabError | undefined;
  readonly #hubListeners = new Set<(end: HubEnd) => void>();
  /** A keychain, as far as the engine can tell: it outlives engines. */
  secrets?: SecretStore;
  readonly notices: string[] = [];
  isAwake = false;
  readonly #wakers = new Set<(sleptMs?: number) => void>();
  #onNotice: ((text: string) => void) | undefined;
  bench: Bench | undefined;
  readonly #options: BenchOptions;

  constructor(options: BenchOptions = {}) {
    this.#options = options;
  }

  notify({ text }: { text: string }): void {
    this.notices.push(text);
    this.#onNotice?.(text);
  }

  /** Resolves with the next notice to the person. */
  nextNotice(): Promise<string> {
    return new Promise((resolve) => {
      this.#onNotice = resolve;
    });
  }

  blockSleep(on: boolean): void {
    this.isAwake = on;
  }

  async startSimulator(): Promise<SimulatorProcess> {
    this.bench ??= await openBench(this.#options);
    const { bench } = this;
    return {
      instruments: bench.instruments,
      closed: new Promise(() => {}),
      setFault: async (name, fault) => bench.setFault(name, fault),
      // As in a real host the bench outlives the engine.
      async [Symbol.asyncDispose]() {},
    };
  }

  async startHub(): Promise<HubProcess> {
    if (this.hubFailure) throw this.hubFailure;
    if (this.hub === 'off') this.hubStarts++;
    this.hub = 'running';
    const host = this;
    return {
      onEnd(listener) {
        host.#hubListeners.add(listener);
        return { [Symbol.dispose]: () => host.#hubListeners.delete(listener) };
      },
      async [Symbol.asyncDispose]() {
        host.hub = 'off';
      },
    };
  }

  /** The process of the hub dies. */
  hubDies(end: HubEnd): void {
    this.hub = 'off';
    for (const listener of this.#hubListeners) listener(end);
  }

  readonly offListeners = new Set<() => void>();

  onOutputsOff(listener: () => void): Disposable {
    this.offListeners.add(listener);
    return { [Symbol.dispose]: () => this.offListeners.delete(listener) };
  }

  onWake(listener: (sleptMs?: number) => void): Disposable {
    this.#wakers.add(listener);
    return { [Symbol.dispose]: () => void this.#wakers.delete(listener) };
  }

  /** As if the system had slept and woken up. */
  wake(sleptMs?: number): void {
    for (const listener of this.#wakers) listener(sleptMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench?.[Symbol.asyncDispose]();
    this.bench = undefined;
  }
}
