import type { ReplayState } from '../../contract/replay-schema.ts';

/** The engine tells where a replay stands five times a second; beyond that the screen does not guess. ms */
const MOST_AHEAD_MS = 400;

/** Where a replay stands on the screen's clock: between two words of the engine it runs on at the speed got. Seconds since the plot's origin. */
export class Playhead {
  readonly #originNs: bigint;
  #positionS = 0;
  #perSecond = 0;
  #toldMs = 0;
  #run = -1;
  #shownS = 0;

  constructor(originNs: bigint) {
    this.#originNs = originNs;
  }

  set(replay: ReplayState | undefined, nowMs: number): void {
    if (!replay) return;
    const { positionNs, state, speed, speedGot, run } = replay;
    this.#positionS = Number(BigInt(positionNs) - this.#originNs) / 1e9;
    this.#perSecond = state === 'playing' ? (speed === 'max' ? speedGot : speed) : 0;
    this.#toldMs = nowMs;
    if (run !== this.#run || this.#perSecond === 0) this.#shownS = this.#positionS;
    this.#run = run;
  }

  /** At a time of the screen's clock; it does not go back while it runs. */
  at(nowMs: number): number {
    const aheadS = Math.min(MOST_AHEAD_MS, Math.max(0, nowMs - this.#toldMs)) / 1000;
    const nowS = this.#positionS + aheadS * this.#perSecond;
    // What was guessed a little too far waits for the truth.
    this.#shownS = this.#perSecond > 0 ? Math.max(this.#shownS, nowS) : nowS;
    return this.#shownS;
  }
}
