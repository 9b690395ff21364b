/** Figures of a row of numbers, as LabLink gives them; every function takes finite values only. */

export interface RollingStatistics {
  mean: number;
  std: number;
  min: number;
  max: number;
  median: number;
  rms: number;
  peak_to_peak: number;
  num_samples: number;
}

/** undefined: there are no values. */
export function rollingStatistics(values: Float64Array): RollingStatistics | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted();
  const min = sorted[0] ?? Number.NaN;
  const max = sorted.at(-1) ?? Number.NaN;
  const average = mean(values);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
  const rms = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return {
    mean: average,
    std: deviation(values),
    min,
    max,
    median,
    rms,
    peak_to_peak: max - min,
    num_samples: values.length,
  };
}

export function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the whole (n, not n − 1). */
export function deviation(values: Float64Array): number {
  const average = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length);
}

export interface Trend {
  type: 'rising' | 'falling' | 'stable' | 'noisy';
  /** Unit of the values per second. */
  slope: number;
  r_squared: number;
  confidence: number;
}

/** Straight line through values at these seconds (least squares). */
export function trendOf(seconds: Float64Array, values: Float64Array): Trend {
  const x = mean(seconds);
  const y = mean(values);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  values.forEach((value, index) => {
    const dx = (seconds[index] ?? 0) - x;
    xx += dx * dx;
    xy += dx * (value - y);
    yy += (value - y) ** 2;
  });
  const slope = xx > 0 ? xy / xx : 0;
  const fit = xx > 0 && yy > 0 ? (xy * xy) / (xx * yy) : yy === 0 ? 1 : 0;
  const type = yy === 0 ? 'stable' : fit < 0.5 ? 'noisy' : slope > 0 ? 'rising' : 'falling';
  return { type, slope, r_squared: fit, confidence: type === 'noisy' ? 1 - fit : fit };
}

export interface Quality {
  noise_level: number;
  stability_score: number;
  outlier_count: number;
  missing_count: number;
  valid_percentage: number;
}

/** `values` may hold NaN: those count as missing. An outlier is more than `threshold` deviations from the mean. */
export function qualityOf(values: Float64Array, threshold: number): Quality {
  const valid = values.filter(Number.isFinite);
  const missing_count = values.length - valid.length;
  if (valid.length === 0)
    return { noise_level: 0, stability_score: 0, outlier_count: 0, missing_count, valid_percentage: 0 };
  const average = mean(valid);
  const spread = deviation(valid);
  const noise_level = average === 0 ? spread : spread / Math.abs(average);
  return {
    noise_level,
    stability_score: Math.max(0, 1 - noise_level),
    outlier_count: valid.filter((value) => spread > 0 && Math.abs(value - average) > threshold * spread).length,
    missing_count,
    valid_percentage: (valid.length / values.length) * 100,
  };
}

export interface Peaks {
  indices: number[];
  values: number[];
  count: number;
}

/** Local maxima at least `height` high, standing out by `prominence`, `distance` samples apart (the higher ones stay). */
export function peaksOf(
  values: Float64Array,
  rules: { prominence?: number | undefined; distance?: number | undefined; height?: number | undefined },
): Peaks {
  const { prominence = 0, distance = 1, height = Number.NEGATIVE_INFINITY } = rules;
  const at = (index: number): number => values[index] ?? Number.NaN;
  let indices: number[] = [];
  for (let index = 1; index < values.length - 1; index++) {
    if (!(at(index) > at(index - 1) && at(index) >= at(index + 1)) || at(index) < height) continue;
    if (prominence > 0 && prominenceOf(values, index) < prominence) continue;
    indices.push(index);
  }
  if (distance > 1) {
    const kept: number[] = [];
    for (const index of indices.toSorted((one, other) => at(other) - at(one)))
      if (kept.every((other) => Math.abs(other - index) >= distance)) kept.push(index);
    indices = kept.toSorted((one, other) => one - other);
  }
  return { indices, values: indices.map(at), count: indices.length };
}

export interface Crossings {
  rising: number[];
  falling: number[];
  total: number;
}

/** Indices of the first sample beyond the threshold. */
export function crossingsOf(
  values: Float64Array,
  threshold: number,
  direction: 'rising' | 'falling' | 'both',
): Crossings {
  const rising: number[] = [];
  const falling: number[] = [];
  for (let index = 1; index < values.length; index++) {
    const before = values[index - 1] ?? Number.NaN;
    const value = values[index] ?? Number.NaN;
    if (before < threshold && value >= threshold && direction !== 'falling') rising.push(index);
    if (before >= threshold && value < threshold && direction !== 'rising') falling.push(index);
  }
  return { rising, falling, total: rising.length + falling.length };
}

/** How far one must go down from a peak before going higher, on its lesser side. */
function prominenceOf(values: Float64Array, peak: number): number {
  const height = values[peak] ?? Number.NaN;
  const lowest = (step: number): number => {
    let low = height;
    for (let index = peak + step; index >= 0 && index < values.length; index += step) {
      const value = values[index] ?? Number.NaN;
      if (value > height) break;
      low = Math.min(low, value);
    }
    return low;
  };
  return height - Math.max(lowest(-1), lowest(1));
}
