import type { OutputLimits } from './limits.ts';
import type { Quantity } from './output-shape.ts';

/** A setpoint moves in steps of what the limit allows in this time; ms. */
const RAMP_STEP_MS = 100;

/** Allowed change per second while the output is on; undefined: any. */
export function slewOf(limits: OutputLimits, quantity: Quantity): number | undefined {
  if (quantity === 'V') return limits.slewVPerS;
  return quantity === 'A' ? limits.slewAPerS : undefined;
}

/** Largest single step; at least the resolution of the instrument, which is then given more time. */
export function largestStep(perSecond: number, resolution = 0): number {
  return Math.max((perSecond * RAMP_STEP_MS) / 1000, resolution);
}

/** Setpoints from where it is to where it shall be, the last one exactly; empty: it is there. */
export function rampSteps(from: number, to: number, perSecond: number, resolution = 0): number[] {
  const step = largestStep(perSecond, resolution);
  const count = Math.ceil(Math.abs(to - from) / step - 1e-9);
  if (count <= 0) return [];
  return Array.from({ length: count }, (_, index) => {
    if (index === count - 1) return to;
    return Number((from + Math.sign(to - from) * step * (index + 1)).toPrecision(9));
  });
}

/** How long after the change before this one it may be made, ms. */
export function pauseBeforeMs(change: number, perSecond: number): number {
  return (Math.abs(change) / perSecond) * 1000;
}
