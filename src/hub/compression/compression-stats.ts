import type { DataPattern } from './data-pattern.ts';
import type { NetworkCondition } from './network-condition.ts';

/** Names of the VITAL compression metrics. */
export interface CompressionStats {
  current_level: number;
  /** Messages that were looked at, whether compressed or not. */
  messages_processed: number;
  /** Saved, percent of the plain bytes of all of them. */
  average_compression_ratio: number;
  /** ms for a message that was compressed. */
  average_latency_ms: number;
  /** 10⁶ bytes. */
  space_saved_mb: number;
}

/** Names of the VITAL adaptive metrics. */
export interface AdaptationStats {
  current_level: number;
  network_condition: NetworkCondition;
  data_pattern: DataPattern;
  adaptation_count: number;
  performance: {
    latency_ms: number;
    /** Saved, percent. */
    compression_ratio: number;
    /** Plain bits that went since the figures began, 10⁶ a second. */
    throughput_mbps: number;
  };
}

/** Bytes and time of compressing, added up. */
export class CompressionTally {
  messages = 0;
  compressed = 0;
  plainBytes = 0;
  wireBytes = 0;
  ms = 0;
  readonly sinceMs: number;

  constructor(nowMs: number) {
    this.sinceMs = nowMs;
  }

  /** `ms`: time it took; undefined: it was not tried. */
  add(plainBytes: number, wireBytes: number, ms: number | undefined): void {
    this.messages++;
    this.plainBytes += plainBytes;
    this.wireBytes += wireBytes;
    if (ms === undefined) return;
    this.compressed++;
    this.ms += ms;
  }

  get savedPercent(): number {
    return this.plainBytes === 0 ? 0 : 100 * (1 - this.wireBytes / this.plainBytes);
  }

  get meanMs(): number {
    return this.compressed === 0 ? 0 : this.ms / this.compressed;
  }

  plainMbitPerS(nowMs: number): number {
    const passed = nowMs - this.sinceMs;
    return passed <= 0 ? 0 : (this.plainBytes * 8) / passed / 1000;
  }
}
