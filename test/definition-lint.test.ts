import { describe, expect, it } from 'vitest';
import { definitionFamily } from '../src/engine/driver/definition-family.ts';
import { builtInFolder, definitionFiles, readDefinition } from '../src/engine/driver/definition-folder.ts';
import { chooseFamily } from '../src/engine/driver/driver-table.ts';
import { lintDefinition } from '../src/protocol/definition/lint.ts';
import { parseIdentity } from '../src/protocol/idn.ts';

/** What a definition file must be, whatever it says of its instrument. Part of `npm run lint`. */
const folder = builtInFolder();

describe.each(definitionFiles(folder))('%s', (file) => {
  it('is a definition, named for its id, without faults', () => {
    const definition = readDefinition(folder, file);
    expect(file).toBe(`${definition.id}.yaml`);
    expect(lintDefinition(definition)).toEqual([]);
    expect(definitionFamily(definition)).toMatchObject({ id: definition.id, name: definition.title });
  });

  it('is the family of its own identity', () => {
    const definition = readDefinition(folder, file);
    expect(chooseFamily(parseIdentity(definition.simulation.identity)).name).toBe(definition.title);
  });
});
