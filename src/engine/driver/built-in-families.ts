import { LabError } from '../../core/errors.ts';
import { builtInFolder, type DefinitionProblem, definitionFiles, readDefinition } from './definition-folder.ts';
import type { FamilyCatalog } from './family-catalog.ts';

/**
 * Puts the built-in definitions into a catalog. Reading one takes milliseconds, all of them a good part of a second: they are read one by one
 * while nothing else is to be done (`begin`), and what is left at once when somebody needs them all (`finish`).
 */
export class BuiltInFamilies {
  readonly problems: DefinitionProblem[] = [];
  readonly #catalog: FamilyCatalog;
  readonly #folder: () => string;
  /** Undefined: not looked yet. */
  #waiting: string[] | undefined;
  #hasBegun = false;

  constructor(catalog: FamilyCatalog, folder: () => string = builtInFolder) {
    this.#catalog = catalog;
    this.#folder = folder;
  }

  /** Reads on in pauses of the event loop; does not keep the process alive. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const next = (): void => {
      if (this.#readNext()) setImmediate(next).unref();
    };
    setImmediate(next).unref();
  }

  /** Reads all that is left. A file that cannot be used is a problem, and the others are in force. Throws `engine.not-built` where the folder is missing. */
  finish(): void {
    while (this.#readNext());
  }

  /** False: all are read. */
  #readNext(): boolean {
    const folder = this.#folder();
    this.#waiting ??= definitionFiles(folder);
    const file = this.#waiting.shift();
    if (file === undefined) return false;
    try {
      this.#catalog.put(readDefinition(folder, file), 'built-in');
    } catch (error) {
      this.problems.push({ file, message: LabError.from(error).message });
    }
    return true;
  }
}
