import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import type { FromEngine, HostRequest, SimulatedInstrument, ToEngine } from '../contract/host-messages.ts';
import { fromEngine } from '../contract/host-messages.ts';
import { LabError } from '../core/errors.ts';
import { KeptProcess } from '../core/kept-process.ts';
import { RestartLimit } from '../core/restart-limit.ts';
import { createToken } from '../engine/listener/token.ts';
import { createSystemClock } from '../engine/system-clock.ts';
import { startHubChild } from './hub-child.ts';
import type { NodeServices } from './node-services.ts';
import type { SimulatorChild } from './simulator-child.ts';

export interface EngineHostOptions {
  /** The built `engine-child.js`. */
  entry: string;
  /** The built `hub.js`. */
  hub: string;
  dataFolder: string;
  version: string;
  /** 0: a free one, kept over restarts. */
  port: number;
  /** What the engine may ask of this process; its simulated bench outlives the engine. Not disposed here. */
  services: NodeServices;
  /** A line for the person. */
  say(text: string): void;
  restarts?: RestartLimit;
  /** Of the hub. */
  hubRestarts?: RestartLimit;
  /** How long the engine may take to finish, ms. Default 60 s: the disk may be slow. */
  closeLimitMs?: number;
}

const CLOSE_LIMIT_MS = 60_000;

interface Outcome {
  resolve(): void;
  reject(error: LabError): void;
}

/**
 * The engine in a child process, started again when it dies, on the same port with the same token: open pages come back by themselves, and
 * the next engine goes on with the recording.
 *
 *            start()         'ready'
 *      idle ────────▶ starting ─────▶ running ──exit 0: somebody asked it to end──▶ ended
 *                      ▲  │              │
 *                      │  │ 'failed' or an end the first time: start() throws
 *              pause   │  │ later        │ any other exit
 *                      └─ waiting ◀──────┤
 *                                        └──too many in a minute──▶ ended with the error
 *      any ──dispose──▶ closing ──exit or limit──▶ ended
 */
export class EngineHost implements AsyncDisposable {
  /** Resolves when the engine was ended in order, here or by a signal of its own; rejects when it is not started again. */
  readonly ended: Promise<void>;
  readonly #options: EngineHostOptions;
  readonly #restarts: RestartLimit;
  readonly #token = createToken();
  readonly #wake: Disposable;
  /** Like the simulated bench it outlives an engine that dies. */
  readonly #hub: KeptProcess;
  #port: number;
  #state: 'idle' | 'starting' | 'running' | 'waiting' | 'closing' | 'ended' = 'idle';
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: LabError | undefined;
  #simulator: SimulatorChild | undefined;
  #start: Outcome | undefined;
  #end: Outcome | undefined;
  #disposed: Promise<void> | undefined;

