import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import { channelId, measuredColumns, type StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink } from '../sample-sink.ts';

interface Count {
  info: StreamInfo;
  rows: number;
  lost: number;
}

export interface Rates {
  samplesPerSecond: number;
  /** Rows per second by channel id. */
  byChannel: Map<string, number>;
  byInstrument: Map<string, { rateHz: number; lost: number }>;
  /** Since the engine started. */
  lost: number;
  samples: number;
  /** Arrival to ingest, ms. */
  latencyP50Ms: number;
  latencyP95Ms: number;
}

const LATENCIES = 512;

/** Counts what passes; a consumer of the fan like any other. `take` gives the rates since it was taken last. */
export class RateMeter implements SampleSink {
  readonly #clock: Clock;
  readonly #counts = new Map<number, Count>();
  readonly #lostBy = new Map<string, number>();
  #sinceMs: number;
  #samples = 0;
  #totalSamples = 0;
  #lost = 0;
  readonly #latencies = new Float64Array(LATENCIES);
  #latencyCount = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  streamOpened(info: StreamInfo): void {
    this.#counts.set(info.id, { info, rows: 0, lost: 0 });
  }

  batch(batch: Batch): void {
    const count = this.#counts.get(batch.stream);
    if (!count) return;
    count.rows += batch.rows;
    const channels = measuredColumns(count.info).length;
    this.#samples += batch.rows * channels;
    this.#totalSamples += batch.rows * channels;
    if (batch.lost > 0) {
      this.#lost += batch.lost * channels;
      const { instrument } = count.info;
      this.#lostBy.set(instrument, (this.#lostBy.get(instrument) ?? 0) + batch.lost * channels);
    }
    this.#latencies[this.#latencyCount++ % LATENCIES] = Number(this.#clock.nowNs() - batch.arrivedNs) / 1e6;
  }

  gap(): void {}

  streamClosed(stream: number): void {
    this.#counts.delete(stream);
  }

  take(): Rates {
    const nowMs = this.#clock.monotonicMs();
    const seconds = Math.max(1e-3, (nowMs - this.#sinceMs) / 1000);
    this.#sinceMs = nowMs;
    const byChannel = new Map<string, number>();
    const byInstrument = new Map<string, { rateHz: number; lost: number }>();
    for (const count of this.#counts.values()) {
      const { instrument, columns } = count.info;
      const rateHz = count.rows / seconds;
      count.rows = 0;
      for (const { channel } of columns) byChannel.set(channelId(instrument, channel), rateHz);
      const sum = byInstrument.get(instrument)?.rateHz ?? 0;
      byInstrument.set(instrument, { rateHz: Math.max(sum, rateHz), lost: this.#lostBy.get(instrument) ?? 0 });
    }
    const samplesPerSecond = this.#samples / seconds;
    this.#samples = 0;
    const sorted = this.#latencies.slice(0, Math.min(this.#latencyCount, LATENCIES)).sort();
    this.#latencyCount = 0;
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      samplesPerSecond,
      byChannel,
      byInstrument,
      lost: this.#lost,
      samples: this.#totalSamples,
      latencyP50Ms: at(0.5),
      latencyP95Ms: at(0.95),
    };
  }
}
