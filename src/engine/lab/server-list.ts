import { rename } from 'node:fs/promises';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import type { BenchServer } from './bench-server.ts';
import { parseServerAddress } from './server-address.ts';
import { readServers, type SavedServer, writeServers } from './server-file.ts';

/** The servers of the bench and the file that outlives the engine. One write at a time; `warn`: a file that cannot be read or written. */
export class ServerList {
  readonly #path: string;
  readonly #most: number;
  readonly #warn: (text: string) => void;
  readonly #servers = new Map<string, BenchServer>();
  #mayWrite = true;
  #saving: Promise<void> = Promise.resolve();

  constructor(path: string, most: number, warn: (text: string) => void) {
    this.#path = path;
    this.#most = most;
    this.#warn = warn;
  }

  get all(): readonly BenchServer[] {
    return [...this.#servers.values()];
  }

  has(id: string): boolean {
    return this.#servers.has(id);
  }

  /** Throws server.unknown. */
  find(id: string): BenchServer {
    const server = this.#servers.get(id);
    if (!server) throw new LabError('server.unknown', `No lab server ${id} is on the bench. Add it first.`, { id });
    return server;
  }

  /** By `host:port`. */
  at(origin: string): BenchServer | undefined {
    return this.all.find(({ saved }) => parseServerAddress(saved.url).origin === origin);
  }

  /** Throws call.limit where one more is too many. */
  admit(): void {
    if (this.#servers.size < this.#most) return;
    throw new LabError('call.limit', `${this.#most} lab servers are on the bench already. Remove one first.`);
  }

  add(server: BenchServer): void {
    this.#servers.set(server.id, server);
  }

  delete(id: string): void {
    this.#servers.delete(id);
  }

  /** All are off the bench; the file keeps them. */
  clear(): void {
    this.#servers.clear();
  }

  /** Those of last time; none where the file cannot be read: then it is left alone and not written. A damaged one is set aside. */
  async read(): Promise<SavedServer[]> {
    try {
      return await readServers(this.#path);
    } catch (error) {
      const code = systemCode(error);
      if (code) {
        this.#mayWrite = false;
        this.#warn(
          `The list of lab servers cannot be read from ${this.#path} (${code}). The file is left as it is, and what changes now is not kept. Allow reading it, then start Labwire again.`,
        );
      } else {
        await rename(this.#path, `${this.#path}.bad`).catch(() => undefined);
        this.#warn(
          `The list of lab servers is damaged and is begun anew; the old file is ${this.#path}.bad. ${LabError.from(error).message}`,
        );
      }
      return [];
    }
  }

  /** Resolves when it is written, or was warned of. */
  save(): Promise<void> {
    if (!this.#mayWrite) return Promise.resolve();
    const write = (): Promise<void> =>
      writeServers(
        this.#path,
        this.all.map(({ saved }) => saved),
      ).catch((error: unknown) => {
        this.#warn(`The list of lab servers could not be written: ${LabError.from(error).message}`);
      });
    this.#saving = this.#saving.then(write);
    return this.#saving;
  }

  /** What is being written. */
  get written(): Promise<void> {
    return this.#saving;
  }
}
