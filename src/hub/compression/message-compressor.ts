import type { Clock } from '../../core/clock.ts';
import {
  COMPRESSION_RULES,
  type Compressed,
  type CompressionChoice,
  type CompressionRule,
  type DataType,
} from './compression-rule.ts';
import { type AdaptationStats, type CompressionStats, CompressionTally } from './compression-stats.ts';
import { type DataPattern, patternOf } from './data-pattern.ts';
import { compressBytes, INLINE_BYTES } from './deflate.ts';
import { LevelController, type LevelMeasure, type LevelRules } from './level-controller.ts';
import { LevelForecast } from './level-forecast.ts';

export interface CompressorOptions {
  rules: Readonly<Record<DataType, CompressionRule>>;
  /** Part that must be saved; less is sent plain. */
  minSaving: number;
  /** Messages of a stream that are not tried after one that saved too little. */
  holdOff: number;
  /** Beyond it a thread compresses; bytes. */
  inlineBytes: number;
  /** Streams remembered. */
  maxStreams: number;
  /** The controller chooses the level, not the rule of the data type. */
  isAdaptive: boolean;
}

export const COMPRESSOR_OPTIONS: Readonly<CompressorOptions> = {
  rules: COMPRESSION_RULES,
  minSaving: 0.1,
  holdOff: 64,
  inlineBytes: INLINE_BYTES,
  maxStreams: 1_000,
  isAdaptive: true,
};

interface StreamState {
  /** Messages still not to be tried. */
  heldOff: number;
  forecast: LevelForecast;
  /** Plain bytes since the last look. */
  bytes: number;
}

/** Compresses what goes to one client, message by message, where it is worth while. */
export class MessageCompressor {
  readonly #clock: Clock;
  readonly controller: LevelController;
  #options: CompressorOptions;
  #tally: CompressionTally;
  #sinceLook: CompressionTally;
  #pattern: DataPattern = 'normal';
  /** Longest unused first. */
  readonly #streams = new Map<string, StreamState>();

  constructor(clock: Clock, options: Partial<CompressorOptions> = {}, rules: Partial<LevelRules> = {}) {
    this.#clock = clock;
    this.#options = { ...COMPRESSOR_OPTIONS, ...options };
    this.controller = new LevelController(clock, { ...rules, isAdaptive: this.#options.isAdaptive });
    this.#tally = new CompressionTally(clock.monotonicMs());
    this.#sinceLook = new CompressionTally(clock.monotonicMs());
  }

  configure(changes: Partial<CompressorOptions>): void {
    this.#options = { ...this.#options, ...changes };
    this.controller.configure({ isAdaptive: this.#options.isAdaptive });
  }

  /**
   * One message of a stream; `choice` is what its client wants, default: by its data type. Give a promise of it to the outbox, which keeps the order.
   */
  compress(
    stream: string,
    type: DataType,
    bytes: Uint8Array,
    choice?: CompressionChoice,
  ): Compressed | Promise<Compressed> {
    const rule = this.#options.rules[type];
    const kind = choice ?? rule.kind;
    const state = this.#streamOf(stream);
    state.bytes += bytes.length;
    if (kind === 'none' || bytes.length < rule.thresholdBytes) return this.#plain(bytes);
    if (state.heldOff > 0) {
      state.heldOff--;
      return this.#plain(bytes);
    }
    const level = this.#options.isAdaptive ? this.controller.level : rule.level;
    const beganMs = this.#clock.monotonicMs();
    const done = compressBytes(kind, level, bytes, this.#options.inlineBytes);
    const finish = (packed: Uint8Array): Compressed => {
      const ms = this.#clock.monotonicMs() - beganMs;
      const ratio = packed.length / bytes.length;
      state.forecast.add({ level, msPerKib: (ms * 1024) / bytes.length, ratio });
      const isWorth = ratio <= 1 - this.#options.minSaving;
      if (!isWorth) state.heldOff = this.#options.holdOff;
      this.#count(bytes.length, isWorth ? packed.length : bytes.length, ms);
      return isWorth ? { kind, bytes: packed } : { kind: 'none', bytes };
    };
    return done instanceof Promise ? done.then(finish) : finish(done);
  }

  /** Values of a stream, for the pattern that is shown. */
  sawValues(values: ArrayLike<number>): void {
    this.#pattern = patternOf(values);
  }

  /** One look of the controller, every two seconds. `busyShare` is added from what compressing took since the last one. */
  look(measure: Omit<LevelMeasure, 'busyShare'>): number {
    const now = this.#clock.monotonicMs();
    const passed = now - this.#sinceLook.sinceMs;
    const busyShare = passed > 0 ? this.#sinceLook.ms / passed : 0;
    const forecast = this.#busiest()?.forecast;
    const level = this.controller.look({ ...measure, busyShare }, (one) => forecast?.at(one));
    this.#sinceLook = new CompressionTally(now);
    for (const state of this.#streams.values()) state.bytes = 0;
    return level;
  }

  /** A stream ended. */
  forget(stream: string): void {
    this.#streams.delete(stream);
  }

  stats(): CompressionStats {
    const tally = this.#tally;
    return {
      current_level: this.controller.level,
      messages_processed: tally.messages,
      average_compression_ratio: tally.savedPercent,
      average_latency_ms: tally.meanMs,
      space_saved_mb: (tally.plainBytes - tally.wireBytes) / 1e6,
    };
  }

  adaptationStats(): AdaptationStats {
    const tally = this.#tally;
    return {
      current_level: this.controller.level,
      network_condition: this.controller.condition,
      data_pattern: this.#pattern,
      adaptation_count: this.controller.adaptations,
      performance: {
        latency_ms: tally.meanMs,
        compression_ratio: tally.savedPercent,
        throughput_mbps: tally.plainMbitPerS(this.#clock.monotonicMs()),
      },
    };
  }

  resetStats(): void {
    this.#tally = new CompressionTally(this.#clock.monotonicMs());
  }

  #plain(bytes: Uint8Array): Compressed {
    this.#count(bytes.length, bytes.length, undefined);
    return { kind: 'none', bytes };
  }

  #count(plainBytes: number, wireBytes: number, ms: number | undefined): void {
    this.#tally.add(plainBytes, wireBytes, ms);
    this.#sinceLook.add(plainBytes, wireBytes, ms);
  }

  #streamOf(stream: string): StreamState {
    const state = this.#streams.get(stream) ?? { heldOff: 0, forecast: new LevelForecast(), bytes: 0 };
    this.#streams.delete(stream);
    this.#streams.set(stream, state);
    if (this.#streams.size > this.#options.maxStreams) {
      const [oldest] = this.#streams.keys();
      if (oldest !== undefined) this.#streams.delete(oldest);
    }
    return state;
  }

  #busiest(): StreamState | undefined {
    let busiest: StreamState | undefined;
    for (const state of this.#streams.values()) if (state.bytes > (busiest?.bytes ?? 0)) busiest = state;
    return busiest;
  }
}
