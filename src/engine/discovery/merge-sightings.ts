import type { FoundInstrument, FoundPath, PathSource } from '../../contract/discovery-schema.ts';
import { wayOf } from '../../core/resource-way.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import { makerKey, serialKey, unitKey } from './identity-key.ts';
import { comparePaths } from './path-rank.ts';
import type { Sighting } from './sighting.ts';

/** Everything said of one resource. */
interface Path {
  resource: string;
  /** In the order they were made. */
  sightings: Sighting[];
  idn: string | null;
}

/** Which source is believed first about name, state and identity. */
const TRUST: PathSource[] = [
  'attached',
  'simulator',
  'usb',
  'usbtmc',
  'mdns',
  'vxi11',
  'scan',
  'prologix',
  'serial',
  'vendor',
  'remembered',
];

/**
 * Sightings as one list: a row per instrument, all its paths in it, the best first. Pure.
 * - The same resource is the same path, whoever saw it.
 * - Paths of one unit (maker, model and serial number, loosely spelled) are one row. Two units of one model with different serial numbers stay two.
 * - Without a serial number a path is a row of its own: two such units cannot be told apart.
 * - `RESOURCE@visa` is another way to what is at RESOURCE.
 * - A path of which only maker and serial number are known (USB descriptors) joins the one row that has both, or another of its kind.
 * A row keeps its key and its place while it is in the list: `before` is the list so far.
 */
export function mergeSightings(
  sightings: readonly Sighting[],
  before: readonly FoundInstrument[] = [],
): FoundInstrument[] {
  const groups = groupPaths(joinPaths(sightings));
  const keys = new Map(before.flatMap((row) => row.paths.map(({ resource }) => [resource, row.key] as const)));
  const places = new Map(before.map(({ key }, index) => [key, index]));
  const taken = new Set<string>();
  const rows = groups.map((group) => {
    const known = group.map(({ resource }) => keys.get(resource)).find((key) => key !== undefined && !taken.has(key));
    let key = known ?? groupKey(group);
    // An old row that split: the part that came first keeps the key.
    while (taken.has(key)) key = `${key}'`;
    taken.add(key);
    return toRow(key, group);
  });
  const placeOf = ({ key }: FoundInstrument): number => places.get(key) ?? Number.MAX_SAFE_INTEGER;
  return rows.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function joinPaths(sightings: readonly Sighting[]): Path[] {
  const paths = new Map<string, Sighting[]>();
  for (const sighting of sightings) {
    const known = paths.get(sighting.resource);
    if (known) known.push(sighting);
    else paths.set(sighting.resource, [sighting]);
  }
  return [...paths].map(([resource, all]) => ({
    resource,
    sightings: all,
    idn: byTrust(all).find(({ idn }) => idn !== null)?.idn ?? null,
  }));
}

function groupPaths(paths: readonly Path[]): Path[][] {
  const groups: Path[][] = [];
  const byUnit = new Map<string, Path[]>();
  /** By maker and serial number; undefined: two models share both. */
  const byNumber = new Map<string, Path[] | undefined>();
  const loose: Path[] = [];
  /** Of the loose ones: two ways to one device. */
  const unasked = new Map<string, Path[]>();
  for (const path of paths) {
    const identity = path.idn === null ? undefined : parseIdentity(path.idn);
    const names = [
      identity && unitKey(identity),
      path.sightings.find(({ instrument }) => instrument)?.instrument,
      // What the vendor's VISA lists under a name of ours is the same device.
      path.resource.replace(/@visa$/, ''),
    ].filter((name) => name !== undefined);
    const known = names.map((name) => byUnit.get(name)).find((group) => group !== undefined);
    if (!known && !identity && path.sightings.some((one) => one.unit)) {
      loose.push(path);
      continue;
    }
    const group = known ?? [];
    group.push(path);
    if (!known) groups.push(group);
    for (const name of names) byUnit.set(name, group);
    if (identity && serialKey(identity.serial) !== '') {
      const number = `${makerKey(identity.maker)}|${serialKey(identity.serial)}`;
      byNumber.set(number, byNumber.has(number) && byNumber.get(number) !== group ? undefined : group);
    }
  }
  for (const path of loose) {
    const unit = path.sightings.find((one) => one.unit)?.unit;
    const number = unit && serialKey(unit.serial) !== '' ? `${makerKey(unit.maker)}|${serialKey(unit.serial)}` : '';
    const known = byNumber.get(number) ?? unasked.get(number);
    if (known) known.push(path);
    else {
      const group = [path];
      groups.push(group);
      if (number !== '') unasked.set(number, group);
    }
  }
  return groups;
}

function groupKey(group: readonly Path[]): string {
  const idn = group.find((path) => path.idn !== null)?.idn;
  return (idn && unitKey(parseIdentity(idn))) || (group[0]?.resource ?? '');
}

function toRow(key: string, group: readonly Path[]): FoundInstrument {
  const sightings = byTrust(group.flatMap((path) => path.sightings));
  const paths = group.map(toPath).toSorted(comparePaths);
  const first = <T>(pick: (sighting: Sighting) => T | undefined): T | undefined => {
    for (const sighting of sightings) {
      const value = pick(sighting);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const idn = first((sighting) => sighting.idn ?? undefined) ?? null;
  const instrument = first((sighting) => sighting.instrument);
  const can = (state: FoundPath['state']): boolean => paths.some((path) => path.state === state);
  const state = instrument ? 'attached' : can('usable') ? 'available' : can('unknown') ? 'unknown' : 'unusable';
  const source =
    first((sighting) => (sighting.source === 'simulator' ? sighting.source : undefined)) ??
    group[0]?.sightings[0]?.source;
  const reason =
    paths.find((path) => path.state !== 'usable' && path.about)?.about ?? paths.find((path) => path.about)?.about;
  return {
    key,
    name: first((sighting) => sighting.name) ?? nameOf(idn) ?? paths[0]?.resource ?? key,
    role: first((sighting) => sighting.role) ?? 'unknown',
    idn,
    resources: paths.filter((path) => path.state !== 'unusable').map(({ resource }) => resource),
    paths,
    state,
    ...(instrument ? { instrument } : {}),
    source: source ?? 'remembered',
    ...(reason && state !== 'available' && state !== 'attached' ? { reason } : {}),
  };
}

function toPath({ resource, sightings }: Path): FoundPath {
  const trusted = byTrust(sightings);
  const state = trusted.find((one) => one.state !== 'unknown')?.state ?? 'unknown';
  const about =
    trusted.find((one) => one.about && one.state === state)?.about ?? trusted.find((one) => one.about)?.about;
  const fix = trusted.find((one) => one.fix && one.state === state)?.fix;
  return {
    resource,
    way: sightings.find((one) => one.way)?.way ?? wayOf(resource),
    sources: [...new Set(sightings.map(({ source }) => source))],
    state,
    ...(about ? { about } : {}),
    ...(fix ? { fix } : {}),
    seenNs: sightings.map(({ seenNs }) => seenNs).reduce((a, b) => (BigInt(a) > BigInt(b) ? a : b)),
  };
}

/** `DP832`, from an identity. */
function nameOf(idn: string | null): string | undefined {
  if (idn === null) return undefined;
  const { maker, model } = parseIdentity(idn);
  return model || maker || undefined;
}

function byTrust(sightings: readonly Sighting[]): Sighting[] {
  return sightings.toSorted((a, b) => TRUST.indexOf(a.source) - TRUST.indexOf(b.source));
}
