import { LabError } from '../../core/errors.ts';
import { type FamilyDefinition, familyDefinition } from './definition-schema.ts';

/** Faults named in one message; the rest are counted. */
const MAX_NAMED = 5;

/** A parsed YAML document as a definition. Throws `driver.malformed` with the path of every fault; `file` is named in it. */
export function parseDefinition(document: unknown, file: string): FamilyDefinition {
  const parsed = familyDefinition.safeParse(document);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`);
  const more = faults.length > MAX_NAMED ? `; and ${faults.length - MAX_NAMED} more` : '';
  throw new LabError(
    'driver.malformed',
    `${file} is no definition of an instrument family, so it is not used: ${faults.slice(0, MAX_NAMED).join('; ')}${more}. Correct it; it is read again by itself.`,
    { file, faults: faults.slice(0, 50) },
  );
}
