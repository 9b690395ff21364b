const PREFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  µ: 1e-6,
  m: 1e-3,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
};

/** A capability as a number in SI: the server says 30, "30.0V", "3.0A", "1GSa/s" or "200MHz", as the driver likes. undefined for anything else. */
export function amountOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([nuµmkKMG]?)(V|A|W|Ohm|Ω|Hz|Sa\/s|S\/s|pts|s)?\s*$/.exec(
    value,
  );
  if (!match) return undefined;
  return Number(match[1]) * (PREFIXES[match[2] ?? ''] ?? 1);
}
