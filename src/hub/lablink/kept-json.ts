import { join } from 'node:path';
import { KeptFile, type KeptFileOptions } from '../access/kept-file.ts';
import type { HubParts } from '../hub-parts.ts';

/** A small value that outlives the hub where it has a folder, and is only remembered where it has none. Opened at its first use. */
export class KeptJson<T extends { version: number }> {
  readonly #parts: Pick<HubParts, 'folder' | 'clock' | 'log'>;
  readonly #name: string;
  readonly #schema: KeptFileOptions<T>['schema'];
  #value: T;
  #file: Promise<KeptFile<T>> | undefined;

  constructor(
    parts: Pick<HubParts, 'folder' | 'clock' | 'log'>,
    name: string,
    schema: KeptFileOptions<T>['schema'],
    empty: T,
  ) {
    this.#parts = parts;
    this.#name = name;
    this.#schema = schema;
    this.#value = empty;
  }

  /** Throws hub.storage. */
  async read(): Promise<T> {
    const file = await this.#opened();
    return file ? file.value : this.#value;
  }

  /** Throws hub.storage; nothing is changed then. */
  async change<R>(edit: (value: T) => readonly [T, R]): Promise<R> {
    const file = await this.#opened();
    if (file) return file.change(edit);
    const [next, answer] = edit(this.#value);
    this.#value = next;
    return answer;
  }

  #opened(): Promise<KeptFile<T>> | undefined {
    const { folder, clock, log } = this.#parts;
    if (folder === undefined) return undefined;
    this.#file ??= KeptFile.open({
      path: join(folder, this.#name),
      schema: this.#schema,
      empty: this.#value,
      clock,
      say: (text) => log.write('warning', 'file.complaint', { text }),
    });
    return this.#file;
  }
}
