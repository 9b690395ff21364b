import type { FoundInstrument, FoundPath, PathSource } from '../../contract/discovery-schema.ts';
import { wayOf } from '../../core/resource-way.ts';

/** A row of the list from what one way of looking knows: every resource is a path that can be opened, unless the row says otherwise. */
export function foundRow(
  row: Omit<FoundInstrument, 'key' | 'paths'> & { nowNs: bigint; pathSource?: PathSource },
): FoundInstrument {
  const { nowNs, pathSource = row.source, ...rest } = row;
  const paths = row.resources.map(
    (resource): FoundPath => ({
      resource,
      way: wayOf(resource),
      sources: [pathSource],
      state: row.state === 'unknown' ? 'unknown' : 'usable',
      seenNs: String(nowNs),
    }),
  );
  return { key: row.idn ?? row.resources[0] ?? row.name, ...rest, paths };
}
