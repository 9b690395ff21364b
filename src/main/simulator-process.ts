import type { UtilityProcess } from 'electron';
import { utilityProcess } from 'electron';
import type { Fault } from '../contract/calls.ts';
import { LabError } from '../core/errors.ts';
import type { SimulatedInstrument } from './engine-messages.ts';

/** What the simulator says over its parent port. */
type FromSimulator =
  | { kind: 'ready'; instruments: SimulatedInstrument[] }
  | { kind: 'done'; request: number }
  | { kind: 'refused'; request: number; message: string };

const START_LIMIT_MS = 10_000;

/**
 * The simulated bench: a child of the shell, not of the engine, so that it outlives an engine crash as real instruments do.
 */
export class SimulatorProcess {
  readonly #entry: string;
  readonly #onEnded: (reason: string) => void;
  #child: UtilityProcess | undefined;
  #started: Promise<SimulatedInstrument[]> | undefined;
  #request = 0;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: LabError) => void }>();

  /** `entry`: the built simulator.js. `onEnded`: called with the reason when it ends unasked. */
  constructor(entry: string, onEnded: (reason: string) => void) {
    this.#entry = entry;
    this.#onEnded = onEnded;
  }

  /** Starts it, or gives the instruments of the one that runs. Throws simulator.failed. */
  start(): Promise<SimulatedInstrument[]> {
    this.#started ??= this.#fork();
    return this.#started;
  }

  /** Sets a fault knob of one instrument. Throws simulator.failed if it does not run or refuses. */
  setFault(name: string, fault: Fault): Promise<void> {
    const child = this.#child;
    if (!child) {
      const text = 'The simulated bench does not run, so the fault was not set. Start the bench first.';
      return Promise.reject(new LabError('simulator.failed', text));
    }
    const request = ++this.#request;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      child.postMessage({ kind: 'setFault', request, name, fault });
    });
  }

  /** Ends it; fine if it does not run. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#child = undefined;
    child.kill();
    await ended;
  }

  #fork(): Promise<SimulatedInstrument[]> {
    const child = utilityProcess.fork(this.#entry, [], { serviceName: 'Labwire simulated bench', stdio: 'inherit' });
    this.#child = child;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill(), START_LIMIT_MS);
      child.on('message', (message: FromSimulator) => {
        if (message.kind === 'ready') {
          clearTimeout(timer);
          resolve(message.instruments);
        } else this.#answer(message);
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(this.#ended(child, code));
      });
    });
  }

  #answer(message: Exclude<FromSimulator, { kind: 'ready' }>): void {
    const waiting = this.#waiting.get(message.request);
    this.#waiting.delete(message.request);
    if (message.kind === 'done') waiting?.resolve();
    else waiting?.reject(new LabError('simulator.failed', message.message));
  }

  #ended(child: UtilityProcess, code: number): LabError {
    const text = `The simulated bench ended (code ${code}). Its instruments are gone; start the bench again.`;
    const error = new LabError('simulator.failed', text);
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    this.#started = undefined;
    const unasked = this.#child === child;
    this.#child = undefined;
    if (unasked) this.#onEnded(text);
    return error;
  }
}
