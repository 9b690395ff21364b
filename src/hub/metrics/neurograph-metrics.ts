import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { BoundedLabel } from './bounded-label.ts';

const NAME = 'neurograph_ws_';
const DURATION_S = [1, 5, 10, 30, 60, 300, 600, 1800, 3600];
const SIZE_BYTES = [100, 500, 1000, 5000, 10_000, 50_000, 100_000, 500_000, 1_000_000];
const LATENCY_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
const BROADCAST_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];
const HEARTBEAT_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** The 16 metrics of NeuroGraph under its names, labels and buckets; labels are bounded, and each of them moves. */
export class NeurographMetrics {
  readonly #user = new BoundedLabel();
  readonly #type = new BoundedLabel();
  readonly #channel = new BoundedLabel();
  readonly #client = new BoundedLabel();
  readonly #error = new BoundedLabel();
  readonly connections: Gauge;
  readonly #duration: Histogram;
  readonly #subscribers: Gauge;
  readonly #subscriptions: Counter;
  readonly #unsubscriptions: Counter;
  readonly #sent: Counter;
  readonly #received: Counter;
  readonly #size: Histogram;
  readonly #latency: Histogram;
  readonly #broadcast: Histogram;
  readonly #heartbeat: Histogram;
  readonly #overflow: Counter;
  readonly #errors: Counter;
  readonly #disconnects: Counter;

  /** `buffered`: messages waiting for all clients now; `users`: the name behind each connection that is in, with its login or as nobody. */
  constructor(registry: Registry, buffered: () => number, users: () => readonly string[]) {
    const registers = [registry];
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
      new Gauge({ name: NAME + name, help, labelNames, registers });
    const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
      new Counter({ name: NAME + name, help, labelNames, registers });
    const histogram = (name: string, help: string, buckets: number[], labelNames: string[] = []): Histogram =>
      new Histogram({ name: NAME + name, help, buckets, labelNames, registers });
    this.connections = gauge('connections_total', 'Open WebSocket connections');
    const label = this.#user;
    new Gauge({
      name: `${NAME}connections_by_user`,
      help: 'Open WebSocket connections by user',
      labelNames: ['user_id'],
      registers,
      collect() {
        this.reset();
        for (const user of users()) this.inc({ user_id: label.of(user) });
      },
    });
    this.#duration = histogram('connection_duration_seconds', 'How long connections were open', DURATION_S);
    this.#subscribers = gauge('channel_subscribers', 'Subscribers of a channel', ['channel']);
    this.#subscriptions = counter('channel_subscriptions_total', 'Subscriptions made', ['channel']);
    this.#unsubscriptions = counter('channel_unsubscriptions_total', 'Subscriptions ended', ['channel']);
    this.#sent = counter('messages_sent_total', 'Messages sent', ['channel', 'message_type']);
    this.#received = counter('messages_received_total', 'Messages received', ['message_type']);
    this.#size = histogram('message_size_bytes', 'Size of messages', SIZE_BYTES, ['direction']);
    this.#latency = histogram('message_latency_seconds', 'From a message to its answer', LATENCY_S, ['message_type']);
    this.#broadcast = histogram('broadcast_duration_seconds', 'To hand a broadcast to all', BROADCAST_S, ['channel']);
    this.#heartbeat = histogram('heartbeat_latency_seconds', 'Round trip of a heartbeat', HEARTBEAT_S);
    new Gauge({
      name: `${NAME}buffered_events_total`,
      help: 'Messages waiting for clients',
      registers,
      collect() {
        this.set(buffered());
      },
    });
    this.#overflow = counter('buffer_overflow_total', 'Messages dropped because too many waited', ['client_id']);
    this.#errors = counter('errors_total', 'Errors told to clients', ['error_type']);
    this.#disconnects = counter('disconnects_total', 'Connections that ended', ['reason']);
  }

  opened(): void {
    this.connections.inc();
  }

  closed(durationS: number, reason: string): void {
    this.connections.dec();
    this.#duration.observe(durationS);
    this.#disconnects.inc({ reason });
  }

  sent(channel: string, type: string, bytes: number): void {
    this.#sent.inc({ channel: this.#channel.of(channel), message_type: this.#type.of(type) });
    this.#size.observe({ direction: 'sent' }, bytes);
  }

  received(type: string, bytes: number): void {
    this.#received.inc({ message_type: this.#type.of(type) });
    this.#size.observe({ direction: 'received' }, bytes);
  }

  subscribed(channel: string): void {
    this.#subscriptions.inc({ channel: this.#channel.of(channel) });
    this.#subscribers.inc({ channel: this.#channel.of(channel) });
  }

  unsubscribed(channel: string): void {
    this.#unsubscriptions.inc({ channel: this.#channel.of(channel) });
    this.#subscribers.dec({ channel: this.#channel.of(channel) });
  }

  answered(type: string, seconds: number): void {
    this.#latency.observe({ message_type: this.#type.of(type) }, seconds);
  }

  broadcast(channel: string, seconds: number): void {
    this.#broadcast.observe({ channel: this.#channel.of(channel) }, seconds);
  }

  heartbeat(seconds: number): void {
    this.#heartbeat.observe(seconds);
  }

  overflowed(client: string, messages: number): void {
    this.#overflow.inc({ client_id: this.#client.of(client) }, messages);
  }

  failed(type: string): void {
    this.#errors.inc({ error_type: this.#error.of(type) });
  }
}
