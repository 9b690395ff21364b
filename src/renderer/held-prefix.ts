import type { Prefix } from '../core/units.ts';

/** Units whose readings keep one prefix. */
const HELD_UNITS = new Set(['V', 'A', 'W']);

/** A known resolution decides the prefix too, so that 0.049 A does not turn into 49 mA and back. `step`: least step, in the unit. */
export function heldPrefix(step: number | undefined, unit: string): Prefix | undefined {
  if (step === undefined || !HELD_UNITS.has(unit)) return undefined;
  return step >= 0.99e-6 ? '' : step >= 0.99e-9 ? 'm' : 'µ';
}
