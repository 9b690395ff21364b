/** What of the time axis is shown; s since the plot's origin. */
export interface TimeRange {
  fromS: number;
  toS: number;
}

/**
 * The view of all linked plots.
 *
 *     live ── pan, zoom away from the edge, pause ──▶ fixed
 *       ▲                                              │
 *       └─ reaches the edge, double click, resume ─────┘
 *
 * `all` is live over everything there is.
 */
export type TimeView =
  | { kind: 'live'; spanS: number }
  | { kind: 'all' }
  | {
      kind: 'fixed';
      range: TimeRange /** Where double click and resume go back to. */;
      backS: number | 'all';
      paused: boolean;
    };

/** What there is: from the first data known to the live edge, or to the end of a recording. */
export interface TimeLimits {
  fromS: number;
  toS: number;
  /** The end moves on by itself. */
  live: boolean;
}

/** Shortest and longest window; s. */
export const SHORTEST_S = 1e-6;
export const SHORTEST_LIVE_S = 1;
export const LONGEST_S = 86_400;

/** The range a view shows now. */
export function rangeOf(view: TimeView, limits: TimeLimits): TimeRange {
  if (view.kind === 'fixed') return view.range;
  const spanS = view.kind === 'all' ? Math.max(allSpan(limits), SHORTEST_LIVE_S) : view.spanS;
  return { fromS: limits.toS - spanS, toS: limits.toS };
}

/** Length of everything there is; s. */
export function allSpan(limits: TimeLimits): number {
  return Math.min(LONGEST_S, Math.max(0, limits.toS - limits.fromS));
}

/** Scales the window by `factor` (below 1: closer) around a point of it, `at` 0…1 from the left. */
export function zoom(view: TimeView, limits: TimeLimits, factor: number, at: number): TimeView {
  const range = rangeOf(view, limits);
  const span = range.toS - range.fromS;
  const longest = Math.max(limits.live ? LONGEST_S : allSpan(limits), SHORTEST_S);
  const wanted = Math.min(longest, Math.max(SHORTEST_S, span * factor));
  const fixed = range.fromS + span * at;
  return settle(view, limits, { fromS: fixed - wanted * at, toS: fixed + wanted * (1 - at) });
}

/** Moves the window by seconds (positive: later). */
export function pan(view: TimeView, limits: TimeLimits, byS: number): TimeView {
  const range = rangeOf(view, limits);
  return settle(view, limits, { fromS: range.fromS + byS, toS: range.toS + byS });
}

/** Shows a range, kept inside what there is. A range that reaches the live edge is live. */
export function settle(view: TimeView, limits: TimeLimits, wanted: TimeRange): TimeView {
  const span = wanted.toS - wanted.fromS;
  const backS = backOf(view);
  const paused = view.kind === 'fixed' && view.paused;
  if (limits.live && wanted.toS >= limits.toS && !paused) {
    return { kind: 'live', spanS: Math.min(LONGEST_S, Math.max(SHORTEST_LIVE_S, span)) };
  }
  const earliest = limits.live ? limits.toS - LONGEST_S : limits.fromS;
  let fromS = Math.min(wanted.fromS, limits.toS - span);
  fromS = Math.max(fromS, earliest);
  return { kind: 'fixed', range: { fromS, toS: fromS + span }, backS, paused };
}

/** Freezes the view, never the data; resuming goes back to the live window. */
export function togglePause(view: TimeView, limits: TimeLimits): TimeView {
  if (view.kind === 'fixed' && view.paused) return resume(view, limits);
  return { kind: 'fixed', range: rangeOf(view, limits), backS: backOf(view), paused: true };
}

/** Back to the window before zooming, panning or pausing. */
export function resume(view: TimeView, limits: TimeLimits): TimeView {
  const back = backOf(view);
  if (!limits.live) return wholeOf(limits);
  return back === 'all' ? { kind: 'all' } : { kind: 'live', spanS: back };
}

/** A window of a given length: the live one, or in a recording around the middle of what is shown. */
export function setSpan(view: TimeView, limits: TimeLimits, spanS: number | 'all'): TimeView {
  if (limits.live) return spanS === 'all' ? { kind: 'all' } : { kind: 'live', spanS };
  if (spanS === 'all') return wholeOf(limits);
  const range = rangeOf(view, limits);
  const length = Math.min(spanS, Math.max(allSpan(limits), SHORTEST_S));
  const middle = (range.fromS + range.toS) / 2;
  return settle(view, limits, { fromS: middle - length / 2, toS: middle + length / 2 });
}

/** A recording from end to end. */
export function wholeOf(limits: TimeLimits): TimeView {
  const range = { fromS: limits.fromS, toS: Math.max(limits.toS, limits.fromS + SHORTEST_S) };
  return { kind: 'fixed', range, backS: 'all', paused: false };
}

function backOf(view: TimeView): number | 'all' {
  if (view.kind === 'fixed') return view.backS;
  return view.kind === 'all' ? 'all' : view.spanS;
}
