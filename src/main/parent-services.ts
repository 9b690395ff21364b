import type { Fault } from '../contract/calls.ts';
import { LabError } from '../core/errors.ts';
import type { FromEngine, HostRequest, Severity, SimulatedInstrument, ToEngine } from './engine-messages.ts';

interface Waiting {
  resolve(instruments: SimulatedInstrument[]): void;
  reject(error: LabError): void;
}

/** The simulated bench as the engine sees it; disposing ends it. */
class RemoteSimulator implements AsyncDisposable {
  readonly instruments: SimulatedInstrument[];
  readonly closed: Promise<string>;
  readonly #ask: (request: HostRequest) => Promise<SimulatedInstrument[]>;
  #end: (reason: string) => void = () => undefined;

  constructor(instruments: SimulatedInstrument[], ask: (request: HostRequest) => Promise<SimulatedInstrument[]>) {
    this.instruments = instruments;
    this.#ask = ask;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async setFault(name: string, fault: Fault): Promise<void> {
    await this.#ask({ kind: 'setFault', name, fault });
  }

  ended(reason: string): void {
    this.#end(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ask({ kind: 'stopSimulator' });
    this.#end('stopped');
  }
}

/**
 * The engine's host services in the desktop app: every one of them is a message to main. In the shape of `HostServices`
 * of the engine, which only engine-entry.ts may import.
 */
export class ParentServices {
  readonly host = 'electron';
  readonly unavailable = {};
  readonly #send: (message: FromEngine) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #wakeListeners = new Set<() => void>();
  #request = 0;
  #simulator: RemoteSimulator | undefined;

  constructor(send: (message: FromEngine) => void) {
    this.#send = send;
  }

  notify(notice: { title: string; text: string; severity: Severity }): void {
    this.#send({ kind: 'notify', ...notice });
  }

  blockSleep(on: boolean): void {
    this.#send({ kind: 'blockSleep', on });
  }

  /** Throws simulator.failed, simulator.unavailable as main does. */
  async startSimulator(): Promise<RemoteSimulator> {
    const instruments = await this.#ask({ kind: 'startSimulator' });
    this.#simulator = new RemoteSimulator(instruments, (request) => this.#ask(request));
    return this.#simulator;
  }

  onWake(listener: () => void): Disposable {
    this.#wakeListeners.add(listener);
    return { [Symbol.dispose]: () => this.#wakeListeners.delete(listener) };
  }

  /** Takes what main says; `connect` and `close` are engine-entry's own. */
  take(message: ToEngine): void {
    switch (message.kind) {
      case 'wake':
        for (const listener of this.#wakeListeners) listener();
        break;
      case 'simulatorEnded':
        this.#simulator?.ended(message.reason);
        this.#simulator = undefined;
        break;
      case 'answer':
        this.#settle(message.request)?.resolve(message.instruments);
        break;
      case 'refusal':
        this.#settle(message.request)?.reject(LabError.fromRecord(message.error));
        break;
    }
  }

  #ask(ask: HostRequest): Promise<SimulatedInstrument[]> {
    const request = ++this.#request;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
      this.#send({ kind: 'request', request, ask });
    });
  }

  #settle(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }
}
