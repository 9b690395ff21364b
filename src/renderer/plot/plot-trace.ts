import type { TraceSource } from './trace-columns.ts';

/** One channel on a plot. Shown value = gain * sample + offset, in `unit`. */
export interface PlotTrace {
  id: string;
  label: string;
  unit: string;
  color: number | string;
  gain: number;
  offset: number;
  /** Of the instrument, in the unit; null: not known. */
  resolution: number | null;
  source: TraceSource;
}
