import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Pulse } from '../../contract/bench-schema.ts';
import type { RecordingState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { RateMeter, Rates } from '../acquisition/rate-meter.ts';

const PULSE_MS = 500;
const DISK_EVERY = 10;

export interface PulseParts {
  clock: Clock;
  meter: RateMeter;
  recording(): RecordingState;
  recordingsFolder(): string;
  historyBytes(): number;
  beat(pulse: Omit<Pulse, 'skippedRows'>, rates: Rates): void;
}

/** Twice a second: how the engine is. `beat` gets what all screens are told and the rates behind it. */
export class PulseMaker implements Disposable {
  readonly #parts: PulseParts;
  #timer: Disposable;
  #beats = 0;
  #cpu = process.cpuUsage();
  #cpuMs: number;
  #diskFreeBytes: number | null = null;

  constructor(parts: PulseParts) {
    this.#parts = parts;
    this.#cpuMs = parts.clock.monotonicMs();
    this.#timer = parts.clock.after(PULSE_MS, () => this.#beat());
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #beat(): void {
    this.#timer = this.#parts.clock.after(PULSE_MS, () => this.#beat());
    if (this.#beats++ % DISK_EVERY === 0) void this.#readDisk();
    const rates = this.#parts.meter.take();
    const recording = this.#parts.recording();
    this.#parts.beat(
      {
        t: String(this.#parts.clock.nowNs()),
        samplesPerSecond: rates.samplesPerSecond,
        lost: rates.lost,
        latencyP50Ms: rates.latencyP50Ms,
        latencyP95Ms: rates.latencyP95Ms,
        diskFreeBytes: this.#diskFreeBytes,
        diskSecondsLeft: recording.diskSecondsLeft,
        historyBytes: this.#parts.historyBytes(),
        cpu: this.#cpuShare(),
        memoryBytes: process.memoryUsage.rss(),
        recording,
      },
      rates,
    );
  }

  #cpuShare(): number {
    const nowMs = this.#parts.clock.monotonicMs();
    const used = process.cpuUsage(this.#cpu);
    const share = (used.user + used.system) / 1000 / Math.max(1, nowMs - this.#cpuMs);
    this.#cpu = process.cpuUsage();
    this.#cpuMs = nowMs;
    return share;
  }

  /** The folder may not exist before the first recording: then its parent answers for the disk. */
  async #readDisk(): Promise<void> {
    for (let folder = this.#parts.recordingsFolder(), up = ''; folder !== up; up = folder, folder = dirname(folder)) {
      const stats = await statfs(folder).catch(() => undefined);
      if (!stats) continue;
      this.#diskFreeBytes = stats.bavail * stats.bsize;
      return;
    }
    this.#diskFreeBytes = null;
  }
}
