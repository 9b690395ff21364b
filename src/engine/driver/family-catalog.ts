import type { Identity } from '../../core/instrument.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { definitionFamily } from './definition-family.ts';
import type { DriverFamily } from './driver.ts';

interface Entry {
  definition: FamilyDefinition;
  family: DriverFamily;
  /** Files of a person go before those that came with Labwire. */
  isOwn: boolean;
}

/** The families that definition files give, the built-in ones and those of a person; a person's file of the same id takes the place of the built-in. */
export class FamilyCatalog {
  readonly #entries = new Map<string, Entry>();

  /** Puts a definition in force: the next attach takes it. Throws `driver.malformed`; the one before then stays. */
  put(definition: FamilyDefinition, isOwn = false): void {
    const known = this.#entries.get(definition.id);
    if (known?.isOwn && !isOwn) return;
    this.#entries.set(definition.id, { definition, family: definitionFamily(definition), isOwn });
  }

  /** Takes a person's definition away again. */
  remove(id: string): void {
    this.#entries.delete(id);
  }

  get families(): DriverFamily[] {
    return [...this.#entries.values()].map(({ family }) => family);
  }

  get definitions(): FamilyDefinition[] {
    return [...this.#entries.values()].map(({ definition }) => definition);
  }

  /** The family that fits an identity most closely. */
  choose(identity: Identity): DriverFamily | undefined {
    let best: { entry: Entry; score: number } | undefined;
    for (const entry of this.#entries.values()) {
      if (!entry.family.matches(identity)) continue;
      const score = specificity(entry.definition, identity) + (entry.isOwn ? 0.5 : 0);
      if (!best || score > best.score) best = { entry, score };
    }
    return best?.entry.family;
  }
}

/** Letters and digits that the pattern that fits demands: `^DP8\d\d` demands three, `.*` none. */
function specificity({ match }: FamilyDefinition, { model }: Identity): number {
  const fitting = match.filter((row) => new RegExp(row.model, 'i').test(model));
  return Math.max(0, ...fitting.map((row) => literals(row.model) + (row.firmware ? 1 : 0) + (row.maker ? 1 : 0)));
}

function literals(pattern: string): number {
  return pattern.replace(/\\[dDwWsSbB]|\[[^\]]*\]|\{[^}]*\}/g, '').replace(/[^A-Za-z0-9]/g, '').length;
}
