import { LabError } from '../../core/errors.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { builtInDefinition, builtInFamilies } from '../definition/definition-files.ts';
import type { SimulatedBench } from '../definition/definition-model.ts';
import { createKeysight34461a } from '../dialect/keysight-34461a.ts';
import type { ScpiInstrument } from '../scpi/instrument.ts';

/** Models with a dialect of their own: it knows more than the file of their family asks, as other programs do. */
const MODELS: Readonly<Record<string, { family: string; create(bench: SimulatedBench): ScpiInstrument }>> = {
  'hp-34401a': {
    family: 'keysight-34460',
    create: ({ circuit, random, clock }) => createKeysight34461a(circuit, random, clock, '34401A'),
  },
};

/** What `families` of the options may say. */
export function simulatedFamilies(): string[] {
  return [...builtInFamilies(), ...Object.keys(MODELS)].sort();
}

/** What a family is, whatever it is made of. */
export interface SimulatedFamily {
  definition: FamilyDefinition;
  /** A model with a dialect of its own; absent: made of the definition. */
  create?: ((bench: SimulatedBench) => ScpiInstrument) | undefined;
}

/** Throws `call.invalid` for a name that is not among `simulatedFamilies`. */
export function simulatedFamily(name: string, serials: SerialNumbers): SimulatedFamily {
  const known = simulatedFamilies();
  if (!known.includes(name)) {
    throw new LabError(
      'call.invalid',
      `There is no definition of a family "${name}", so it cannot be simulated and the bench did not start. There are: ${known.join(', ')}.`,
      { name },
    );
  }
  const model = Object.hasOwn(MODELS, name) ? MODELS[name] : undefined;
  if (model) return { definition: builtInDefinition(model.family), create: model.create };
  return { definition: serials.own(builtInDefinition(name)) };
}

function withIdentity(definition: FamilyDefinition, identity: string): FamilyDefinition {
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
