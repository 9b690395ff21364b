import type { Clock } from '../../core/clock.ts';
import type { PowerSnapshot } from '../../protocol/lab/power-meter-message.ts';
import type { ServerClockState } from '../lab-server.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import type { ArrivedRows } from '../stream-keeper/stream-spec.ts';

/** The first row of a connection is of now. So far off (ns), and the server counts from another start: it runs on another machine, or its machine was restarted. */
const RESTART_NS = 2_000_000_000n;
/** A polled row is older by as long as its answer took. */
const POLL_NS = 30_000_000_000n;
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

  /** One row of a snapshot that came now. `how`: the first of its connection, one after it, or polled. */
  row(snapshot: PowerSnapshot, how: 'first' | 'next' | 'polled'): ArrivedRows {
    const stampNs = BigInt(Math.round(snapshot.timestamp * 1e9));
    if (how !== 'next' && this.#isOfAnotherStart(stampNs, how === 'polled' ? POLL_NS : RESTART_NS)) {
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

  #isOfAnotherStart(stampNs: bigint, lateNs: bigint): boolean {
    if (this.#mapping.state.method === 'none') return false;
    const away = this.#mapping.toOurNs(stampNs) - this.#clock.nowNs();
    return away > RESTART_NS || away < -lateNs;
  }
}
