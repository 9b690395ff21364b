import { LabError } from '../../core/errors.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { builtInDefinition, builtInFamilies } from '../definition/definition-files.ts';

/** Models whose family is simulated as another one. */
const MODELS: Readonly<Record<string, { family: string; identity: string }>> = {
  // As the old ones say it: without a serial number.
  'hp-34401a': { family: 'keysight-34460', identity: 'HEWLETT-PACKARD,34401A,0,11-5-2' },
};

/** What `families` of the options may say. */
export function simulatedFamilies(): string[] {
  return [...builtInFamilies(), ...Object.keys(MODELS)].sort();
}

/** The definition to make an instrument of, with the identity it shall have. Throws `call.invalid` for a name that is not among `simulatedFamilies`. */
export function simulatedFamily(name: string): FamilyDefinition {
  const known = simulatedFamilies();
  if (!known.includes(name)) {
    throw new LabError(
      'call.invalid',
      `There is no definition of a family "${name}", so it cannot be simulated and the bench did not start. There are: ${known.join(', ')}.`,
      { name },
    );
  }
  const model = Object.hasOwn(MODELS, name) ? MODELS[name] : undefined;
  const definition = builtInDefinition(model?.family ?? name);
  return model ? withIdentity(definition, model.identity) : definition;
}

export function withIdentity(definition: FamilyDefinition, identity: string): FamilyDefinition {
  return { ...definition, simulation: { ...definition.simulation, identity } };
}

/** The serial numbers of a bench: two instruments of one model must not be taken for one. */
export class SerialNumbers {
  readonly #taken: Set<string>;

  constructor(identities: readonly string[]) {
    this.#taken = new Set(identities.map(unitOf));
  }

  /** The definition with a serial number nobody else has; one without a number stays as it is. */
  own(definition: FamilyDefinition): FamilyDefinition {
    const fields = definition.simulation.identity.split(',');
    const serial = fields[2] ?? '';
    const [, head = '', digits = ''] = /^(.*?)(\d+)$/.exec(serial.trim()) ?? [];
    if (digits === '' || /^0*$/.test(serial.trim())) return definition;
    for (let number = Number(digits); ; number++) {
      const own = head + String(number).padStart(digits.length, '0');
      const identity = fields.map((field, index) => (index === 2 ? own : field)).join(',');
      if (this.#taken.has(unitOf(identity))) continue;
      this.#taken.add(unitOf(identity));
      return withIdentity(definition, identity);
    }
  }
}

/** Maker, model and serial number, loosely spelled. */
function unitOf(identity: string): string {
  return identity.split(',').slice(0, 3).join(',').replaceAll(/\s/g, '').toLowerCase();
}
