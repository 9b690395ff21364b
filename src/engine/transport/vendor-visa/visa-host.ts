import { forkBuiltVisa } from './fork-visa.ts';
import { visaCandidates } from './visa-candidates.ts';
import { VisaProcess, type VisaSpawn } from './visa-process.ts';

/** The process with the library, shared by all who use it: started by the first, ended some time after the last. */
export class VisaHost {
  readonly #spawn: VisaSpawn;
  readonly #libraries: readonly string[];
  #running: Promise<VisaProcess> | undefined;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(spawn: VisaSpawn, libraries: readonly string[]) {
    this.#spawn = spawn;
    this.#libraries = libraries;
  }

  /**
   * A process with a loaded library; `release` once when done. The last one out lets it stay for `idleMs` more. Throws `resource.unsupported` with what
   * to install.
   */
  async use(resource: string, idleMs = 5000): Promise<{ process: VisaProcess; release: () => void }> {
    clearTimeout(this.#idle);
    this.#users++;
    let isReleased = false;
    const release = (): void => {
      if (!isReleased) this.#leave(idleMs);
      isReleased = true;
    };
    try {
      this.#running ??= this.#start(resource);
      return { process: await this.#running, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #start(resource: string): Promise<VisaProcess> {
    let started: VisaProcess | undefined;
    try {
      const running = new VisaProcess(this.#spawn());
      started = running;
      void running.ended.then(() => {
        this.#running = undefined;
      });
      await running.ask({ call: 'load', libraries: [...this.#libraries] }, "Cannot load the maker's VISA", resource);
      return running;
    } catch (error) {
      started?.kill();
      this.#running = undefined;
      throw error;
    }
  }

  #leave(idleMs: number): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#idle = setTimeout(() => void this.#running?.then((running) => running.kill()).catch(() => {}), idleMs);
    this.#idle.unref();
  }
}

let defaultSpawn: VisaSpawn = forkBuiltVisa;
const hosts = new Map<VisaSpawn, Map<string, VisaHost>>();

/** How this process starts the child unless asked otherwise: the desktop's engine has its shell fork it. */
export function startVisaWith(spawn: VisaSpawn): void {
  defaultSpawn = spawn;
}

/** The host of a library. */
export function visaHost({
  library,
  spawn = defaultSpawn,
}: {
  library?: string | undefined;
  spawn?: VisaSpawn | undefined;
} = {}): VisaHost {
  const libraries = visaCandidates(library);
  const key = libraries.join('\n');
  const ofSpawn = hosts.get(spawn) ?? new Map<string, VisaHost>();
  hosts.set(spawn, ofSpawn);
  const host = ofSpawn.get(key) ?? new VisaHost(spawn, libraries);
  ofSpawn.set(key, host);
  return host;
}
