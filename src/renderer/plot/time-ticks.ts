import { clockText, durationText } from './clock-text.ts';

/** How the time axis counts: wall-clock time, or seconds since a zero. */
export type TimeStyle = 'absolute' | 'relative';

export interface TimeTicks {
  /** s since the plot's origin. */
  values: number[];
  labels: string[];
}

const SECOND_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];
const MOST_TICKS = 60;

/** The step of a time axis: 1, 2, 5 × 10^n below a second, steps of the clock above. s. */
export function timeStep(leastS: number): number {
  if (leastS > 1) return SECOND_STEPS.find((step) => step >= leastS) ?? 86_400 * Math.ceil(leastS / 86_400);
  const power = 10 ** Math.floor(Math.log10(leastS) + 1e-12);
  const part = leastS / power;
  if (part <= 1 + 1e-9) return power;
  if (part <= 2 + 1e-9) return 2 * power;
  return part <= 5 + 1e-9 ? 5 * power : 10 * power;
}

export interface TimeAxis {
  style: TimeStyle;
  /** Wall clock at second 0 of the plot; ms since 1970. */
  originMs: number;
  /** Minutes to add to UTC at that time (`-new Date(t).getTimezoneOffset()`): days and hours begin locally. */
  zoneMinutes: number;
  /** Relative style: second of the plot that is called 0. */
  zeroS: number;
}

/** Ticks between two times on steps of the clock (absolute) or of the seconds since zero. */
export function timeTicks(fromS: number, toS: number, widthPx: number, axis: TimeAxis, spacePx = 96): TimeTicks {
  const step = timeStep((toS - fromS) / Math.max(1, widthPx / spacePx));
  // Whole days and steps are counted from local midnight; the day of the origin keeps the numbers small and exact.
  const baseS = axis.style === 'relative' ? axis.zeroS : -secondsOfDay(axis.originMs + axis.zoneMinutes * 60_000);
  const values: number[] = [];
  const labels: string[] = [];
  const decimals = step < 1 ? Math.min(9, Math.ceil(-Math.log10(step) - 1e-9)) : 0;
  const last = Math.floor((toS - baseS) / step + 1e-9);
  for (let count = Math.ceil((fromS - baseS) / step - 1e-9); count <= last && values.length < MOST_TICKS; count++) {
    const sinceBase = count * step;
    values.push(baseS + sinceBase);
    labels.push(
      axis.style === 'relative'
        ? relativeLabel(sinceBase, step, decimals)
        : clockLabel(sinceBase, step, decimals, axis),
    );
  }
  return { values, labels };
}

/** `14:30:05.2`, at midnight the date. `sinceMidnightS` counts from the midnight before the origin. */
function clockLabel(sinceMidnightS: number, step: number, decimals: number, axis: TimeAxis): string {
  const day = Math.floor(sinceMidnightS / 86_400 + 1e-12);
  const ofDay = sinceMidnightS - day * 86_400;
  const localMs = axis.originMs + axis.zoneMinutes * 60_000;
  if (ofDay < 1e-6 && day !== 0) {
    const midnight = new Date(Math.floor(localMs / 86_400_000 + day) * 86_400_000);
    return midnight.toISOString().slice(5, 10);
  }
  return clockText(ofDay, decimals, step < 60 || decimals > 0);
}

function relativeLabel(seconds: number, step: number, decimals: number): string {
  const sign = seconds < -step / 2 ? '\u2212' : '';
  const value = Math.abs(seconds);
  if (step < 1e-3) {
    const unit = step < 1e-6 ? 'ns' : 'µs';
    const scaled = value * (step < 1e-6 ? 1e9 : 1e6);
    return `${sign}${Number(scaled.toFixed(3))} ${unit}`;
  }
  if (step < 1 && value < 1) return `${sign}${Math.round(value * 1e3)} ms`;
  if (value < 60 && step < 60) return `${sign}${value.toFixed(decimals)} s`;
  return sign + durationText(value, decimals, step < 60);
}

/** Seconds since midnight of a local time given in ms since 1970. */
function secondsOfDay(localMs: number): number {
  return (localMs / 1000) % 86_400;
}
