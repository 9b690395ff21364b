import type { FoundInstrument, PathSource } from '../../contract/discovery-schema.ts';
import type { Answer } from './identity-scout.ts';
import { mergeSightings } from './merge-sightings.ts';
import type { Sighting } from './sighting.ts';

export interface BookLimits {
  maxPerSource: number;
  maxRows: number;
  /** A row that is gone is shown so long as gone. */
  goneMs: number;
}

export const BOOK_LIMITS: BookLimits = { maxPerSource: 1000, maxRows: 1000, goneMs: 30_000 };

interface Gone {
  row: FoundInstrument;
  sinceMs: number;
}

/** What all searches say at present, and the list made of it. Pure but for the time it is given. */
export class SightingBook {
  readonly #limits: BookLimits;
  readonly #sightings = new Map<PathSource, Map<string, Sighting>>();
  readonly #answers = new Map<string, Answer>();
  #rows: FoundInstrument[] = [];
  #gone = new Map<string, Gone>();

  constructor(limits: Partial<BookLimits> = {}) {
    this.#limits = { ...BOOK_LIMITS, ...limits };
  }

  /** As `update` made it last. */
  get rows(): readonly FoundInstrument[] {
    return this.#rows;
  }

  count(source: PathSource): number {
    return this.#sightings.get(source)?.size ?? 0;
  }

  /** Gives the sighting as it is kept; undefined when the source has too many. */
  add(sighting: Sighting): Sighting | undefined {
    const known = this.#sightings.get(sighting.source) ?? new Map<string, Sighting>();
    this.#sightings.set(sighting.source, known);
    const before = known.get(sighting.resource);
    if (!before && known.size >= this.#limits.maxPerSource) return undefined;
    // What one announcement lacks another may have said: an LXI service and a HiSLIP service of one host.
    const kept: Sighting = {
      ...sighting,
      idn: sighting.idn ?? before?.idn ?? null,
      state: before?.state === 'usable' && sighting.state === 'unknown' ? 'usable' : sighting.state,
    };
    known.set(sighting.resource, kept);
    return kept;
  }

  remove(source: PathSource, resource: string): void {
    this.#sightings.get(source)?.delete(resource);
  }

  /** Of this source only these are left. */
  keepOnly(source: PathSource, resources: ReadonlySet<string>): void {
    for (const resource of this.#sightings.get(source)?.keys() ?? []) {
      if (!resources.has(resource)) this.remove(source, resource);
    }
  }

  answer(resource: string, answer: Answer): void {
    if (this.#answers.size >= this.#limits.maxPerSource * 4) this.#answers.clear();
    this.#answers.set(resource, answer);
  }

  /** Makes the list anew. A row whose last path has vanished stays for a while as `gone`. */
  update(nowMs: number): readonly FoundInstrument[] {
    const all = [...this.#sightings.values()]
      .flatMap((bySource) => [...bySource.values()])
      .map((one) => this.#withAnswer(one));
    const rows = mergeSightings(all, this.#rows);
    const present = new Set(rows.map(({ key }) => key));
    const resources = new Set(rows.flatMap(({ paths }) => paths.map(({ resource }) => resource)));
    for (const row of this.#rows) {
      const isBack = present.has(row.key) || row.paths.some(({ resource }) => resources.has(resource));
      if (isBack) this.#gone.delete(row.key);
      else if (!this.#gone.has(row.key)) this.#gone.set(row.key, { row: asGone(row), sinceMs: nowMs });
    }
    for (const [key, { sinceMs }] of this.#gone) {
      if (present.has(key) || nowMs - sinceMs >= this.#limits.goneMs) this.#gone.delete(key);
    }
    const placeOf = new Map(this.#rows.map(({ key }, index) => [key, index]));
    this.#rows = [...rows, ...[...this.#gone.values()].map(({ row }) => row)]
      .toSorted((a, b) => (placeOf.get(a.key) ?? Infinity) - (placeOf.get(b.key) ?? Infinity) || 0)
      .slice(0, this.#limits.maxRows);
    return this.#rows;
  }

  /** When the next gone row is to be dropped, ms; undefined: none is. */
  get nextDropMs(): number | undefined {
    const since = [...this.#gone.values()].map(({ sinceMs }) => sinceMs);
    return since.length === 0 ? undefined : Math.min(...since) + this.#limits.goneMs;
  }

  #withAnswer(sighting: Sighting): Sighting {
    const answer = this.#answers.get(sighting.resource);
    if (!answer || sighting.idn !== null) return sighting;
    if ('idn' in answer) return { ...sighting, idn: answer.idn, state: 'usable', about: undefined };
    const about = [sighting.about, answer.reason].filter(Boolean).join('; ');
    return { ...sighting, about };
  }
}

function asGone(row: FoundInstrument): FoundInstrument {
  const { instrument: _, ...rest } = row;
  return { ...rest, state: 'gone', resources: [], reason: 'was there and is no more' };
}
