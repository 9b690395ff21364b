import type { Clock } from '../../core/clock.ts';
import { type CompressionStats, CompressionTally } from '../compression/compression-stats.ts';
import type { LevelMeasure } from '../compression/level-controller.ts';
import { MessageCompressor } from '../compression/message-compressor.ts';

/** Frames are no longer than that, so all of them are deflated at once, in order. */
const INLINE_BYTES = 1024 * 1024;
/** The pattern of values is looked at in one of so many frames. */
const PATTERN_FRAMES = 32;

/** How the payloads of one client's frames are made smaller, and what that saved. */
export class FrameCompressor {
  readonly #clock: Clock;
  readonly #compressor: MessageCompressor;
  #tally: CompressionTally;
  #frames = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#compressor = new MessageCompressor(clock, { inlineBytes: INLINE_BYTES });
    this.#tally = new CompressionTally(clock.monotonicMs());
  }

  get plainBytes(): number {
    return this.#tally.plainBytes;
  }

  get wireBytes(): number {
    return this.#tally.wireBytes;
  }

  /** Deflated, where that is worth while. */
  deflate(stream: string, raw: Uint8Array): Uint8Array | undefined {
    const done = this.#compressor.compress(stream, 'other', raw, 'deflate');
    return done instanceof Promise || done.kind === 'none' ? undefined : done.bytes;
  }

  /** A frame was made of `plain` bytes in `wire` bytes; `ms`: what making it smaller took. */
  made(plain: number, wire: number, sinceMs: number, values: ArrayLike<number> | undefined): void {
    this.#tally.add(plain, wire, wire < plain ? this.#clock.monotonicMs() - sinceMs : undefined);
    this.#frames++;
    if (values && this.#frames % PATTERN_FRAMES === 1) this.#compressor.sawValues(values);
  }

  get nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Every two seconds; gives the level from now on, 1–9. */
  look(measure: Omit<LevelMeasure, 'busyShare'>): number {
    return this.#compressor.look(measure);
  }

  forget(stream: string): void {
    this.#compressor.forget(stream);
  }

  /** `compression` and `adaptive` of get_stats. */
  stats(): { compression: CompressionStats; adaptive: Record<string, unknown> } {
    const { messages, plainBytes, wireBytes, savedPercent, meanMs } = this.#tally;
    const adaptive = this.#compressor.adaptationStats();
    return {
      compression: {
        current_level: adaptive.current_level,
        messages_processed: messages,
        average_compression_ratio: savedPercent,
        average_latency_ms: meanMs,
        space_saved_mb: (plainBytes - wireBytes) / 1e6,
      },
      adaptive: {
        ...adaptive,
        performance: {
          latency_ms: meanMs,
          compression_ratio: savedPercent,
          throughput_mbps: this.#tally.plainMbitPerS(this.#clock.monotonicMs()),
        },
      },
    };
  }
}
