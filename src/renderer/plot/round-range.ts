/** What a y axis shows; in the unit of its channels. */
export interface YRange {
  low: number;
  high: number;
}

/** Smallest round limits around the data with a margin: multiples of 1, 2 or 5 times a power of ten, about twenty steps apart. */
export function roundRange(low: number, high: number, margin: number, smallest: number): YRange {
  const middle = (low + high) / 2;
  // A line that is quite flat says nothing of its scale: a thousandth of its value keeps the labels short, and at zero it is one unit.
  const least = high > low ? Math.abs(middle) * 1e-9 : Math.abs(middle) * 1e-3 || 1;
  const span = Math.max((high - low) * (1 + 2 * margin), smallest, least, Number.MIN_VALUE * 1e9);
  const step = roundStep(span / 20);
  const from = Math.floor((middle - span / 2) / step + 1e-9) * step;
  const to = Math.ceil((middle + span / 2) / step - 1e-9) * step;
  return { low: from, high: to > from ? to : from + step };
}

/** The next of 1, 2, 5 × 10^n at or above. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least) + 1e-12);
  const part = least / power;
  if (part <= 1 + 1e-9) return power;
  if (part <= 2 + 1e-9) return 2 * power;
  return part <= 5 + 1e-9 ? 5 * power : 10 * power;
}
