import type { ControlValue } from '../../core/instrument.ts';

/**
 * What is behind a group of a definition: an output, a load, a scope's channel. Keys are ids in the group (`voltage.set`). `undefined` means
 * that it is not known here: the value is then just kept.
 */
export interface SimulatedPart {
  get(key: string): ControlValue | undefined;
  /** True: taken. Throws the SCPI error of a refusal. */
  set(key: string, value: ControlValue): boolean;
  /** A measured channel, in its unit; ±Infinity: overload. */
  measure(key: string): number | undefined;
  /** What a lamp shows. */
  lamp(key: string): string | undefined;
  reset(): void;
}
