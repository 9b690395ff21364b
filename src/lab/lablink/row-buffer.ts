import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import type { LabPorts } from '../ports.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { ArrivedRows } from '../stream-keeper/stream-spec.ts';
import type { ReadingField } from './reading-fields.ts';
import { readFields } from './reading-fields.ts';

/** How sure the time of a row without a time of its own is, as it is stamped on arrival; s. */
const ARRIVAL_UNCERTAINTY_S = 0.1;

/** Makes rows of readings, one at a time. */
export class RowBuffer {
  readonly fields: readonly ReadingField[];
  readonly #clock: ServerClock;
  readonly #ports: LabPorts;

  constructor(fields: readonly ReadingField[], ports: LabPorts, clock: ServerClock) {
    this.fields = fields;
    this.#ports = ports;
    this.#clock = clock;
  }

  get columns(): readonly ColumnInfo[] {
    return this.fields.map(({ column }) => column);
  }

  /**
   * A reading as one row: at the server's time of it by our clock, or (a measurement has none) now, less half of `roundTripMs`. undefined: it has none of the
   * quantities.
   */
  row(data: Readonly<Record<string, unknown>>, roundTripMs = 0): ArrivedRows | undefined {
    const columns = this.fields.map(() => new Float64Array(1));
    if (!readFields(this.fields, data, columns)) return undefined;
    const stamp = parseIsoTime(data.timestamp);
    if (!stamp) {
      const ns = this.#ports.clock.nowNs() - BigInt(Math.round(roundTripMs * 5e5));
      return {
        columns,
        rows: 1,
        timesNs: BigInt64Array.of(ns),
        uncertaintyS: ARRIVAL_UNCERTAINTY_S + roundTripMs / 2e3,
      };
    }
    this.#clock.arrived(stamp.ns, stamp.isNaive);
    const { uncertaintyS } = this.#clock;
    return {
      columns,
      rows: 1,
      timesNs: BigInt64Array.of(this.#clock.toOurNs(stamp.ns, stamp.isNaive)),
      uncertaintyS: Number.isNaN(uncertaintyS) ? ARRIVAL_UNCERTAINTY_S : uncertaintyS,
      stamps: Float64Array.of(stampOf(stamp.ns)),
    };
  }
}

/** A server time as a number that grows, fine to the microsecond: seconds since 2020. */
export function stampOf(ns: bigint): number {
  return Number(ns - 1_577_836_800_000_000_000n) / 1e9;
}
