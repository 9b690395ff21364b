/** Figures of a waveform, as LabLink's enhanced measurements name them; null: not found in these samples. */
export type WaveformFigures = Record<string, number | null>;

/** Levels between which edges are timed, parts of the amplitude. */
const LOW = 0.1;
const HIGH = 0.9;
/** An edge must pass the middle by so much of the amplitude before it counts: noise makes no edges. */
const HYSTERESIS = 0.25;

/** Of samples `dtS` apart; missing samples are left out of sums and end an edge. */
export function waveformFigures(samples: Float64Array, dtS: number): WaveformFigures {
  const values = samples.filter(Number.isFinite);
  if (values.length < 2) return {};
  const vmin = values.reduce((least, value) => Math.min(least, value));
  const vmax = values.reduce((most, value) => Math.max(most, value));
  const { base, top } = levelsOf(values, vmin, vmax);
  const vavg = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  const variance = Math.max(0, square - vavg * vavg);
  const deviation = Math.sqrt(variance);
  const amplitude = top - base;
  const moment = (power: number): number | null =>
    deviation > 0
      ? values.reduce((sum, value) => sum + ((value - vavg) / deviation) ** power, 0) / values.length
      : null;
  return {
    vpp: vmax - vmin,
    vmax,
    vmin,
    vamp: amplitude,
    vtop: top,
    vbase: base,
    vmid: (top + base) / 2,
    vavg,
    vrms: Math.sqrt(square),
    vac_rms: deviation,
    overshoot: amplitude > 0 ? ((vmax - top) / amplitude) * 100 : null,
    preshoot: amplitude > 0 ? ((base - vmin) / amplitude) * 100 : null,
    area: vavg * values.length * dtS,
    std_dev: deviation,
    variance,
    skewness: moment(3),
    kurtosis: moment(4),
    ...timesOf(samples, base, amplitude, dtS),
  };
}

/** The two most frequent levels, each in its half; of a waveform without any, its limits. */
function levelsOf(values: Float64Array, vmin: number, vmax: number): { base: number; top: number } {
  const span = vmax - vmin;
  if (span === 0) return { base: vmin, top: vmax };
  const bins = new Uint32Array(256);
  const binOf = (value: number): number => Math.min(255, Math.floor(((value - vmin) / span) * 256));
  for (const value of values) bins[binOf(value)] = (bins[binOf(value)] ?? 0) + 1;
  const levelIn = (from: number, to: number, limit: number): number => {
    let best = from;
    for (let bin = from; bin < to; bin++) if ((bins[bin] ?? 0) > (bins[best] ?? 0)) best = bin;
    const isClear = (bins[best] ?? 0) > values.length * 0.05;
    return isClear ? vmin + ((best + 0.5) / 256) * span : limit;
  };
  return { base: levelIn(0, 128, vmin), top: levelIn(128, 256, vmax) };
}

interface Edge {
  isRising: boolean;
  /** Where it passes the middle. */
  at: number;
}

function timesOf(samples: Float64Array, base: number, amplitude: number, dtS: number): WaveformFigures {
  if (amplitude <= 0) return { positive_edges: 0, negative_edges: 0, pulse_count: 0 };
  const edges = edgesOf(samples, base + amplitude / 2, amplitude * HYSTERESIS);
  const rising = edges.filter(({ isRising }) => isRising);
  const falling = edges.filter(({ isRising }) => !isRising);
  const mean = (spans: number[]): number | null =>
    spans.length === 0 ? null : (spans.reduce((sum, span) => sum + span, 0) / spans.length) * dtS;
  const apart = (list: readonly Edge[]): number[] => list.slice(1).map(({ at }, index) => at - (list[index]?.at ?? at));
  const widths = (isRising: boolean): number[] =>
    edges.slice(1).flatMap(({ at }, index) => {
      const before = edges[index];
      return before?.isRising === isRising ? [at - before.at] : [];
    });
  const period = mean(apart(rising)) ?? mean(apart(falling));
  const positive = mean(widths(true));
  const span = (edge: Edge): number | null => lengthOf(samples, edge, base + LOW * amplitude, base + HIGH * amplitude);
  const spans = (list: readonly Edge[]): number[] => list.flatMap((edge) => span(edge) ?? []);
  return {
    period,
    frequency: period === null ? null : 1 / period,
    rise_time: mean(spans(rising)),
    fall_time: mean(spans(falling)),
    positive_width: positive,
    negative_width: mean(widths(false)),
    duty_cycle: period !== null && positive !== null ? (positive / period) * 100 : null,
    positive_edges: rising.length,
    negative_edges: falling.length,
    pulse_count: Math.min(rising.length, falling.length),
    pulse_rate: period === null ? null : 1 / period,
  };
}

function edgesOf(samples: Float64Array, middle: number, margin: number): Edge[] {
  const edges: Edge[] = [];
  let isHigh: boolean | undefined;
  let passed = 0;
  for (let index = 0; index < samples.length; index++) {
    const value = samples[index] ?? Number.NaN;
    const before = samples[index - 1] ?? value;
    // The last time the middle was passed, between two samples.
    if (before < middle !== value < middle) passed = index - 1 + (middle - before) / (value - before);
    if (value > middle + margin && isHigh !== true) {
      if (isHigh === false) edges.push({ isRising: true, at: passed });
      isHigh = true;
    } else if (value < middle - margin && isHigh !== false) {
      if (isHigh === true) edges.push({ isRising: false, at: passed });
      isHigh = false;
    }
  }
  return edges;
}

/** Samples an edge needs between two levels; null: it does not reach both. */
function lengthOf(samples: Float64Array, { isRising, at }: Edge, low: number, high: number): number | null {
  const [from, to] = isRising ? [low, high] : [high, low];
  const isPast = (value: number, level: number): boolean => (isRising ? value >= level : value <= level);
  let begin = Math.floor(at);
  while (begin > 0 && isPast(samples[begin] ?? Number.NaN, from)) begin--;
  let end = Math.ceil(at);
  while (end < samples.length && !isPast(samples[end] ?? Number.NaN, to)) end++;
  if (end >= samples.length || isPast(samples[begin] ?? Number.NaN, from)) return null;
  const cut = (index: number, level: number): number => {
    const before = samples[index] ?? 0;
    const after = samples[index + 1] ?? 0;
    return before === after ? index : index + (level - before) / (after - before);
  };
  return cut(end - 1, to) - cut(begin, from);
}

/** Names LabLink has and this does not measure: always null. */
export const NOT_MEASURED = [
  'phase',
  'delay',
  'cycle_area',
  'slew_rate_rising',
  'slew_rate_falling',
  'snr',
  'thd',
  'sinad',
  'enob',
] as const;
