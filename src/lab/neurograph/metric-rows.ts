import type { ColumnInfo } from '../../core/stream-info.ts';

/** What upstream measures, in its order. */
const KNOWN = [
  'cpu_percent',
  'memory_mb',
  'events_per_sec',
  'total_tokens',
  'total_connections',
  'total_channels',
  'total_subscriptions',
  'buffered_events',
];
const MOST = 256;

/** Columns of the metrics: those known, and every other number that ever came. A number that is missing in one event is NaN. */
export class MetricColumns {
  readonly #names = [...KNOWN];

  get columns(): ColumnInfo[] {
    return this.#names.map((name) => ({ channel: name.replace(/[^A-Za-z0-9_.]+/g, '_'), unit: unitOf(name) }));
  }

  /** True: there are new columns. */
  learn(numbers: ReadonlyMap<string, number>): boolean {
    const before = this.#names.length;
    for (const name of numbers.keys()) {
      if (!this.#names.includes(name) && this.#names.length < MOST) this.#names.push(name);
    }
    return this.#names.length > before;
  }

  row(numbers: ReadonlyMap<string, number>): Float64Array[] {
    return this.#names.map((name) => Float64Array.of(numbers.get(name) ?? Number.NaN));
  }
}

function unitOf(name: string): string {
  if (name.endsWith('_percent')) return '%';
  if (name.endsWith('_mb')) return 'MB';
  if (name.endsWith('_bytes')) return 'B';
  if (name.endsWith('_per_sec')) return '1/s';
  if (name.endsWith('_ms')) return 'ms';
  return name.endsWith('_seconds') ? 's' : '';
}
