import { performance } from 'node:perf_hooks';

/** How the server misbehaves and how fast; all as upstream unless a test says otherwise. */
export interface PowerMeterKnobs {
  /** Once a client sent anything on `/ws/power`, the connection ends so long after its start; ms. Upstream 40 s. */
  killMs: number;
  heartbeatMs: number;
  /** Of the health socket. */
  healthMs: number;
  /** Errors in a row before the socket is dropped. */
  maxErrors: number;
  /** How long one sweep takes; ms. */
  sweepMs: number;
  /** Zone of the naive times, minutes east of UTC. */
  zoneMinutes: number;
  /** The mock of upstream answers 500 where it lacks attributes. */
  isMock: boolean;
  /** Start of the monotonic clock; s. */
  monotonicS: number;
  /** Channel 4 of a module counts its snapshots: then it shows which of them came. */
  isCounting: boolean;
}

export const POWER_METER_KNOBS: PowerMeterKnobs = {
  killMs: 40_000,
  heartbeatMs: 30_000,
  healthMs: 10_000,
  maxErrors: 10,
  sweepMs: 3000,
  zoneMinutes: 120,
  isMock: true,
  monotonicS: 874,
  isCounting: false,
};

interface Laser {
  power_dbm: number;
  wavelength_nm: number;
  is_on: boolean;
}

interface Tls {
  start_wavelength_nm: number;
  stop_wavelength_nm: number;
  sweep_speed_nmps: number;
  laser_power_dbm: number;
  trigin: number;
  identifier: number;
}

interface Detector {
  power_unit: string;
  spectral_unit: string;
  wavelength_nm: number;
}

/** Everything behind one run of the server. */
export class PowerMeterState {
  readonly knobs: PowerMeterKnobs;
  isConnected = true;
  /** Streams stay open and deliver nothing (a process that was stopped). */
  isFrozen = false;
  /** Channels that cannot be read: one drops the whole snapshot. */
  readonly broken = new Set<number>();
  /** Numbers that Python writes and JSON does not have, by channel. */
  readonly odd = new Map<number, number>();
  resolutionPm = 0.1;
  sweepStartMs: number | undefined;
  isSweepComplete = false;
  readonly lasers = Array.from({ length: 10 }, (): Laser => ({ power_dbm: 8, wavelength_nm: 1550, is_on: false }));
  readonly tls = Array.from(
    { length: 4 },
    (): Tls => ({
      start_wavelength_nm: 1262.5,
      stop_wavelength_nm: 1355,
      sweep_speed_nmps: 20,
      laser_power_dbm: 10,
      trigin: 2,
      identifier: 2,
    }),
  );
  readonly #made = new Map<number, number>();
  readonly #detectors = new Map<string, Detector>();
  readonly #startMs = performance.now();
  #reads = 0;

  constructor(knobs: Partial<PowerMeterKnobs>) {
    this.knobs = { ...POWER_METER_KNOBS, ...knobs };
  }

  /** The event loop's clock, which data carry; s. */
  get monotonicS(): number {
    return this.knobs.monotonicS + (performance.now() - this.#startMs) / 1000;
  }

  /** Naive local ISO, as `datetime.now().isoformat()`. */
  get naiveTime(): string {
    return new Date(Date.now() + this.knobs.zoneMinutes * 60_000).toISOString().replace('Z', '000');
  }

  get isSweeping(): boolean {
    if (this.sweepStartMs === undefined) return false;
    if (performance.now() - this.sweepStartMs < this.knobs.sweepMs) return true;
    this.sweepStartMs = undefined;
    this.isSweepComplete = true;
    return false;
  }

  startSweep(): void {
    this.sweepStartMs = performance.now();
    this.isSweepComplete = false;
  }

  detector(module: number, channel: number): Detector {
    const key = `${module}/${channel}`;
    let found = this.#detectors.get(key);
    if (!found) {
      found = { power_unit: 'dBm', spectral_unit: 'nm', wavelength_nm: 1310 };
      this.#detectors.set(key, found);
    }
    return found;
  }

  /** The body of `data` and of `/detector/snapshot`; undefined: cannot be read. */
  snapshot(module: number): Record<string, unknown> | undefined {
    if (!this.isConnected || this.broken.size > 0) return undefined;
    const first = this.detector(module, 1);
    this.#reads++;
    const made = (this.#made.get(module) ?? 0) + 1;
    this.#made.set(module, made);
    const power = (channel: number): number => {
      const odd = this.odd.get(channel);
      if (odd !== undefined) return odd;
      const dBm = -15.6 + 2.3 * channel + 0.05 * Math.sin(this.#reads + channel);
      return /mw/i.test(first.power_unit) ? 10 ** (dBm / 10) : dBm;
    };
    return {
      timestamp: this.monotonicS,
      module,
      wavelength_nm: first.wavelength_nm,
      unit: first.power_unit,
      ch1_power: power(1),
      ch2_power: power(2),
      ch3_power: power(3),
      ch4_power: this.knobs.isCounting ? made : power(4),
    };
  }
}
