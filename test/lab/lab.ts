import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, greet } from '../../src/contract/client.ts';
import { createMemoryLinks } from '../../src/contract/memory-link.ts';
import { Scope } from '../../src/core/scope.ts';
import { type Engine, type EngineOptions, openEngine } from '../../src/engine/engine.ts';
import type { HostServices } from '../../src/engine/host-services.ts';
import type { BenchOptions } from '../../src/simulator/bench/bench-options.ts';
import type { Bench } from '../../src/simulator/bench.ts';
import { LabHost } from './lab-host.ts';
import { LabScreen } from './lab-screen.ts';

export interface LabOptions extends BenchOptions {
  /** Start the simulated bench; default true. */
  startBench?: boolean;
  exportWorker?: string;
  /** Of the engine; default: the system's. */
  clock?: EngineOptions['clock'];
  wallMs?: () => number;
}

/** A real engine on a data folder of its own, the simulated bench behind real sockets, and screens over memory links. */
export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly host: LabHost;
  engine: Engine;
  readonly #scope: Scope;
  readonly #options: Pick<LabOptions, 'exportWorker' | 'clock' | 'wallMs'>;
  readonly #screens: LabScreen[] = [];

  constructor(parts: { folder: string; host: LabHost; engine: Engine; scope: Scope; options: LabOptions }) {
    this.folder = parts.folder;
    this.host = parts.host;
    this.engine = parts.engine;
    this.#scope = parts.scope;
    this.#options = parts.options;
  }

  get bench(): Bench {
    if (!this.host.bench) throw new Error('the simulated bench does not run');
    return this.host.bench;
  }

  /** Resource string of a simulated instrument; `way` 1: its other one. */
  resource(name: string, way = 0): string {
    return this.bench.instruments.find((one) => one.name === name)?.resources[way] ?? '';
  }

  /** `trusted`: it may call in the name of others, as the hub does. */
  async screen(name = 'test', { trusted = false } = {}): Promise<LabScreen> {
    const [ours, theirs] = createMemoryLinks(setImmediate);
    this.engine.serve(theirs, { rights: ['view', 'control', 'manage'], trusted });
    const client = connect(ours, {
      onFault: (error) => {
        throw error;
      },
    });
    await greet(client, name);
    const screen = await LabScreen.open(client);
    this.#screens.push(screen);
    return screen;
  }

  /** Ends the engine and opens another one on the same folder; the simulated bench runs on. */
  async restart(): Promise<void> {
    for (const screen of this.#screens.splice(0)) screen[Symbol.dispose]();
    await this.engine[Symbol.asyncDispose]();
    this.engine = await openLabEngine(this.folder, this.host, this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const screen of this.#screens.splice(0)) screen[Symbol.dispose]();
    await this.engine[Symbol.asyncDispose]();
    await this.#scope[Symbol.asyncDispose]();
  }
}

function openLabEngine(
  dataFolder: string,
  host: HostServices,
  { exportWorker = '', clock, wallMs }: Pick<LabOptions, 'exportWorker' | 'clock' | 'wallMs'>,
): Promise<Engine> {
  const time = { ...(clock ? { clock } : {}), ...(wallMs ? { wallMs } : {}) };
  return openEngine({ dataFolder, host, version: '0.0.0-test', exportWorker, ...time });
}

export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const scope = new Scope('lab of a test');
  const folder = await mkdtemp(join(tmpdir(), 'labwire-lab-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  const host = scope.use(new LabHost(options));
  const engine = await openLabEngine(folder, host, options);
  const lab = new Lab({ folder, host, engine, scope, options });
  if (options.startBench ?? true) {
    const screen = await lab.screen();
    await screen.until('the engine has begun', ({ simulator }) => simulator.state !== 'starting');
    await screen.client.call('bench.start', {});
    screen[Symbol.dispose]();
  }
  return lab;
}
