import { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import { BuiltInFamilies } from './built-in-families.ts';
import type { DefinitionProblem } from './definition-folder.ts';
import type { DriverFamily } from './driver.ts';
import { FamilyCatalog } from './family-catalog.ts';
import { genericScpiFamily } from './generic-scpi.ts';
import { rdtechRd6000Family } from './rdtech-rd6000.ts';
import { daqFamily } from './stream-daq.ts';
import { streamFamilies } from './stream-families.ts';

/** Dialects that are code: no file could tell them. */
const CODED: readonly DriverFamily[] = [rdtechRd6000Family, daqFamily, ...streamFamilies];

/** The definitions in force, of the whole process. */
const catalog = new FamilyCatalog();
const builtIn = new BuiltInFamilies(catalog);

/** The catalog a person's own definitions go into; from now on the built-in ones are read, while nothing else is to be done. */
export function familyCatalog(): FamilyCatalog {
  builtIn.begin();
  return catalog;
}

/** Built-in files that cannot be used; the others are in force all the same. */
export function builtInProblems(): readonly DefinitionProblem[] {
  builtIn.finish();
  return builtIn.problems;
}

/** Every dialect Labwire speaks at present; the last takes what no other knows. */
export function allFamilies(): DriverFamily[] {
  builtIn.finish();
  return [...catalog.families, ...CODED, genericScpiFamily];
}

/** The family of an identity, the closest that fits; `genericScpiFamily` for what is not known. */
export function chooseFamily(identity: Identity): DriverFamily {
  const coded = CODED.find((family) => family.matches(identity));
  if (!coded) builtIn.finish();
  return coded ?? catalog.choose(identity) ?? genericScpiFamily;
}

/** The family of that name (`AttachOptions.as`), or its id, in any case. Throws `driver.unsupported` with the names there are. */
export function familyNamed(name: string): DriverFamily {
  const wanted = name.trim().toLowerCase();
  const families = allFamilies();
  const family = families.find((candidate) => candidate.name.toLowerCase() === wanted || candidate.id === wanted);
  if (family) return family;
  const names = families.map((candidate) => candidate.name).join(', ');
  throw new LabError(
    'driver.unsupported',
    `There is no instrument family "${name}". Nothing was opened. Choose one of: ${names}; or leave it out, and the instrument is asked what it is.`,
    { family: name },
  );
}
