import { type PlotStats, plotStats } from './plot-stats.ts';

/** Something painted in the loop. */
export interface LoopMember {
  /** Called once per frame of the screen, ms of the monotonic clock. True if it painted. */
  frame(nowMs: number): boolean;
}

/**
 * The one `requestAnimationFrame` of all plots, outside React. It runs while it has members; a hidden page gets no frames from the browser,
 * so a screen nobody sees costs nothing.
 */
export class PlotLoop {
  readonly #members = new Set<LoopMember>();
  readonly #stats: PlotStats;
  #request: number | undefined;

  constructor(stats: PlotStats) {
    this.#stats = stats;
  }

  /** Gives the function that takes the member out. */
  add(member: LoopMember): () => void {
    this.#members.add(member);
    this.#request ??= requestAnimationFrame(this.#turn);
    return () => {
      this.#members.delete(member);
      if (this.#members.size > 0 || this.#request === undefined) return;
      cancelAnimationFrame(this.#request);
      this.#request = undefined;
      this.#stats.stop();
    };
  }

  readonly #turn = (frameMs: number): void => {
    // Asked for first: a member that throws stops this frame, not the loop.
    this.#request = requestAnimationFrame(this.#turn);
    const start = performance.now();
    let painted = false;
    for (const member of this.#members) {
      if (member.frame(frameMs)) painted = true;
    }
    this.#stats.countFrame(frameMs, performance.now() - start, painted);
  };
}

/** The loop of this screen. */
export const plotLoop = new PlotLoop(plotStats);
