/** What a scope measures of a waveform it holds. */
export const MEASURE_ITEMS = [
  'VMAX',
  'VMIN',
  'VPP',
  'VAVG',
  'VRMS',
  'VTOP',
  'VBASe',
  'VAMP',
  'FREQuency',
  'PERiod',
] as const;
export type MeasureItem = (typeof MEASURE_ITEMS)[number];

/** Rigol's "cannot be measured". */
const NOT_MEASURABLE = 9.9e37;

/** V, Hz or s; 9.9E37 where the waveform does not say. */
export function frameItem(item: MeasureItem, samples: Float64Array, stepS: number): number {
  if (samples.length === 0) return NOT_MEASURABLE;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let squares = 0;
  for (const value of samples) {
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    squares += value * value;
  }
  switch (item) {
    case 'VMAX':
    case 'VTOP':
      return max;
    case 'VMIN':
    case 'VBASe':
      return min;
    case 'VPP':
    case 'VAMP':
      return max - min;
    case 'VAVG':
      return sum / samples.length;
    case 'VRMS':
      return Math.sqrt(squares / samples.length);
    case 'FREQuency':
      return frequency(period(samples, stepS, min, max));
    case 'PERiod':
      return period(samples, stepS, min, max);
  }
}

/** Mean distance of rising edges through the middle, with a quarter of the swing as hysteresis. */
function period(samples: Float64Array, stepS: number, min: number, max: number): number {
  const middle = (min + max) / 2;
  const guard = (max - min) / 8;
  let isLow = false;
  let first = -1;
  let last = -1;
  let edges = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] ?? 0;
    if (value < middle - guard) isLow = true;
    else if (isLow && value > middle + guard) {
      isLow = false;
      if (first < 0) first = i;
      last = i;
      edges++;
    }
  }
  return edges < 2 ? NOT_MEASURABLE : ((last - first) * stepS) / (edges - 1);
}

function frequency(periodS: number): number {
  return periodS === NOT_MEASURABLE ? NOT_MEASURABLE : 1 / periodS;
}
