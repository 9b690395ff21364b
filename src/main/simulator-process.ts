import type { UtilityProcess } from 'electron';
import type { Fault } from '../contract/calls.ts';
import type { SimulatedInstrument } from '../contract/host-messages.ts';
import { LabError } from '../core/errors.ts';
import { forkUtility } from './utility-fork.ts';

/** What the bench process says; what it is told is beside it in simulator/message.ts. It is our own build, so only its shape is relied on. */
type FromBench =
  | { type: 'listening'; instruments: SimulatedInstrument[] }
  | { type: 'done'; id: number }
  | { type: 'failed'; id?: number; error: { code: string; message: string } };

const START_LIMIT_MS = 15_000;
const STOP_LIMIT_MS = 3_000;

/**
 * The simulated bench: a child of the shell, not of the engine, so that it outlives an engine crash as real instruments do.
 */
export class SimulatorProcess {
  readonly #entry: string;
  readonly #onEnded: (reason: string) => void;
  #child: UtilityProcess | undefined;
  #started: Promise<SimulatedInstrument[]> | undefined;
  #lastId = 0;
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
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      child.postMessage({ type: 'setFault', id, name, fault });
    });
  }

  /** Ends it; fine if it does not run. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#child = undefined;
    child.postMessage({ type: 'stop' });
    const timer = setTimeout(() => child.kill(), STOP_LIMIT_MS);
    await ended;
    clearTimeout(timer);
  }

  #fork(): Promise<SimulatedInstrument[]> {
    const child = forkUtility(this.#entry, [], { serviceName: 'Labwire simulated bench' });
    this.#child = child;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill(), START_LIMIT_MS);
      child.on('message', (message: FromBench) => {
        if (message.type === 'listening') {
          clearTimeout(timer);
          resolve(message.instruments);
        } else if (message.type === 'failed' && message.id === undefined) reject(LabError.fromRecord(message.error));
        else this.#answer(message);
      });
      child.postMessage({ type: 'start', options: {} });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(this.#ended(child, code));
      });
    });
  }

  #answer(message: Exclude<FromBench, { type: 'listening' }>): void {
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (message.id !== undefined) this.#waiting.delete(message.id);
    if (message.type === 'done') waiting?.resolve();
    else waiting?.reject(LabError.fromRecord(message.error));
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
