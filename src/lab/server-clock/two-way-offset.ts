/** One question and answer: by how much the server's clock is ahead, at most `roundTripS / 2` wrong. */
export interface OffsetSample {
  offsetS: number;
  roundTripS: number;
}

const KEPT = 16;
/** A step of a clock: so far off, twice the same. */
export const STEP_S = 0.05;

/** Offset from questions the server answers with its time: the answer that was quickest is the best. */
export class TwoWayOffset {
  #samples: OffsetSample[] = [];
  #doubt: OffsetSample | undefined;

  /** Takes a sample; true: the clock stepped, the best is to be used at once. `appliedS`: the offset in use. */
  add(sample: OffsetSample, appliedS: number | undefined): boolean {
    const isOff = appliedS !== undefined && Math.abs(sample.offsetS - appliedS) > STEP_S + sample.roundTripS / 2;
    const doubt = this.#doubt;
    this.#doubt = isOff ? sample : undefined;
    if (!isOff) {
      this.#samples.push(sample);
      if (this.#samples.length > KEPT) this.#samples.shift();
      return appliedS === undefined;
    }
    if (!doubt || Math.abs(doubt.offsetS - sample.offsetS) > STEP_S + (doubt.roundTripS + sample.roundTripS) / 2)
      return false;
    this.#samples = [doubt, sample];
    this.#doubt = undefined;
    return true;
  }

  get best(): OffsetSample | undefined {
    let best: OffsetSample | undefined;
    for (const sample of this.#samples) if (!best || sample.roundTripS <= best.roundTripS) best = sample;
    return best;
  }

  reset(): void {
    this.#samples = [];
    this.#doubt = undefined;
  }
}
