import { LabError } from '../core/errors.ts';
import type { ColumnInfo } from '../core/stream-info.ts';
import type { MetricSample } from '../protocol/lab/prometheus-text.ts';
import { parsePrometheusText } from '../protocol/lab/prometheus-text.ts';
import type { RestClient } from './rest-client.ts';

/** Where servers have their page of numbers, in the order tried. */
const PATHS = ['/metrics', '/api/v1/metrics'];
/** More numbers than that are no panel any more. */
export const MOST_METRICS = 200;

export interface MetricNumbers {
  columns: readonly ColumnInfo[];
  values: readonly number[];
  /** Numbers of the page beyond the limit. */
  omitted: number;
}

/** The page of numbers (Prometheus text) a server has for its own state. */
export class MetricsPage {
  readonly #rest: RestClient;
  #path: string | undefined;
  #last: MetricNumbers = { columns: [], values: [], omitted: 0 };

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  /** Where it was found. */
  get path(): string | undefined {
    return this.#path;
  }

  /** As last read. */
  get last(): MetricNumbers {
    return this.#last;
  }

  /** Looks where it is. Never throws; false: there is none, or not for this login. */
  async look(): Promise<boolean> {
    for (const path of PATHS) {
      try {
        const { status, text } = await this.#rest.answer(path, { timeoutMs: 5000 });
        if (status !== 200 || parsePrometheusText(text, 1).families.length === 0) continue;
        this.#path = path;
        this.#last = metricNumbers(text);
        return true;
      } catch {
        // The next one may answer.
      }
    }
    return false;
  }

  /** The numbers as they are now, histograms without their buckets. Throws server.*, server.unsupported before it was found. */
  async read(signal: AbortSignal): Promise<MetricNumbers> {
    if (this.#path === undefined)
      throw new LabError('server.unsupported', 'The server has no page of numbers. Nothing was asked.');
    const { text } = await this.#rest.request(this.#path, { signal });
    this.#last = metricNumbers(text);
    return this.#last;
  }
}

/** A page as columns; the same number has the same name on each reading. */
export function metricNumbers(text: string, most = MOST_METRICS): MetricNumbers {
  const values = new Map<string, number>();
  let omitted = 0;
  for (const { samples } of parsePrometheusText(text).families) {
    for (const sample of samples) {
      if (/_(bucket|created)$/.test(sample.name)) continue;
      const channel = channelOf(sample);
      if (values.has(channel)) continue;
      if (values.size >= most) omitted++;
      else values.set(channel, sample.value);
    }
  }
  return {
    columns: [...values.keys()].map((channel) => ({ channel, unit: unitOf(channel) })),
    values: [...values.values()],
    omitted,
  };
}

/** Name and label values, in the order of their names: `messages_total.system.pong`. */
function channelOf({ name, labels }: MetricSample): string {
  const parts = Object.keys(labels)
    .sort()
    .map((label) => labels[label] ?? '');
  return [name, ...parts].map((part) => part.replace(/[^A-Za-z0-9_]+/g, '_').slice(0, 80)).join('.');
}

/** The base unit stands in the name, as the format recommends. */
function unitOf(channel: string): string {
  const name = channel.split('.')[0] ?? '';
  if (/_seconds(_sum|_total)?$/.test(name)) return 's';
  if (/_bytes(_sum|_total)?$/.test(name)) return 'B';
  return '';
}
