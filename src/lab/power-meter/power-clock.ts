import type { Clock } from '../../core/clock.ts';
import type { PowerSnapshot } from '../../protocol/lab/power-meter-message.ts';
import type { ServerClockState } from '../lab-server.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import type { ArrivedRows } from '../stream-keeper/stream-spec.ts';

/** The first row of a connection is of now. So far off (ns), and the server counts from another start: it was restarted on another machine, or its machine was. */
const RESTART_NS = 2_000_000_000n;
/** Added to stamps at each such start, so that they go on growing; s. */
const GENERATION_S = 1e9;

/** The monotonic clock of a power meter server, one for all its streams. */
export class PowerClock {
  readonly #clock: Clock;
  readonly #mapping: ServerClock;
  #generation = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#mapping = new ServerClock(clock);
  }

  get state(): ServerClockState {
    return this.#mapping.state;
  }

  /** This machine slept. */
  reset(): void {
    this.#mapping.reset();
  }

  /** One row of a snapshot that came now. `isFirst`: of its connection, or polled. */
  row(snapshot: PowerSnapshot, isFirst: boolean): ArrivedRows {
    const stampNs = BigInt(Math.round(snapshot.timestamp * 1e9));
    if (isFirst && this.#isOfAnotherStart(stampNs)) {
      this.#generation++;
      this.#mapping.reset();
    }
    this.#mapping.arrived(stampNs);
    const { ch1_power, ch2_power, ch3_power, ch4_power, wavelength_nm } = snapshot;
    return {
      columns: [ch1_power, ch2_power, ch3_power, ch4_power, wavelength_nm].map((value) => Float64Array.of(value)),
      rows: 1,
      timesNs: BigInt64Array.of(this.#mapping.toOurNs(stampNs)),
      uncertaintyS: this.#mapping.uncertaintyS,
      stamps: Float64Array.of(snapshot.timestamp + this.#generation * GENERATION_S),
    };
  }

  #isOfAnotherStart(stampNs: bigint): boolean {
    if (this.#mapping.state.method === 'none') return false;
    const away = this.#mapping.toOurNs(stampNs) - this.#clock.nowNs();
    return away > RESTART_NS || away < -RESTART_NS;
  }
}
