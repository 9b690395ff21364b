const PREFIXES: readonly [number, string][] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'u'],
  [1e-9, 'n'],
];

/** `100 mV`, `10 V`, `1 MOhm`: how ranges are shown and chosen. */
export function rangeLabel(value: number, unit: string): string {
  const [factor, prefix] = PREFIXES.find(([one]) => value >= one * 0.999) ?? [1, ''];
  return `${Number((value / factor).toPrecision(4))} ${prefix}${unit}`;
}
