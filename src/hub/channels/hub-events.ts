import type { ChannelState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { HubConnection } from '../connection-book.ts';
import type { HubParts } from '../hub-parts.ts';
import type { ChannelDesk } from './channel-desk.ts';

const METRICS_MS = 5000;
const READINGS_MS = 1000;

/** Tells the channels what happens at the hub itself: clients that come and go, its log, its figures, and newest values once a second. */
export class HubEvents implements Disposable {
  readonly #parts: HubParts;
  readonly #desk: ChannelDesk;
  readonly #ears: readonly Disposable[];
  #known = new Map<string, HubConnection>();
  #timers: Disposable[] = [];
  #cpu = process.cpuUsage();
  #cpuMs: number;
  #sent = 0;
  #isDisposed = false;

  constructor(parts: HubParts, desk: ChannelDesk) {
    this.#parts = parts;
    this.#desk = desk;
    this.#cpuMs = parts.clock.monotonicMs();
    this.#ears = [
      parts.connections.onChange(() => this.#connections()),
      parts.log.listen(
        ({ level, event, ...fields }) => void desk.publish('logs', `log.${level}`, { message: event, ...fields }),
      ),
    ];
    this.#every(METRICS_MS, () => this.#metrics());
    this.#every(READINGS_MS, () => void this.#readings());
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    for (const ear of this.#ears) ear[Symbol.dispose]();
  }

  #every(ms: number, run: () => void): void {
    const index = this.#timers.length;
    const again = (): void => {
      this.#timers[index] = this.#parts.clock.after(ms, () => {
        run();
        if (!this.#isDisposed) again();
      });
    };
    again();
  }

  #connections(): void {
    const now = new Map(this.#parts.connections.all.map((connection) => [connection.id, connection]));
    const tell = (eventType: string, { id, principal, dialect, address }: HubConnection): void =>
      void this.#desk.publish('connections', eventType, {
        client_id: id,
        user: principal.name,
        role: principal.role,
        dialect,
        address,
      });
    for (const connection of now.values()) if (!this.#known.has(connection.id)) tell('client.connected', connection);
    for (const connection of this.#known.values()) if (!now.has(connection.id)) tell('client.disconnected', connection);
    this.#known = now;
  }

  /** NeuroGraph's names. */
  #metrics(): void {
    const { clock, connections } = this.#parts;
    const nowMs = clock.monotonicMs();
    const used = process.cpuUsage(this.#cpu);
    const passedS = Math.max(0.001, (nowMs - this.#cpuMs) / 1000);
    const counts = connections.all.map((connection) => connection.counts());
    const sent = counts.reduce((sum, one) => sum + one.sent, 0);
    const perS = Math.max(0, sent - this.#sent) / passedS;
    this.#cpu = process.cpuUsage();
    this.#cpuMs = nowMs;
    this.#sent = sent;
    if (this.#desk.count('metrics') === 0) return;
    this.#desk.publish('metrics', 'metrics.snapshot', {
      cpu_percent: Math.round(((used.user + used.system) / 1e4 / passedS) * 10) / 10,
      memory_mb: Math.round(process.memoryUsage().rss / 1e5) / 10,
      events_per_sec: Math.round(perS * 10) / 10,
      total_connections: connections.size,
      total_channels: this.#parts.bench.state.channels.length,
      total_subscriptions: this.#desk.subscriptions,
      total_streams: counts.reduce((sum, one) => sum + one.streams, 0),
      buffered_events: counts.reduce((sum, one) => sum + one.queued, 0),
    });
  }

  async #readings(): Promise<void> {
    const { bench, log } = this.#parts;
    if (this.#desk.count('readings') === 0) return;
    try {
      const values = await bench.latest.read(bench.state.channels.map(({ id }) => id));
      for (const { id, channels } of bench.equipment) {
        const shown = channels.flatMap((channel) => {
          const latest = values.get(channel.id);
          return latest ? [[channel.name, readingOf(latest.value, channel, latest.timeNs)] as const] : [];
        });
        if (shown.length > 0)
          this.#desk.publish('readings', 'readings', { equipment_id: id, readings: Object.fromEntries(shown) });
      }
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (error.code !== 'link.closed') log.write('warning', 'readings.failed', { why: error.message });
    }
  }
}

/** As people have set it to be shown. */
function readingOf(
  sample: number,
  { scale, shownUnit: unit }: Pick<ChannelState, 'scale' | 'shownUnit'>,
  timeNs: bigint,
): Record<string, unknown> {
  const value = scale.gain * sample + scale.offset;
  const isOver = Math.abs(value) === Number.POSITIVE_INFINITY;
  return {
    value: Number.isFinite(value) ? value : null,
    unit,
    t: Number(timeNs / 1000n),
    ...(isOver ? { state: value > 0 ? 'overload' : '-overload' } : {}),
  };
}