  constructor(options: EngineHostOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#restarts = options.restarts ?? new RestartLimit();
    this.#hub = new KeptProcess({
      name: 'The hub',
      clock: createSystemClock(),
      fork: () => startHubChild(options.hub, options.dataFolder),
      ...(options.hubRestarts ? { restarts: options.hubRestarts } : {}),
      ended: (end) => this.#tell(this.#child, { kind: 'hubEnded', ...end }),
    });
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    this.ended.catch(() => {});
    this.#wake = options.services.onWake(() => this.#tell(this.#child, { kind: 'wake' }));
  }

  /** What a person opens: the address with the token in its fragment. */
  get pageUrl(): string {
    return `http://127.0.0.1:${this.#port}/#token=${this.#token}`;
  }

  /** Resolves when the engine listens. Throws engine.port-in-use, engine.folder-in-use, engine.not-built, engine.gone, call.cancelled. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const started = new Promise<void>((resolve, reject) => {
      this.#start = { resolve, reject };
    });
    const onAbort = (): void => this.#start?.reject(LabError.from(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#fork();
    await started.finally(() => {
      signal.removeEventListener('abort', onAbort);
      this.#start = undefined;
    });
  }

  /** Lets the engine finish its recording and end. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #close(): Promise<void> {
    this.#wake[Symbol.dispose]();
    clearTimeout(this.#timer);
    // At the same time as the engine: neither waits for the other.
    const hubEnds = this.#hub.stop();
    const child = this.#child;
    if (this.#state !== 'ended') this.#state = child ? 'closing' : 'ended';
    if (child) {
      this.#tell(child, { kind: 'close' });
      const limitMs = this.#options.closeLimitMs ?? CLOSE_LIMIT_MS;
      const timer = setTimeout(() => {
        this.#options.say(`The engine does not end within ${limitMs / 1000} s and is ended by force.`);
        child.kill('SIGKILL');
      }, limitMs);
      await new Promise<void>((resolve) => {
        if (this.#child === child) child.once('exit', () => resolve());
        else resolve();
      });
      clearTimeout(timer);
    }
    await hubEnds;
    this.#end?.resolve();
  }

  #fork(): void {
    const { entry, dataFolder, version, services } = this.#options;
    this.#state = 'starting';
    this.#failure = undefined;
    // Of its own group, so that Ctrl-C reaches this process alone, which then ends the engine in order.
    const child = fork(entry, ['--data', dataFolder, '--version', version], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: process.platform !== 'win32',
    });
    this.#child = child;
    child.on('message', (data) => this.#take(child, data));
    child.once('exit', (code, signal) => this.#exited(child, signal ?? `code ${code}`, code === 0));
    child.once('error', (error) => {
      if (child.pid === undefined) this.#exited(child, error.message, false);
    });
    this.#tell(child, { kind: 'open', port: this.#port, token: this.#token, unavailable: services.unavailable });
  }

  #take(child: ChildProcess, data: unknown): void {
    const parsed = fromEngine.safeParse(data);
    if (!parsed.success) {
      this.#options.say('The engine says what is not understood. Build again.');
      return;
    }
    const message: FromEngine = parsed.data;
    if (message.kind === 'ready') this.#ready(child, message.url);
    else if (message.kind === 'failed') {
      this.#failure = LabError.fromRecord(message.error);
      this.#tell(child, { kind: 'close' });
    } else if (message.kind === 'request') void this.#answer(child, message.request, message.ask);
  }

  #ready(child: ChildProcess, url: string | undefined): void {
    if (this.#state !== 'starting') return;
    this.#state = 'running';
    if (url !== undefined) this.#port = Number(new URL(url).port);
    if (this.#start) this.#start.resolve();
    else this.#options.say(`The engine runs again (process ${child.pid}), at the same address.`);
  }

  #exited(child: ChildProcess, how: string, inOrder: boolean): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const failure = this.#failure;
    if (this.#state === 'closing' && !inOrder) this.#options.say(`The engine ended (${how}) before it was done.`);
    if (this.#state === 'closing' || (this.#state === 'running' && inOrder)) {
      this.#state = 'ended';
      this.#end?.resolve();
      return;
    }
    if (this.#start) {
      this.#state = 'ended';
      this.#start.reject(failure ?? new LabError('engine.gone', `The engine ended while it started (${how}).`));
      return;
    }
    this.#again(failure, how);
  }

  #again(failure: LabError | undefined, how: string): void {
    const retryMs = this.#restarts.next(performance.now());
    if (retryMs === undefined) {
      this.#state = 'ended';
      const { limit, windowMs } = this.#restarts;
      const text = `The engine ended ${limit + 1} times in ${windowMs / 1000} s, last by ${how}, and is not started again. Instruments keep their outputs; a recording that was cut off is finished at the next start.`;
      this.#end?.reject(failure ?? new LabError('engine.gone', text));
      return;
    }
    this.#state = 'waiting';
    this.#options.say(
      failure
        ? `The engine could not start again: ${failure.message} It is tried again.`
        : `The engine ended (${how}) and is started again. No output was changed; what was being recorded goes on in a new part.`,
    );
    this.#timer = setTimeout(() => this.#fork(), retryMs);
  }

  /** The answer goes to the engine that asked, never to the next one. */
  async #answer(child: ChildProcess, request: number, ask: HostRequest): Promise<void> {
    try {
      this.#tell(child, { kind: 'answer', request, instruments: await this.#carryOut(ask) });
    } catch (error) {
      this.#tell(child, { kind: 'refusal', request, error: LabError.from(error).toJSON() });
    }
  }

  async #carryOut(ask: HostRequest): Promise<SimulatedInstrument[]> {
    switch (ask.kind) {
      case 'startSimulator':
        return await this.#startSimulator();
      case 'stopSimulator':
        await this.#simulator?.[Symbol.asyncDispose]();
        return [];
      case 'setFault': {
        if (!this.#simulator)
          throw new LabError('simulator.failed', 'The simulated bench does not run. Start it first.');
        await this.#simulator.setFault(ask.name, ask.fault);
        return [];
      }
      case 'startHub':
        await this.#hub.start();
        return [];
      case 'stopHub':
        await this.#hub.stop();
        return [];
      case 'startVisa':
        throw new LabError('resource.unsupported', 'An engine under Node starts this process itself.');
      case 'readSecret':
      case 'writeSecret':
        throw new LabError('server.unsupported', 'There is no keychain here. Tokens are kept in memory.');
    }
  }

  async #startSimulator(): Promise<SimulatedInstrument[]> {
    const simulator = await this.#options.services.startSimulator();
    if (this.#simulator !== simulator) {
      this.#simulator = simulator;
      void simulator.closed.then((reason) => {
        if (this.#simulator !== simulator) return;
        this.#simulator = undefined;
        this.#tell(this.#child, { kind: 'simulatorEnded', reason });
      });
    }
    return simulator.instruments;
  }

  #tell(child: ChildProcess | undefined, message: ToEngine): void {
    // One that has just ended is told of by 'exit'.
    if (child?.connected) child.send(message, () => {});
  }
}
