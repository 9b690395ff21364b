import { LabError } from '../../core/errors.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import type { NeurographEvent } from '../../protocol/lab/neurograph-message.ts';
import { metricsOf } from '../../protocol/lab/neurograph-message.ts';
import type { LabOutlet, LabStream } from '../equipment.ts';
import type { LinkHealth } from '../link/link-view.ts';
import type { Link } from '../link/open-link.ts';
import type { LabPorts } from '../ports.ts';
import type { RestClient } from '../rest-client.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { ArrivedRows } from '../stream-keeper/stream-spec.ts';
import { StreamTable } from '../stream-keeper/stream-table.ts';
import type { ChannelDesk } from './channel-desk.ts';
import { MetricColumns } from './metric-rows.ts';

export const METRICS_KEY = 'metrics/system';
/** The server gives its metrics each 5 s, whatever anybody asks. */
export const METRICS_MS = 5000;

export interface MetricsPlace {
  ports: LabPorts;
  rest: RestClient;
  clock: ServerClock;
  channels: ChannelDesk;
  link(): Link | undefined;
  loss(key: string, lost: number, reason: string, isUnaccounted: boolean): void;
}

/** The channel `metrics` as numbers. While the socket gives nothing, what REST counts of connections and subscriptions is all there is; the rest is missing then. */
export class MetricsStream implements Disposable {
  readonly #place: MetricsPlace;
  readonly #columns = new MetricColumns();
  readonly #table: StreamTable;

  constructor(place: MetricsPlace) {
    this.#place = place;
    this.#table = new StreamTable(place.ports, {
      onSummary: (summary) => place.link()?.setStreams(summary),
      onLoss: (key, lost, reason, isUnaccounted) => place.loss(key, lost, reason, isUnaccounted),
    });
  }

  get columns(): MetricColumns['columns'] {
    return this.#columns.columns;
  }

  get unaccounted(): number {
    return this.#table.unaccounted;
  }

  setHealth(health: LinkHealth, reason: string): void {
    this.#table.setHealth(health, reason);
  }

  /** The session before was not continued: what was missed is lost. */
  broken(reason: string): void {
    this.#table.get(METRICS_KEY)?.broken(reason);
  }

  open(outlet: LabOutlet): LabStream {
    const isNew = this.#table.get(METRICS_KEY) === undefined;
    const spec = {
      key: METRICS_KEY,
      start: () => undefined,
      stop: () => undefined,
      poll: (signal: AbortSignal) => this.#poll(signal),
      renew: (reason: string) => this.#place.link()?.renew(reason),
    };
    const stream = this.#table.open(spec, METRICS_MS, outlet);
    this.#place.channels.want('metrics');
    if (isNew) this.#table.get(METRICS_KEY)?.opened({ columns: this.#columns.columns, rateHz: 0 });
    return {
      key: stream.key,
      get stats() {
        return stream.stats;
      },
      // The pace is the server's.
      setInterval: () => undefined,
      [Symbol.asyncDispose]: async () => {
        await stream[Symbol.asyncDispose]();
        this.#place.channels.unwant('metrics');
      },
    };
  }

  take(event: NeurographEvent): void {
    const numbers = metricsOf(event.data);
    if (numbers.size === 0) return;
    const isWider = this.#columns.learn(numbers);
    const keeper = this.#table.get(METRICS_KEY);
    if (!keeper) return;
    if (isWider) keeper.opened({ columns: this.#columns.columns, rateHz: 0 });
    const { clock, ports } = this.#place;
    const stamp = parseIsoTime(event.timestamp);
    keeper.push({
      columns: this.#columns.row(numbers),
      rows: 1,
      timesNs: BigInt64Array.of(stamp ? clock.toOurNs(stamp.ns) : ports.clock.nowNs()),
      uncertaintyS: stamp ? clock.uncertaintyS : 0,
      stamps: stamp ? Float64Array.of(Number(stamp.ns) / 1e9) : undefined,
    });
  }

  [Symbol.dispose](): void {
    this.#table[Symbol.dispose]();
  }

  async #poll(signal: AbortSignal): Promise<ArrivedRows> {
    const json = await this.#place.rest.get('/api/v1/websocket/status', { signal });
    const numbers = metricsOf((json as { websocket?: unknown } | undefined)?.websocket);
    if (numbers.size === 0)
      throw new LabError(
        'server.malformed',
        'The server counts nothing. There are no numbers until its socket is back.',
      );
    if (this.#columns.learn(numbers))
      this.#table.get(METRICS_KEY)?.opened({ columns: this.#columns.columns, rateHz: 0 });
    return {
      columns: this.#columns.row(numbers),
      rows: 1,
      timesNs: BigInt64Array.of(this.#place.ports.clock.nowNs()),
      uncertaintyS: 0,
    };
  }
}
