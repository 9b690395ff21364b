import type { ServerState } from '../../contract/server-schema.ts';
import type { ServerTrend, TrendSpan } from '../../contract/server-stats-schema.ts';

/** Counters of a server as of now; they only grow, or begin anew. */
export interface TrendCounts {
  rows: number;
  lost: number;
  wireBytes: number;
  bytes: number;
  /** Of the latest stream; NaN while unknown. */
  latencyMs: number;
}

/** The counters in what is shown of a server. */
export function trendCounts({ streams, traffic }: Pick<ServerState, 'streams' | 'traffic'>): TrendCounts {
  let rows = 0;
  let lost = 0;
  let latencyMs = Number.NaN;
  for (const stream of streams) {
    rows += stream.rows;
    lost += stream.lost;
    if (stream.source !== 'live' || stream.latencyMs === null) continue;
    // Less than none is the uncertainty of the server's clock.
    latencyMs = Math.max(0, stream.latencyMs, Number.isNaN(latencyMs) ? 0 : latencyMs);
  }
  return { rows, lost, latencyMs, wireBytes: traffic.wireBytes, bytes: traffic.bytes };
}

interface TrendStep {
  stepMs: number;
  points: number;
}

const STEPS: Record<TrendSpan, TrendStep> = {
  minutes: { stepMs: 1000, points: 600 },
  day: { stepMs: 60_000, points: 1440 },
};

/** What became of a server over the last ten minutes and the last day: bounded, by the second and by the minute. */
export class TrendKeeper {
  readonly #series: Record<TrendSpan, TrendSeries>;

  constructor(steps: Record<TrendSpan, TrendStep> = STEPS) {
    this.#series = { minutes: new TrendSeries(steps.minutes), day: new TrendSeries(steps.day) };
  }

  /** Now and then, more often than a step. `nowMs`: monotonic; `wallMs`: since 1970. */
  look(counts: TrendCounts, nowMs: number, wallMs: number): void {
    for (const series of Object.values(this.#series)) series.look(counts, nowMs, wallMs);
  }

  /** Points later than `afterMs`, the oldest first. */
  read(span: TrendSpan, afterMs = Number.NEGATIVE_INFINITY): ServerTrend {
    return this.#series[span].read(afterMs);
  }
}

const COLUMNS = ['t', 'lost', 'latencyMs', 'saved', 'bytesPerS'] as const;
type Column = (typeof COLUMNS)[number];

/** A ring of points, one column for each figure. */
class TrendSeries {
  readonly #step: TrendStep;
  readonly #columns: Record<Column, Float64Array>;
  #count = 0;
  #sinceMs: number | undefined;
  #before: TrendCounts = { rows: 0, lost: 0, wireBytes: 0, bytes: 0, latencyMs: Number.NaN };
  /** Longest latency of the present step. */
  #latencyMs = Number.NaN;

  constructor(step: TrendStep) {
    this.#step = step;
    const column = (): Float64Array => new Float64Array(step.points);
    this.#columns = { t: column(), lost: column(), latencyMs: column(), saved: column(), bytesPerS: column() };
  }

  look(counts: TrendCounts, nowMs: number, wallMs: number): void {
    // NaN: the comparison is false, the one before stays.
    if (Number.isNaN(this.#latencyMs) || counts.latencyMs > this.#latencyMs) this.#latencyMs = counts.latencyMs;
    const sinceMs = this.#sinceMs ?? nowMs;
    if (this.#sinceMs !== undefined && nowMs - sinceMs < this.#step.stepMs) return;
    if (this.#sinceMs !== undefined) this.#add(counts, (nowMs - sinceMs) / 1000, wallMs);
    this.#sinceMs = nowMs;
    this.#before = counts;
    this.#latencyMs = counts.latencyMs;
  }

  read(afterMs: number): ServerTrend {
    const { points, stepMs } = this.#step;
    const first = Math.max(0, this.#count - points);
    const places: number[] = [];
    for (let at = first; at < this.#count; at++)
      if ((this.#columns.t[at % points] ?? 0) > afterMs) places.push(at % points);
    const column = (name: Column): (number | null)[] => places.map((place) => orNull(this.#columns[name][place]));
    return {
      stepS: stepMs / 1000,
      t: places.map((place) => this.#columns.t[place] ?? 0),
      lost: column('lost'),
      latencyMs: column('latencyMs'),
      saved: column('saved'),
      bytesPerS: column('bytesPerS'),
    };
  }

  #add(now: TrendCounts, seconds: number, wallMs: number): void {
    const before = this.#before;
    const rows = grown(now.rows, before.rows);
    const lost = grown(now.lost, before.lost);
    const bytes = grown(now.bytes, before.bytes);
    const wireBytes = grown(now.wireBytes, before.wireBytes);
    const place = this.#count++ % this.#step.points;
    this.#columns.t[place] = wallMs;
    // 0 / 0 is NaN: nothing came, nothing is known.
    this.#columns.lost[place] = lost / (rows + lost);
    this.#columns.latencyMs[place] = this.#latencyMs;
    this.#columns.saved[place] = Math.max(0, 1 - wireBytes / bytes);
    this.#columns.bytesPerS[place] = wireBytes / seconds;
  }
}

/** NaN where the counter began anew. */
function grown(now: number, before: number): number {
  return now < before ? Number.NaN : now - before;
}

function orNull(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
