import {
  pan,
  rangeOf,
  resume,
  SHORTEST_S,
  setSpan,
  settle,
  type TimeLimits,
  type TimeRange,
  type TimeView,
  togglePause,
  wholeOf,
  zoom,
} from './time-window.ts';

/** What a toolbar shows of a view. */
export interface ViewSummary {
  /** `all`: everything there is, live or recorded. */
  kind: TimeView['kind'];
  /** Length of the window; s. */
  spanS: number;
  paused: boolean;
  hasCursors: boolean;
}

/** Cursors A and B; s since the origin. */
export interface CursorPair {
  aS: number;
  bS: number;
}

/** The time axis that all plots of a board share: what of it is shown, and the cursors on it. */
export class LinkedView {
  #view: TimeView;
  #limits: TimeLimits;
  #range: TimeRange;
  #cursors: CursorPair | undefined;
  readonly #onChange: () => void;
  /** Second that relative time calls 0. */
  zeroS = 0;

  /** `onChange`: the summary may be another. */
  constructor(limits: TimeLimits, onChange: () => void) {
    this.#limits = limits;
    this.#view = limits.live ? { kind: 'live', spanS: 60 } : wholeOf(limits);
    this.#range = rangeOf(this.#view, limits);
    this.#onChange = onChange;
  }

  get view(): TimeView {
    return this.#view;
  }

  get limits(): TimeLimits {
    return this.#limits;
  }

  /** What is shown in this frame; s since the origin. */
  get range(): TimeRange {
    return this.#range;
  }

  get cursors(): CursorPair | undefined {
    return this.#cursors;
  }

  get summary(): ViewSummary {
    const view = this.#view;
    const range = rangeOf(view, this.#limits);
    const isWhole = !this.#limits.live && range.fromS <= this.#limits.fromS && range.toS >= this.#limits.toS;
    return {
      kind: isWhole ? 'all' : view.kind,
      // Of a live window the length that was asked for: the difference of two large times would not be quite 10.
      spanS: view.kind === 'live' ? view.spanS : range.toS - range.fromS,
      paused: view.kind === 'fixed' && view.paused,
      hasCursors: this.#cursors !== undefined,
    };
  }

  /** The next frame: where the live edge stands (undefined: not known) and the first time with data; `widthPx` of the plots. */
  advance(edgeS: number | undefined, oldestS: number, widthPx: number): void {
    if (this.#limits.live && edgeS !== undefined) this.#limits = { ...this.#limits, toS: edgeS };
    this.reachBack(oldestS);
    this.#range = this.#snapped(rangeOf(this.#view, this.#limits), widthPx);
  }

  /** There may be data from that time on; NaN: nothing is known. */
  reachBack(fromS: number): void {
    if (fromS < this.#limits.fromS) this.#limits = { ...this.#limits, fromS };
  }

  setSpan(spanS: number | 'all'): void {
    this.#set(setSpan(this.#view, this.#limits, spanS));
  }

  togglePause(): void {
    this.#set(togglePause(this.#view, this.#limits));
  }

  /** Back to live, or to the whole recording. */
  resume(): void {
    this.#set(resume(this.#view, this.#limits));
  }

  /** `at`: 0…1 from the left edge; by default the middle, while live the right edge. */
  zoomBy(factor: number, at = this.#view.kind === 'fixed' ? 0.5 : 1): void {
    this.#set(zoom(this.#view, this.#limits, factor, at));
  }

  /** Part of the window; positive: later. */
  panBy(part: number): void {
    this.#set(pan(this.#view, this.#limits, part * (this.#range.toS - this.#range.fromS)));
  }

  show(range: TimeRange): void {
    if (range.toS - range.fromS >= SHORTEST_S) this.#set(settle(this.#view, this.#limits, range));
  }

  /** Shows the cursors at a third and two thirds of the view, or takes them away. */
  toggleCursors(): void {
    const { fromS, toS } = this.#range;
    const third = (toS - fromS) / 3;
    this.#cursors = this.#cursors ? undefined : { aS: fromS + third, bS: fromS + 2 * third };
    this.#onChange();
  }

  moveCursor(which: 'a' | 'b', timeS: number): void {
    if (!this.#cursors) return;
    this.#cursors = which === 'a' ? { ...this.#cursors, aS: timeS } : { ...this.#cursors, bS: timeS };
  }

  #set(view: TimeView): void {
    this.#view = view;
    this.#onChange();
  }

  /** A running window moves by whole pixels: nothing shimmers, and a slow window is painted only when it has moved. */
  #snapped(range: TimeRange, widthPx: number): TimeRange {
    if (this.#view.kind === 'fixed' || widthPx < 1) return range;
    const span = range.toS - range.fromS;
    const perPx = span / widthPx;
    const toS = Math.floor(range.toS / perPx) * perPx;
    return { fromS: toS - span, toS };
  }
}
