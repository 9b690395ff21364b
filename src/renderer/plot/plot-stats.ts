/** How the screen keeps up, for the status bar; figures of the last half second. */
export interface PlotFigures {
  /** Frames per second of the screen; 0 while no plot is shown. */
  fps: number;
  /** Script time of all plots in a frame, median; ms. */
  scriptMs: number;
  /** Arrival of a sample at the engine to its first paint; ms. NaN while nothing arrives. */
  latencyP50Ms: number;
  latencyP95Ms: number;
  /** Frames in which some plot was painted, per second. */
  paintsPerS: number;
}

const NOTHING: PlotFigures = {
  fps: 0,
  scriptMs: 0,
  latencyP50Ms: Number.NaN,
  latencyP95Ms: Number.NaN,
  paintsPerS: 0,
};
const WINDOW_MS = 500;
/** Latencies kept per window. */
const MOST_LATENCIES = 600;

/**
 * Counts frames and paints; a tiny store for `useSyncExternalStore(plotStats.subscribe, plotStats.snapshot)`.
 * The snapshot is replaced twice a second, so a status bar renders as often.
 */
export class PlotStats {
  #figures = NOTHING;
  readonly #listeners = new Set<() => void>();
  #windowStartMs = 0;
  #frames = 0;
  #paints = 0;
  #scripts: number[] = [];
  #latencies: number[] = [];

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly snapshot = (): PlotFigures => this.#figures;

  /** One turn of the loop. */
  countFrame(nowMs: number, scriptMs: number, painted: boolean): void {
    if (this.#windowStartMs === 0) this.#windowStartMs = nowMs;
    this.#frames++;
    if (painted) {
      this.#paints++;
      this.#scripts.push(scriptMs);
    }
    const elapsed = nowMs - this.#windowStartMs;
    if (elapsed < WINDOW_MS) return;
    this.#publish({
      fps: (this.#frames * 1000) / elapsed,
      paintsPerS: (this.#paints * 1000) / elapsed,
      scriptMs: quantile(this.#scripts, 0.5) || 0,
      latencyP50Ms: quantile(this.#latencies, 0.5),
      latencyP95Ms: quantile(this.#latencies, 0.95),
    });
    this.#windowStartMs = nowMs;
    this.#frames = 0;
    this.#paints = 0;
    this.#scripts = [];
    this.#latencies = [];
  }

  /** Samples that arrived at the engine that long ago have just been painted. */
  countLatency(ms: number): void {
    if (this.#latencies.length < MOST_LATENCIES) this.#latencies.push(ms);
  }

  /** The loop stands still. */
  stop(): void {
    this.#windowStartMs = 0;
    this.#publish(NOTHING);
  }

  #publish(figures: PlotFigures): void {
    this.#figures = figures;
    for (const listener of this.#listeners) listener();
  }
}

/** The value below which a part of the list lies; NaN of an empty list. */
export function quantile(list: readonly number[], part: number): number {
  if (list.length === 0) return Number.NaN;
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** The figures of this screen. */
export const plotStats = new PlotStats();
