/**
 * Vitest 5 prints failures with `Map.groupBy`, which Node has from 21 on; without this a failure on Node 20 shows as a TypeError.
 * Imported by the Vitest configurations, which run in the process of the reporters.
 */
export function provideMapGroupBy(): void {
  const target = Map as unknown as { groupBy?: unknown };
  target.groupBy ??= <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K): Map<K, T[]> => {
    const groups = new Map<K, T[]>();
    let index = 0;
    for (const item of items) {
      const key = keyOf(item, index++);
      const group = groups.get(key);
      if (group) group.push(item);
      else groups.set(key, [item]);
    }
    return groups;
  };
}
