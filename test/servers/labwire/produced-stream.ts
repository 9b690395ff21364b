import type { Clock } from '../../../src/core/clock.ts';

/**
 * How the rows look on the wire: `f64` as they are (NaN and Infinity among them), `timed` with a time of their own each, `grid` Float32 on an integer
 * grid, packed where the client takes it.
 */
export type StreamForm = 'f64' | 'timed' | 'grid';

export interface StreamPlan {
  equipment: string;
  name: string;
  intervalMs: number;
  form: StreamForm;
  /** Rows kept; older ones are gone for history and replay. */
  ringRows?: number;
}

export const GRID = { scale: 0.001, offset: -2 };

/** One stream of the server. Its rows are a function of their number, so the list of all it ever made is at hand for any test. */
export class ProducedStream {
  readonly key: string;
  readonly plan: Required<StreamPlan>;
  readonly epoch: number;
  readonly startNs: bigint;
  readonly #clock: Clock;
  readonly #offsetS: () => number;

  /** `offsetS`: how far the wall clock of the server is ahead of the true time. */
  constructor(plan: StreamPlan, clock: Clock, epoch: number, offsetS: () => number) {
    this.#offsetS = offsetS;
    this.plan = { ringRows: 100_000, ...plan };
    this.key = `${plan.equipment}/${plan.name}`;
    this.epoch = epoch;
    this.#clock = clock;
    this.startNs = clock.nowNs();
  }

  /** Number of the row that is made next. */
  get next(): number {
    return Math.floor(Number(this.#clock.nowNs() - this.startNs) / (this.plan.intervalMs * 1e6)) + 1;
  }

  /** Oldest row still kept. */
  get first(): number {
    return Math.max(0, this.next - this.plan.ringRows);
  }

  get schema(): Record<string, unknown> {
    const { form, intervalMs } = this.plan;
    const isGrid = form === 'grid';
    return {
      channels: ['count', 'wave'],
      units: ['', 'V'],
      dtype: isGrid ? 'f32' : 'f64',
      ...(isGrid ? { scale: [GRID.scale, GRID.scale], offset: [GRID.offset, GRID.offset] } : {}),
      dt: form === 'timed' ? 0 : intervalMs / 1000,
    };
  }

  /** ns since 1970 of a row, in truth. */
  timeNs(seq: number): bigint {
    const { intervalMs, form } = this.plan;
    const jitter = form === 'timed' ? (((seq * 7919) % 1000) / 2000) * intervalMs : 0;
    return this.startNs + BigInt(Math.round((seq * intervalMs + jitter) * 1e6));
  }

  /** The same as the server writes it. */
  wireNs(seq: number): bigint {
    return this.timeNs(seq) + BigInt(Math.round(this.#offsetS() * 1e9));
  }

  values(seq: number): [number, number] {
    if (this.plan.form === 'grid') return [onGrid((seq * 7) % 30_000), onGrid(Math.round(8000 * Math.sin(seq / 40)))];
    if (seq % 97 === 96) return [seq, Number.NaN];
    if (seq % 89 === 88) return [seq, Number.POSITIVE_INFINITY];
    return [seq, Math.sin(seq / 50)];
  }

  /** Codes of a row on the grid. */
  codes(seq: number): [number, number] {
    return [(seq * 7) % 30_000, Math.round(8000 * Math.sin(seq / 40))];
  }
}

function onGrid(code: number): number {
  return Math.fround(code * GRID.scale + GRID.offset);
}
