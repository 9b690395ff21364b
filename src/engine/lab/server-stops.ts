import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { StopMemory } from '../../lab/lab-server.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import type { EventLog } from '../state/event-log.ts';

/** By address: bounded, because a file that grew by itself is no file of ours. */
const kept = z.object({ stopped: z.array(z.string().max(2000)).max(200) });

/** Emergency stops that were made here at servers that keep none themselves: they outlive their client and the engine, until they are released here. */
export class ServerStops {
  readonly #path: string;
  readonly #events: EventLog;
  readonly #stopped = new Set<string>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, events: EventLog) {
    this.#path = path;
    this.#events = events;
  }

  /** `path`: `server-stops.json` of the data folder. One that cannot be read is said: it may have named a stop. */
  static async open(path: string, events: EventLog): Promise<ServerStops> {
    const stops = new ServerStops(path, events);
    try {
      for (const url of kept.parse(JSON.parse(await readFile(path, 'utf8'))).stopped) stops.#stopped.add(url);
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT')
        events.add({
          kind: 'safety',
          severity: 'critical',
          text: `Which emergency stops of lab servers still hold cannot be read (${path}). Look at what stands there before anything is switched on.`,
          data: { path, error: LabError.from(thrown).message },
        });
    }
    return stops;
  }

  /** Of the server at an address. */
  memoryOf(url: string): StopMemory {
    const stopped = this.#stopped;
    return {
      get isOn() {
        return stopped.has(url);
      },
      set: (isOn) => {
        if (isOn === stopped.has(url)) return;
        if (isOn) stopped.add(url);
        else stopped.delete(url);
        this.#keep();
      },
    };
  }

  /** Resolves when all is written. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#writing;
  }

  #keep(): void {
    this.#writing = this.#writing.then(async () => {
      try {
        await atomicWrite(this.#path, `${JSON.stringify({ stopped: [...this.#stopped] })}\n`);
      } catch (thrown) {
        const error = systemCode(thrown) || String(thrown);
        this.#events.add({
          kind: 'safety',
          severity: 'critical',
          text: `Which emergency stops of lab servers hold cannot be written to ${this.#path} (${error}): after a restart of Labwire it would be as before.`,
          data: { path: this.#path, error },
        });
      }
    });
  }
}
