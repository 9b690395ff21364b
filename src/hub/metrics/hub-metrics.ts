import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ConnectionBook } from '../connection-book.ts';
import { NeurographMetrics } from './neurograph-metrics.ts';

/** Sums of gauges that call themselves counters; their parts are there without these. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `labhub_nodejs_active_${what}_total`);

/**
 * What the hub counts, for `/metrics`: our own `labhub_ws_*`, the 16 of NeuroGraph, those of VITAL. Gauges are read from the connections when somebody
 * asks, so they can never drift from what `get_stats` says.
 */
export class HubMetrics implements Disposable {
  readonly registry = new Registry();
  readonly neurograph: NeurographMetrics;
  readonly #lag = monitorEventLoopDelay({ resolution: 20 });
  readonly #backpressure: Counter;
  readonly #pressures = { backpressure: 0, emergency: 0 };

  constructor(connections: ConnectionBook) {
    collectDefaultMetrics({ register: this.registry, prefix: 'labhub_' });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
    const registers = [this.registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    const counts = (): ReturnType<(typeof connections.all)[number]['counts']>[] =>
      connections.all.map((connection) => connection.counts());
    const sum = (pick: (one: ReturnType<typeof counts>[number]) => number): number =>
      counts().reduce((total, one) => total + pick(one), 0);
    const fullest = (): number => Math.max(0, ...counts().map(({ utilization }) => utilization));
    new Gauge({
      name: 'labhub_ws_connections',
      help: 'Open connections by what they speak',
      labelNames: ['dialect'],
      registers,
      collect() {
        this.reset();
        for (const { dialect } of connections.all) this.inc({ dialect });
      },
    });
    gauge('labhub_ws_streams', 'Streams being sent to clients', () => sum(({ streams }) => streams));
    gauge('labhub_ws_queued_messages', 'Messages waiting for clients', () => sum(({ queued }) => queued));
    gauge('labhub_ws_queue_utilization', 'Of the fullest queue, 0 to 1', fullest);
    gauge('labhub_ws_dropped_items', 'Items not delivered to clients that are connected', () =>
      sum(({ dropped }) => dropped),
    );
    gauge('labhub_ws_event_loop_lag_seconds', '99th percentile since the last look', () => this.#lagS());
    gauge('websocket_queue_size', 'Messages waiting for clients', () => sum(({ queued }) => queued));
    gauge('websocket_buffer_utilization_percent', 'Of the fullest queue', () => fullest() * 100);
    gauge('websocket_compression_ratio_percent', 'Saved by compression', () => {
      const raw = sum(({ rawBytes }) => rawBytes);
      return raw === 0 ? 0 : (1 - sum(({ wireBytes }) => wireBytes) / raw) * 100;
    });
    gauge('websocket_health_score', '100: all clients are served; less by those under pressure', () => {
      const all = counts();
      const weight = { normal: 1, backpressure: 0.5, emergency: 0 };
      return all.length === 0 ? 100 : (100 * all.reduce((total, { state }) => total + weight[state], 0)) / all.length;
    });
    this.#backpressure = new Counter({
      name: 'websocket_backpressure_events_total',
      help: 'Times a connection came under pressure',
      labelNames: ['state'],
      registers,
    });
    this.neurograph = new NeurographMetrics(
      this.registry,
      () => sum(({ queued }) => queued),
      // Who somebody is is known when it is in, which for labwire.1 is after the handshake.
      () => connections.all.filter(({ dialect }) => dialect !== 'sse').map(({ principal }) => principal.name),
    );
    this.#lag.enable();
  }

  /** Times connections came under pressure since the hub began. */
  get pressures(): { backpressure: number; emergency: number } {
    return { ...this.#pressures };
  }

  /** Lag of the event loop, 99th percentile since the last look; ms. */
  get lagMs(): number {
    return this.#lagS() * 1000;
  }

  /** A connection entered this state. */
  pressed(state: 'backpressure' | 'emergency'): void {
    this.#pressures[state]++;
    this.#backpressure.inc({ state });
  }

  [Symbol.dispose](): void {
    this.#lag.disable();
    this.registry.clear();
  }

  #lagS(): number {
    const seconds = this.#lag.percentile(99) / 1e9;
    this.#lag.reset();
    return Number.isFinite(seconds) ? seconds : 0;
  }
}
