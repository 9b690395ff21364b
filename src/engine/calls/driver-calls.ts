import type { DriverFamilyInfo } from '../../contract/discovery-schema.ts';
import type { Handlers } from '../../contract/serve.ts';
import type { DefinitionWatch } from '../driver/definition-watch.ts';
import type { DriverFamily } from '../driver/driver.ts';
import { allFamilies, builtInProblems } from '../driver/driver-table.ts';

/** The families a person can name when attaching, and the definition files that cannot be used. */
export function createDriverCalls(definitions: DefinitionWatch): Pick<Handlers, 'driver.list'> {
  return {
    'driver.list': () => ({
      families: allFamilies()
        .map(familyInfo)
        .sort((a, b) => (a.title < b.title ? -1 : 1)),
      problems: [...builtInProblems(), ...definitions.problems].slice(0, 200),
    }),
  };
}

function familyInfo({ id, name, role, identify, line }: DriverFamily): DriverFamilyInfo {
  return {
    id: id ?? name,
    title: name,
    role: role ?? 'unknown',
    asks: identify === undefined,
    ...(line?.line ? { line: line.line } : {}),
  };
}
