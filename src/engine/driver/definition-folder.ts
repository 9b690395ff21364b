import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { LabError } from '../../core/errors.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { parseDefinition } from '../../protocol/definition/parse-definition.ts';

/** A definition of more than this is none. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FILES = 500;
const PLACE = join('resources', 'instruments');

/** A file that cannot be used, and why. */
export interface DefinitionProblem {
  file: string;
  message: string;
}

/** `resources/instruments`, looked for from here upwards: the same for sources, built files and the packed app. Throws `engine.not-built`. */
export function builtInFolder(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, PLACE);
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) {
      throw new LabError(
        'engine.not-built',
        `The definitions of the instruments (${PLACE}) are missing. Install Labwire again.`,
      );
    }
  }
}

/** The definition files of a folder by name, sorted; none if there is no such folder. */
export function definitionFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^[^.].*\.ya?ml$/i.test(name));
  return names.sort().slice(0, MAX_FILES);
}

/** Reads one file. Throws `driver.malformed` with what is wrong and where. */
export function readDefinition(folder: string, name: string): FamilyDefinition {
  const path = join(folder, name);
  const about = statSync(path);
  // Not even opened: a pipe would never end.
  if (!about.isFile() || about.size > MAX_FILE_BYTES) {
    const why = about.isFile() ? `is longer than ${MAX_FILE_BYTES} bytes` : 'is no file';
    throw new LabError('driver.malformed', `${name} ${why}: it is no definition and not used. Take it away.`, {
      file: name,
    });
  }
  const text = readFileSync(path, 'utf8');
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0]?.replace(/:$/, '.') : String(error);
    throw new LabError(
      'driver.malformed',
      `${name} is no YAML: ${why} It is not used; correct it.`,
      { file: name },
      { cause: error },
    );
  }
  return parseDefinition(document, name);
}

/** Every definition of a folder. Throws `driver.malformed` for the first bad one. */
export function readDefinitions(folder: string): FamilyDefinition[] {
  return definitionFiles(folder).map((name) => readDefinition(folder, name));
}
