import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { type DefinitionProblem, definitionFiles, readDefinition } from './definition-folder.ts';
import type { FamilyCatalog, Layer } from './family-catalog.ts';

/** An editor writes a file in several steps; ms after the last of them it is read. */
const SETTLE_MS = 200;

export interface DefinitionWatchOptions {
  folder: string;
  layer: Layer;
  catalog: FamilyCatalog;
  clock: Clock;
  /** A file that cannot be used: `driver.malformed`. The definition before it stays in force. */
  failed(error: LabError): void;
  /** A definition was put in force or taken away after the first look. */
  changed(ids: readonly string[]): void;
}

/**
 * Puts the definitions of a folder in force and keeps them so: a file that is written is read again by itself, a bad one changes nothing.
 * Disposing stops that and takes a person's definitions away again. Never throws: a folder that cannot be watched is read once and said.
 */
export function openDefinitionWatch(options: DefinitionWatchOptions): DefinitionWatch {
  return new DefinitionWatch(options);
}

export class DefinitionWatch implements Disposable {
  readonly #options: DefinitionWatchOptions;
  /** File → what was read of it last. */
  readonly #read = new Map<string, { id: string; text: string }>();
  readonly #faults = new Map<string, string>();
  #watcher: FSWatcher | undefined;
  #pending: Disposable | undefined;

  constructor(options: DefinitionWatchOptions) {
    this.#options = options;
    this.#look();
    try {
      this.#watcher = watch(options.folder, { persistent: false }, () => this.#soon());
      this.#watcher.on('error', (error) => this.#unwatched(error));
    } catch (error) {
      this.#unwatched(error);
    }
  }

  /** Files that cannot be used at present, and why. */
  get problems(): DefinitionProblem[] {
    return [...this.#faults].map(([file, message]) => ({ file, message }));
  }

  /** Reads the folder now. */
  look(): void {
    const changed = this.#look();
    if (changed.length > 0) this.#options.changed(changed);
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#pending?.[Symbol.dispose]();
    const { catalog, layer } = this.#options;
    if (layer === 'own') for (const { id } of this.#read.values()) catalog.remove(id, layer);
    this.#read.clear();
  }

  #soon(): void {
    this.#pending?.[Symbol.dispose]();
    this.#pending = this.#options.clock.after(SETTLE_MS, () => this.look());
  }

  #look(): string[] {
    const { folder, catalog, layer } = this.#options;
    const names = this.#files(folder);
    // It cannot be read at present: what is in force stays.
    if (!names) return [];
    for (const name of this.#faults.keys()) if (!names.includes(name)) this.#faults.delete(name);
    const changed: string[] = [];
    for (const name of names) {
      const id = this.#readFile(name);
      if (id !== undefined) changed.push(id);
    }
    for (const [name, { id }] of this.#read) {
      if (names.includes(name)) continue;
      this.#read.delete(name);
      if ([...this.#read.values()].some((one) => one.id === id)) continue;
      catalog.remove(id, layer);
      changed.push(id);
    }
    return changed;
  }

  #files(folder: string): string[] | undefined {
    try {
      return definitionFiles(folder);
    } catch (error) {
      this.#unwatched(error);
      return undefined;
    }
  }

  /** Its id, if it says something else than before. */
  #readFile(name: string): string | undefined {
    const { folder, catalog, layer, failed } = this.#options;
    try {
      const definition = readDefinition(folder, name);
      const text = JSON.stringify(definition);
      this.#faults.delete(name);
      if (this.#read.get(name)?.text === text) return undefined;
      catalog.put(definition, layer);
      this.#read.set(name, { id: definition.id, text });
      return definition.id;
    } catch (error) {
      const fault = LabError.from(error);
      // Once for each fault: other files of the folder change too.
      if (this.#faults.get(name) !== fault.message) failed(fault);
      this.#faults.set(name, fault.message);
      return undefined;
    }
  }

  #unwatched(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    const why = error instanceof Error ? error.message : String(error);
    this.#options.failed(
      new LabError(
        'driver.malformed',
        `Definitions in ${this.#options.folder} are not watched for changes (${why}). They are as they were read; start Labwire again after changing one.`,
        { folder: this.#options.folder },
      ),
    );
  }
}
