import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { LabError } from '../../core/errors.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { parseDefinition } from '../../protocol/definition/parse-definition.ts';

const PLACE = join('resources', 'instruments');

/** Names of the families that came with Labwire (`rigol-dp800`), sorted. Throws `engine.not-built` where the folder is missing. */
export function builtInFamilies(): string[] {
  return readdirSync(folder())
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort();
}

/** The definition of a family that came with Labwire. Throws `driver.malformed` for one that is not there or not right. */
export function builtInDefinition(id: string): FamilyDefinition {
  if (!builtInFamilies().includes(id)) {
    throw new LabError('driver.malformed', `There is no definition of a family '${id}', so it cannot be simulated.`, {
      id,
    });
  }
  return parseDefinition(parse(readFileSync(join(folder(), `${id}.yaml`), 'utf8')), `${id}.yaml`);
}

/** Looked for upwards from here: the same for sources, built files and the packed app. The engine has its own, it stands on another side of the wire. */
function folder(): string {
  for (let place = import.meta.dirname; ; place = dirname(place)) {
    if (existsSync(join(place, PLACE))) return join(place, PLACE);
    if (dirname(place) === place) {
      throw new LabError(
        'engine.not-built',
        `The definitions of the instruments (${PLACE}) are missing. Install Labwire again.`,
      );
    }
  }
}
