import type { Identity } from '../../core/instrument.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { definitionFamily } from './definition-family.ts';
import type { DriverFamily } from './driver.ts';

/** `own`: files of a person; they go before the `built-in` ones of the same id, and before those that fit as closely. */
export type Layer = 'built-in' | 'own';

interface Entry {
  definition: FamilyDefinition;
  family: DriverFamily;
}

/** The families that definition files give. What is attached keeps its driver; the next attach takes what is in force then. */
export class FamilyCatalog {
  readonly #layers: Record<Layer, Map<string, Entry>> = { 'built-in': new Map(), own: new Map() };

  /** Puts a definition in force. Throws `driver.malformed` for code it names that is not there; the one before then stays. */
  put(definition: FamilyDefinition, layer: Layer): void {
    this.#layers[layer].set(definition.id, { definition, family: definitionFamily(definition) });
  }

  /** Takes a definition away; a built-in one of the same id is in force again. */
  remove(id: string, layer: Layer): void {
    this.#layers[layer].delete(id);
  }

  get families(): DriverFamily[] {
    return this.#entries().map(({ family }) => family);
  }

  get definitions(): FamilyDefinition[] {
    return this.#entries().map(({ definition }) => definition);
  }

  /** The family that fits an identity most closely. */
  choose(identity: Identity): DriverFamily | undefined {
    let best: { family: DriverFamily; score: number } | undefined;
    for (const { definition, family } of this.#entries()) {
      if (!family.matches(identity)) continue;
      const score = closeness(definition, identity);
      if (!best || score > best.score) best = { family, score };
    }
    return best?.family;
  }

  #entries(): Entry[] {
    const { own, 'built-in': builtIn } = this.#layers;
    return [...own.values(), ...[...builtIn].flatMap(([id, entry]) => (own.has(id) ? [] : entry))];
  }
}

/** Letters and digits that the pattern that fits demands: `^DP8\d\d` demands three, `.*` none. */
function closeness({ match }: FamilyDefinition, { model }: Identity): number {
  const fitting = match.filter((row) => new RegExp(row.model, 'i').test(model));
  return Math.max(0, ...fitting.map((row) => literals(row.model) + (row.firmware ? 1 : 0) + (row.maker ? 1 : 0)));
}

function literals(pattern: string): number {
  return pattern.replace(/\\[dDwWsSbB]|\[[^\]]*\]|\{[^}]*\}/g, '').replace(/[^A-Za-z0-9]/g, '').length;
}
