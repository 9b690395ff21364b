/** How the values of a stream run, as it matters for compression. */
export type DataPattern = 'flat' | 'normal' | 'noisy' | 'burst';

/** Classes of difference sizes, each twice the one before, and one for none. */
const CLASSES = 16;
/** bits: below, differences tell next to nothing; above, next to everything is noise. */
const FLAT_BITS = 0.5;
const NOISY_BITS = 0.85;
/** Largest difference over the median one. */
const BURST_TIMES = 12;
const SMALLEST = 8;

/**
 * From the entropy of first differences. `flat`: nearly all are the same. `burst`: some are far larger than most. `noisy`: differences change their sign
 * like a coin and are as large as the signal itself. `normal`: the rest. Fewer than eight values are `normal`: too few to tell.
 */
export function patternOf(values: ArrayLike<number>): DataPattern {
  const differences = differencesOf(values);
  if (differences.length < SMALLEST) return 'normal';
  const sizes = differences.map(Math.abs).toSorted((one, other) => one - other);
  const largest = sizes.at(-1) ?? 0;
  if (largest === 0 || entropyOf(differences, largest) < FLAT_BITS) {
    return largest > 0 && isBurst(sizes, largest) ? 'burst' : 'flat';
  }
  if (isBurst(sizes, largest)) return 'burst';
  return isNoise(values, differences) ? 'noisy' : 'normal';
}

function isBurst(sizes: readonly number[], largest: number): boolean {
  const median = sizes[sizes.length >> 1] ?? 0;
  const high = sizes[Math.floor(sizes.length * 0.9)] ?? 0;
  return largest > BURST_TIMES * Math.max(median, high / 4, Number.MIN_VALUE) && median < largest / BURST_TIMES;
}

/** Differences of noise are as far apart as the values; of a smooth signal they are small against them. */
function isNoise(values: ArrayLike<number>, differences: readonly number[]): boolean {
  const finite = Array.from(values).filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const spread = Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2, 0) / finite.length);
  const step = Math.sqrt(differences.reduce((sum, value) => sum + value * value, 0) / differences.length);
  return step > NOISY_BITS * spread;
}

/** bits per difference, in classes of size with their sign. */
function entropyOf(differences: readonly number[], largest: number): number {
  const counts = new Map<number, number>();
  for (const difference of differences) {
    const size = Math.max(0, CLASSES + Math.ceil(Math.log2(Math.abs(difference) / largest)));
    const name = difference === 0 ? 0 : Math.sign(difference) * size;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  let bits = 0;
  for (const count of counts.values()) bits -= (count / differences.length) * Math.log2(count / differences.length);
  return bits;
}

function differencesOf(values: ArrayLike<number>): number[] {
  const differences: number[] = [];
  for (let index = 1; index < values.length; index++) {
    const difference = (values[index] as number) - (values[index - 1] as number);
    if (Number.isFinite(difference)) differences.push(difference);
  }
  return differences;
}
