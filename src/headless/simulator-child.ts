import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { SimulatedInstrument } from '../contract/host-messages.ts';
import { LabError } from '../core/errors.ts';
import type { SimulatorFault, SimulatorProcess } from '../engine/host-services.ts';
import type { FromBench, ToBench } from '../simulator/message.ts';
import { fromBench } from '../simulator/message.ts';

export interface SimulatorOptions {
  seed?: number | undefined;
  usePtys?: boolean | undefined;
  ledgerDir?: string | undefined;
  /** Default all. */
  ways?: 'all' | 'plain' | undefined;
  families?: string[] | undefined;
  announce?: boolean | undefined;
}

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 3_000;

/**
 * Starts the simulated bench as a child process; it ends when disposed and when this process ends, however it ends (its channel closes).
 * What is said is in simulator/message.ts. Throws simulator.unavailable, simulator.failed.
 */
export async function startSimulatorChild(path: string, options: SimulatorOptions = {}): Promise<SimulatorChild> {
  if (!existsSync(path)) {
    throw new LabError('simulator.unavailable', `The simulated bench is not built (${path}). Run npm run build.`);
  }
  // Of its own group, so that Ctrl-C reaches this process alone, which then ends it in order. (On Windows that would open a console.)
  const child = fork(path, [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: process.platform !== 'win32',
  });
  const simulator = new SimulatorChild(child);
  try {
    await simulator.listening(options);
    return simulator;
  } catch (error) {
    await simulator[Symbol.asyncDispose]();
    throw error;
  }
}

/** The running child. */
export class SimulatorChild implements SimulatorProcess {
  readonly closed: Promise<string>;
  instruments: SimulatedInstrument[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: LabError) => void }>();
  readonly #started: Promise<void>;
  #start: { resolve: () => void; reject: (error: LabError) => void } | undefined;
  #nextId = 1;
  #isStopping = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#started = new Promise((resolve, reject) => {
      this.#start = { resolve, reject };
    });
    this.closed = new Promise((resolve) => {
      const end = (reason: string): void => {
        resolve(reason);
        this.#fail(new LabError('simulator.failed', reason));
      };
      child.on('error', (error) => end(`The simulated bench could not run: ${error.message}`));
      child.on('exit', (code, signal) =>
        end(this.#isStopping ? 'stopped' : `The simulated bench ended (${signal ?? code}).`),
      );
    });
    child.on('message', (message) => this.#take(message));
  }

  async listening(options: SimulatorOptions): Promise<void> {
    const timer = setTimeout(() => {
      this.#fail(
        new LabError('simulator.failed', `The simulated bench did not start within ${START_LIMIT_MS / 1000} s.`),
      );
    }, START_LIMIT_MS);
    this.#send({ type: 'start', options });
    await this.#started.finally(() => clearTimeout(timer));
  }

  setFault(name: string, fault: SimulatorFault): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#send({ type: 'setFault', id, name, fault });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#send({ type: 'stop' });
    }
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.closed;
    clearTimeout(kill);
  }

  #send(message: ToBench): void {
    if (!this.#child.connected) {
      this.#fail(new LabError('simulator.failed', 'The simulated bench is gone. Start it again.'));
      return;
    }
    this.#child.send(message, (error) => {
      if (error) this.#fail(new LabError('simulator.failed', `The simulated bench does not listen: ${error.message}`));
    });
  }

  #take(data: unknown): void {
    const parsed = fromBench.safeParse(data);
    if (!parsed.success) {
      this.#fail(new LabError('simulator.failed', 'The simulated bench says what is not understood. Build again.'));
      return;
    }
    const message: FromBench = parsed.data;
    if (message.type === 'listening') {
      this.instruments = message.instruments;
      this.#start?.resolve();
      return;
    }
    const waiting = message.id === undefined ? this.#start : this.#waiting.get(message.id);
    if (message.id !== undefined) this.#waiting.delete(message.id);
    if (message.type === 'done') waiting?.resolve();
    else waiting?.reject(LabError.fromRecord(message.error));
  }

  #fail(error: LabError): void {
    this.#start?.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
