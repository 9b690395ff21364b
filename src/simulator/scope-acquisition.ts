import { type Circuit, type ProbePoint, ripple } from './circuit.ts';
import type { Random } from './random.ts';

/** What one input of the scope sees. */
export interface ProbeTip {
  point: ProbePoint;
  /** Share of the circuit's switching ripple on it. */
  ripple: number;
  /** Standard deviation of its noise; V. */
  noise: number;
  /** A 1 kHz square wave of that amplitude on top (the compensation output); V. */
  square: number;
}

/** The four probes of the bench: load node, supply terminals, supply current over 1 Ohm, compensation output. */
export const PROBES: readonly ProbeTip[] = [
  { point: 'loadV', ripple: 1, noise: 0.002, square: 0 },
  { point: 'supplyV', ripple: 0.2, noise: 0.002, square: 0 },
  { point: 'supplyA', ripple: 0.45, noise: 0.001, square: 0 },
  { point: 'loadV', ripple: 0, noise: 0.004, square: 3 },
];

export interface ChannelSettings {
  on: boolean;
  /** V per division, 8 divisions. */
  scale: number;
  /** V; shifts the trace up. */
  offset: number;
  coupling: 'DC' | 'AC' | 'GND';
}

/** One acquisition: samples of the channels that were on, all of one trigger. */
export interface Frame {
  /** Seconds from sample to sample. */
  stepS: number;
  /** Time of the first sample, relative to the trigger. */
  startS: number;
  /** When the frame ended; seconds of the monotonic clock. */
  endS: number;
  samples: Map<number, Float64Array>;
}

/** Volts of a probe at `startS + i * stepS` of the monotonic clock, without noise. */
export function probeVolts(circuit: Circuit, probe: ProbeTip, startS: number, stepS: number, out: Float64Array): void {
  circuit.probe(probe.square > 0 ? 'rippleV' : probe.point, startS, stepS, out);
  if (probe.square > 0) {
    for (let i = 0; i < out.length; i++) {
      const cycles = (startS + i * stepS) * 1000;
      out[i] = cycles - Math.floor(cycles) < 0.5 ? probe.square : 0;
    }
    return;
  }
  const amplitude = new Float64Array(out.length);
  circuit.probe('rippleV', startS, stepS, amplitude);
  for (let i = 0; i < out.length; i++) {
    out[i] = (out[i] ?? 0) + probe.ripple * (amplitude[i] ?? 0) * ripple(startS + i * stepS);
  }
}

/** The frame of one channel as it would be digitized: coupling and noise applied. */
export function digitize(
  circuit: Circuit,
  random: Random,
  probe: ProbeTip,
  coupling: ChannelSettings['coupling'],
  startS: number,
  stepS: number,
  points: number,
): Float64Array {
  const samples = new Float64Array(points);
  if (coupling !== 'GND') probeVolts(circuit, probe, startS, stepS, samples);
  let mean = 0;
  if (coupling === 'AC') {
    for (const value of samples) mean += value / points;
  }
  for (let i = 0; i < points; i++) samples[i] = (samples[i] ?? 0) - mean + probe.noise * random.gaussian();
  return samples;
}

export type Slope = 'POSitive' | 'NEGative' | 'RFALl';

/**
 * Last time in `[fromS, toS]` at which the probe crosses `level` in that direction; undefined if it never does.
 * Looks at 8192 points, then between the two of the crossing.
 */
export function findTrigger(
  circuit: Circuit,
  probe: ProbeTip,
  level: number,
  slope: Slope,
  fromS: number,
  toS: number,
): number | undefined {
  const points = 8192;
  const stepS = (toS - fromS) / (points - 1);
  if (!(stepS > 0)) return undefined;
  const volts = new Float64Array(points);
  probeVolts(circuit, probe, fromS, stepS, volts);
  for (let i = points - 1; i > 0; i--) {
    const before = volts[i - 1] ?? 0;
    const after = volts[i] ?? 0;
    const rises = before < level && after >= level;
    const falls = before > level && after <= level;
    if ((rises && slope !== 'NEGative') || (falls && slope !== 'POSitive')) {
      return fromS + (i - 1 + (level - before) / (after - before)) * stepS;
    }
  }
  return undefined;
}
