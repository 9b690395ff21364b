/** How far behind the newest sample the window may lag before it jumps instead of running; s. */
const JUMP_S = 2;

/**
 * Where the right edge of a live window stands: it runs with the screen's clock, behind which samples arrive in bursts,
 * so that the window scrolls evenly while the newest sample of the quickest stream stays at the edge.
 *
 *     edge.observe(newestS, performance.now());   // per frame of samples
 *     edge.at(performance.now());                 // per frame of the screen
 */
export class LiveEdge {
  /** Newest time minus screen clock: the edge is screen clock plus this. s. */
  #offsetS: number | undefined;
  #lastS = Number.NEGATIVE_INFINITY;
  #observedAtMs = 0;

  /** Tells the newest time in a frame; s since the origin, ms of the screen's monotonic clock. */
  observe(newestS: number, nowMs: number): void {
    const offset = newestS - nowMs / 1000;
    if (this.#offsetS === undefined || Math.abs(offset - this.#offsetS) > JUMP_S) {
      this.#offsetS = offset;
      this.#lastS = Number.NEGATIVE_INFINITY;
    } else if (offset > this.#offsetS) this.#offsetS += (offset - this.#offsetS) * 0.2;
    else {
      // A slow pull back, 5 ms per second, follows clocks that differ; bursts and slow streams do not move the edge.
      const pullS = Math.min(this.#offsetS - offset, ((nowMs - this.#observedAtMs) / 1000) * 0.005);
      this.#offsetS -= Math.max(0, pullS);
    }
    this.#observedAtMs = nowMs;
  }

  /** Before the first samples: where now is, as told by the engine. */
  guess(nowS: number, nowMs: number): void {
    this.#offsetS ??= nowS - nowMs / 1000;
  }

  /** The edge at a time of the screen's clock; never goes back while it runs. Undefined before anything is known. */
  at(nowMs: number): number | undefined {
    if (this.#offsetS === undefined) return undefined;
    this.#lastS = Math.max(this.#lastS, nowMs / 1000 + this.#offsetS);
    return this.#lastS;
  }
}
