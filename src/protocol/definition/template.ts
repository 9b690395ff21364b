import { LabError } from '../../core/errors.ts';
import type { ParameterValue } from './definition-schema.ts';

/** Names that may stand in braces, and what is put for them. */
export type Names = Readonly<Record<string, ParameterValue>>;

/** Under this name: how many groups there are. No file can say it: it is no name for braces. */
export const GROUP_COUNT = '#groups';

/** What is known only when something is sent. */
const LATER: ReadonlySet<string> = new Set(['value', 'by', 'found']);

/** A fault of a definition file; `place` is the path in it. */
export function malformed(place: string, why: string): LabError {
  return new LabError('driver.malformed', `${place}: ${why} The file is not used; correct it.`, { place });
}

/** The parameter of that name for group `n` (a list has one item for each group). Undefined if there is none. */
function parameterOf(names: Names, name: string): number | string | undefined {
  const value = Object.hasOwn(names, name) ? names[name] : undefined;
  if (!Array.isArray(value)) return value;
  return value[Number(names.n ?? 1) - 1];
}

/** The list of that name; undefined if there is none. */
export function listOf(names: Names, name: string): readonly (number | string)[] | undefined {
  const value = Object.hasOwn(names, name) ? names[name] : undefined;
  return value === undefined || Array.isArray(value) ? value : [value];
}

/** Puts parameters for `{name}`; `{value}`, `{by}` and `{found}` stay. Throws `driver.malformed` for a name nobody knows. */
export function fill(text: string, names: Names, place: string): string {
  return text.replace(/\{([A-Za-z][A-Za-z0-9]*)\}/g, (whole, name: string) => {
    if (LATER.has(name)) return whole;
    const value = parameterOf(names, name);
    if (value === undefined) throw malformed(place, `nothing is known to be put for ${whole} in '${text}'.`);
    return String(value);
  });
}

/** A number, or the parameter of that name. Throws `driver.malformed`. */
export function numberOf(source: number | string, names: Names, place: string): number {
  const value = typeof source === 'number' ? source : parameterOf(names, source);
  if (typeof value === 'number') return value;
  throw malformed(place, `there is no number named '${source}' among the parameters of its models.`);
}
