/** One message that was compressed. */
export interface CompressionSample {
  level: number;
  /** ms for a KiB of plain bytes. */
  msPerKib: number;
  /** Compressed bytes over plain bytes. */
  ratio: number;
}

/** What a level would give. */
export interface Forecast {
  msPerKib: number;
  ratio: number;
}

const KEPT = 32;
/** Known before anything was measured: from level 1 to 9 JSON shrinks to 31 … 26 % while time goes from 10 to 90 µs a KiB. */
const PRIOR_RATIO_PER_LEVEL = -0.006;
const PRIOR_MS_PER_LEVEL = 0.008;
const PRIOR_WEIGHT = 4;

/** Time and ratio over the level, by least squares over the last 32 messages of one stream. */
export class LevelForecast {
  readonly #samples: CompressionSample[] = [];

  add(sample: CompressionSample): void {
    this.#samples.push(sample);
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  /** What to expect at a level; undefined before the first sample. */
  at(level: number): Forecast | undefined {
    if (this.#samples.length === 0) return undefined;
    const ms = this.#fit(level, ({ msPerKib }) => msPerKib, PRIOR_MS_PER_LEVEL);
    const ratio = this.#fit(level, (sample) => sample.ratio, PRIOR_RATIO_PER_LEVEL);
    return { msPerKib: Math.max(0, ms), ratio: Math.min(1, Math.max(0, ratio)) };
  }

  /** A line through the means; with one level only, its slope is the known one. */
  #fit(level: number, figureOf: (sample: CompressionSample) => number, priorSlope: number): number {
    const n = this.#samples.length;
    const meanLevel = this.#samples.reduce((sum, sample) => sum + sample.level, 0) / n;
    const meanValue = this.#samples.reduce((sum, sample) => sum + figureOf(sample), 0) / n;
    let above = PRIOR_WEIGHT * priorSlope;
    let below = PRIOR_WEIGHT;
    for (const sample of this.#samples) {
      const away = sample.level - meanLevel;
      above += away * (figureOf(sample) - meanValue);
      below += away * away;
    }
    return meanValue + (above / below) * (level - meanLevel);
  }
}
