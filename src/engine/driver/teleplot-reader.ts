import { TeleplotDecoder } from '../../protocol/stream/teleplot-decoder.ts';
import { ArrivalTimes, DeviceClock } from './arrival-times.ts';
import { channelNames } from './channel-name.ts';
import type { StreamOutlet } from './driver.ts';
import type { FreeReader } from './free-stream.ts';

/** Variables of one device; values of more are counted as malformed. */
const MAX_VARIABLES = 200;
/** A device clock is known to about a millisecond, which is its step. */
const STEP_S = 0.0005;

interface Variable {
  channel: string;
  values: number[];
  /** Device times of those that have one; NaN: when it came. */
  timesMs: number[];
}

/** Teleplot's variables, a stream each: every one has times of its own. */
export class TeleplotReader implements FreeReader {
  readonly #outlet: StreamOutlet;
  readonly #decoder: TeleplotDecoder;
  readonly #clock = new DeviceClock();
  readonly #times = new ArrivalTimes();
  readonly #variables = new Map<string, Variable>();
  #tooMany = 0;

  constructor(outlet: StreamOutlet, isSerial: boolean) {
    this.#outlet = outlet;
    this.#decoder = new TeleplotDecoder({
      isSerial,
      sink: { point: (name, timeMs, value, unit) => this.#point(name, timeMs, value, unit) },
    });
  }

  get malformed(): number {
    return this.#decoder.malformed + this.#tooMany;
  }

  push(bytes: Uint8Array, arrivedNs: bigint): void {
    this.#times.arrived(arrivedNs);
    this.#decoder.push(bytes);
    for (const variable of this.#variables.values()) this.#flush(variable, arrivedNs);
  }

  #point(name: string, timeMs: number | undefined, value: number, unit: string | undefined): void {
    const variable = this.#variables.get(name) ?? this.#open(name, unit);
    if (!variable) {
      this.#tooMany++;
      return;
    }
    variable.values.push(value);
    variable.timesMs.push(timeMs ?? Number.NaN);
  }

  #open(name: string, unit: string | undefined): Variable | undefined {
    if (this.#variables.size >= MAX_VARIABLES) return undefined;
    const taken = [...this.#variables.values()].map(({ channel }) => channel);
    const channel = channelNames([...taken, name]).at(-1) ?? name;
    const variable = { channel, values: [], timesMs: [] };
    this.#variables.set(name, variable);
    this.#outlet.opened({
      stream: channel,
      columns: [{ channel, unit: unit?.trim() ?? '' }],
      rateHz: 0,
      float64: true,
    });
    return variable;
  }

  #flush({ channel, values, timesMs }: Variable, arrivedNs: bigint): void {
    const rows = values.length;
    if (rows === 0) return;
    const spread = this.#times.timesOf(rows);
    const isTimed = timesMs.some((time) => !Number.isNaN(time));
    const timesS = isTimed
      ? Float64Array.from(timesMs, (time, row) =>
          Number.isNaN(time) ? (spread.timesS[row] ?? 0) : this.#clock.timeS(time, arrivedNs),
        )
      : spread.timesS;
    const uncertaintyS = isTimed ? STEP_S : spread.uncertaintyS;
    this.#outlet.rows({
      stream: channel,
      columns: [Float64Array.from(values)],
      rows,
      lost: 0,
      arrivedNs,
      timesS,
      uncertaintyS,
    });
    values.length = 0;
    timesMs.length = 0;
  }
}
