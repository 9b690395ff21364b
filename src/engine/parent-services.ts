import type { FromEngine, HostRequest, SimulatedInstrument, ToEngine } from '../contract/host-messages.ts';
import { LabError } from '../core/errors.ts';
import type { HostServices, HubEnd, HubProcess, SimulatorFault, SimulatorProcess } from './host-services.ts';
import { createKeychain } from './keychain.ts';
import type { SecretStore } from './secret-store.ts';
import type { VisaPort } from './transport/vendor-visa/port-visa.ts';

/** What an answer brought. */
interface Answer {
  instruments: SimulatedInstrument[];
  port: VisaPort | undefined;
  secret: string | undefined;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: LabError): void;
}

const HOST_GONE = 'The process that started the engine is gone, and its simulated bench with it.';

/** The simulated bench as the engine sees it; disposing ends it. */
class RemoteSimulator implements SimulatorProcess {
  readonly instruments: SimulatedInstrument[];
  readonly closed: Promise<string>;
  readonly #ask: (request: HostRequest) => Promise<Answer>;
  #isEnded = false;
  #end: (reason: string) => void = () => undefined;

  constructor(instruments: SimulatedInstrument[], ask: (request: HostRequest) => Promise<Answer>) {
    this.instruments = instruments;
    this.#ask = ask;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async setFault(name: string, fault: SimulatorFault): Promise<void> {
    await this.#ask({ kind: 'setFault', name, fault });
  }

  ended(reason: string): void {
    this.#isEnded = true;
    this.#end(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEnded) return;
    await this.#ask({ kind: 'stopSimulator' }).catch((error: unknown) => {
      // A host that goes meanwhile takes its bench with it.
      if (!this.#isEnded) throw error;
    });
    this.ended('stopped');
  }
}

/** The hub as the engine sees it; disposing ends it. */
class RemoteHub implements HubProcess {
  readonly #stop: () => Promise<unknown>;
  readonly #listeners = new Set<(end: HubEnd) => void>();

  constructor(stop: () => Promise<unknown>) {
    this.#stop = stop;
  }

  onEnd(listener: (end: HubEnd) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  ended(end: HubEnd): void {
    for (const listener of this.#listeners) listener(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

/** The host services of an engine in a process of its own: every one of them is a message to the process that started it. */
export class ParentServices implements HostServices {
  readonly host: HostServices['host'];
  readonly unavailable: HostServices['unavailable'];
  readonly secrets: SecretStore;
  readonly #send: (message: FromEngine) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #wakeListeners = new Set<(sleptMs?: number) => void>();
  readonly #offListeners = new Set<() => void>();
  #request = 0;
  #simulator: RemoteSimulator | undefined;
  #hub: RemoteHub | undefined;
  #isGone = false;

  constructor(about: Pick<HostServices, 'host' | 'unavailable'>, send: (message: FromEngine) => void) {
    this.host = about.host;
    this.unavailable = about.unavailable;
    this.#send = send;
    this.secrets = createKeychain({
      read: async (name) => (await this.#ask({ kind: 'readSecret', name })).secret,
      write: async (name, value) => void (await this.#ask({ kind: 'writeSecret', name, value: value ?? null })),
    });
  }

  notify(notice: Parameters<HostServices['notify']>[0]): void {
    this.#send({ kind: 'notify', ...notice });
  }

  blockSleep(on: boolean): void {
    this.#send({ kind: 'blockSleep', on });
  }

  /** Throws simulator.failed, simulator.unavailable as the host does. */
  async startSimulator(): Promise<SimulatorProcess> {
    const { instruments } = await this.#ask({ kind: 'startSimulator' });
    this.#simulator = new RemoteSimulator(instruments, (request) => this.#ask(request));
    return this.#simulator;
  }

  /** Throws share.failed as the host does. */
  async startHub(): Promise<HubProcess> {
    // Before the answer, which may come behind a first end.
    const hub = new RemoteHub(() => this.#ask({ kind: 'stopHub' }));
    this.#hub = hub;
    await this.#ask({ kind: 'startHub' });
    return hub;
  }

  /** A wire to a process for the VISA library of a maker, started by the host; closed when that ends. Throws `resource.unsupported`, and what the host threw. */
  async startVisa(): Promise<VisaPort> {
    const { port } = await this.#ask({ kind: 'startVisa' });
    if (port) return port;
    throw new LabError(
      'resource.unsupported',
      "The host of this engine answered without a wire to the maker's VISA. Nothing was opened. Build Labwire again.",
    );
  }

  onWake(listener: (sleptMs?: number) => void): Disposable {
    this.#wakeListeners.add(listener);
    return { [Symbol.dispose]: () => this.#wakeListeners.delete(listener) };
  }

  onOutputsOff(listener: () => void): Disposable {
    this.#offListeners.add(listener);
    return { [Symbol.dispose]: () => this.#offListeners.delete(listener) };
  }

  /** Takes what the host says, and the port that came along; the other messages are the entry's own. */
  take(message: ToEngine, port?: VisaPort): void {
    switch (message.kind) {
      case 'wake':
        for (const listener of this.#wakeListeners) listener(message.sleptMs);
        break;
      case 'outputsOff':
        for (const listener of this.#offListeners) listener();
        break;
      case 'simulatorEnded':
        this.#simulator?.ended(message.reason);
        this.#simulator = undefined;
        break;
      case 'hubEnded':
        this.#hub?.ended({ reason: message.reason, retryMs: message.retryMs });
        break;
      case 'answer':
        this.#settle(message.request)?.resolve({ instruments: message.instruments, port, secret: message.secret });
        break;
      case 'refusal':
        this.#settle(message.request)?.reject(LabError.fromRecord(message.error));
        break;
    }
  }

  /** The host has ended: nothing that was asked of it is answered any more. */
  hostGone(): void {
    this.#isGone = true;
    this.#simulator?.ended(HOST_GONE);
    this.#simulator = undefined;
    for (const { reject } of this.#waiting.values()) reject(new LabError('simulator.failed', HOST_GONE));
    this.#waiting.clear();
  }

  #ask(ask: HostRequest): Promise<Answer> {
    if (this.#isGone) return Promise.reject(new LabError('simulator.failed', HOST_GONE));
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
