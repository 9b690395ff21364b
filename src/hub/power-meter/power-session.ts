import { randomUUID } from 'node:crypto';
import { LabError } from '../../core/errors.ts';
import type { Priority } from '../../protocol/lab/priority.ts';
import type { Principal } from '../access/principal.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import { deliveryOptions, NATIVE_DELIVERY } from '../delivery/delivery-options.ts';
import type { DeliveryClass } from '../delivery/outbound-message.ts';
import { Outbox } from '../delivery/outbox.ts';
import { outboxCounts } from '../delivery/outbox-counts.ts';
import type { HubParts } from '../hub-parts.ts';
import type { SocketVisit } from '../server/door.ts';
import { keepAlive } from '../server/keep-alive.ts';
import { closeSocket, createSocketWire } from '../server/socket-wire.ts';
import { ModuleFeed } from './module-feed.ts';
import type { ModuleRack } from './modules.ts';

export interface PowerStream {
  module: number;
  intervalS: number;
}

const HEARTBEAT_MS = 30_000;
/** Errors are told at most that often, whatever the interval. */
const ERROR_MS = 1000;

/**
 * One client of `/ws/power`: values of one module at its own interval, a heartbeat each 30 s whatever the interval, errors that count and never close the
 * socket. What the client sends is counted and otherwise ignored: the original went silent after it.
 */
export class PowerSession implements HubConnection {
  readonly id = randomUUID();
  readonly dialect = 'power-meter';
  readonly address: string;
  readonly openedNs: bigint;
  /** The power meter asks for no token at all. */
  readonly isAskedOnce = true;
  readonly #parts: HubParts;
  readonly #visit: SocketVisit;
  readonly #stream: PowerStream;
  readonly #outbox: Outbox;
  readonly #feed: ModuleFeed;
  readonly #entry: Disposable;
  readonly #timers = new Map<string, Disposable>();
  readonly #closed: Promise<void>;
  #counts = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0 };
  #principal: Principal;
  #errors = 0;
  #hasSaid = false;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(parts: HubParts, rack: ModuleRack, visit: SocketVisit, stream: PowerStream) {
    this.#parts = parts;
    this.#visit = visit;
    this.#stream = stream;
    this.#principal = visit.principal;
    this.address = visit.from;
    this.openedNs = parts.clock.nowNs();
    this.#feed = new ModuleFeed(
      { bench: parts.bench, rack, onRows: () => this.#first() },
      { number: stream.module, rateHz: 1 / stream.intervalS },
    );
    const { socket } = visit;
    this.#outbox = new Outbox(
      createSocketWire(socket, () => this.#outbox.writable()),
      {
        clock: parts.clock,
        budget: parts.queues,
        random: Math.random,
        options: deliveryOptions(NATIVE_DELIVERY, { hasAcks: false }),
      },
    );
    const alive = keepAlive(socket, parts.clock, { onRoundTrip: (ms) => this.#outbox.roundTrip(ms) });
    socket.on('message', (data: Buffer) => {
      this.#counts.received++;
      this.#counts.bytesReceived += data.byteLength;
    });
    this.#entry = parts.connections.add(this);
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        alive[Symbol.dispose]();
        this.#end();
        resolve();
      });
    });
    this.#every('data', stream.intervalS * 1000, () => this.#tick());
    this.#every('heartbeat', HEARTBEAT_MS, () => this.#beat());
    this.#tick();
  }

  get principal(): Principal {
    return this.#principal;
  }

  counts(): ConnectionCounts {
    return {
      ...this.#counts,
      ...outboxCounts(this.#outbox),
      streams: 1,
      rawBytes: 0,
      wireBytes: 0,
    };
  }

  stats(): Record<string, unknown> {
    return { ...this.#outbox.stats(), module: this.#stream.module, interval: this.#stream.intervalS };
  }

  async retire({ reason, retryAfterS, drainMs }: Parameters<HubConnection['retire']>[0]): Promise<void> {
    this.#stop();
    this.#say({ type: 'reconnect', reason, retry_after: retryAfterS }, 'reply', 'CRITICAL');
    await this.#outbox.drain(drainMs);
    closeSocket(this.#visit.socket, 1012, reason);
    await this.#closed;
  }

  roleChanged(principal: Principal): void {
    this.#principal = principal;
  }

  end(code: number, reason: string): void {
    closeSocket(this.#visit.socket, code, reason);
  }

  /** The first value does not wait for the interval, which may be 10 s. */
  #first(): void {
    if (!this.#hasSaid) this.#tick();
  }

  #tick(): void {
    try {
      const body = this.#feed.read();
      this.#errors = 0;
      this.#hasSaid ||= body !== undefined;
      if (body) this.#say({ type: 'data', ...body }, 'latest', 'NORMAL');
    } catch (thrown) {
      this.#tellError(LabError.from(thrown));
    }
  }

  #tellError(error: LabError): void {
    const now = this.#parts.clock.monotonicMs();
    if (now - this.#toldMs < ERROR_MS) return;
    this.#toldMs = now;
    this.#errors++;
    this.#say(
      {
        type: 'error',
        message: error.message,
        error: error.message,
        detail: error.message,
        code: error.code,
        timestamp: this.#now(),
        recoverable: true,
        error_count: this.#errors,
      },
      'latest',
      'CRITICAL',
    );
    this.#parts.metrics.neurograph.failed(error.code);
  }

  #beat(): void {
    const streams = this.#parts.connections.all.filter(({ dialect }) => dialect === 'power-meter').length;
    this.#say({ type: 'heartbeat', timestamp: this.#now(), active_streams: streams }, 'latest', 'HIGH');
  }

  #say(message: Record<string, unknown> & { type: string }, delivery: DeliveryClass, priority: Priority): void {
    this.#outbox.offer({
      key: message.type,
      delivery,
      priority,
      rows: message.type === 'data' ? 1 : 0,
      sizeBytes: 250,
      encode: () => {
        const text = JSON.stringify(message);
        this.#counts.sent++;
        this.#counts.bytesSent += text.length;
        return text;
      },
    });
  }

  #now(): string {
    return new Date(Number(this.#parts.clock.nowNs() / 1_000_000n)).toISOString();
  }

  /** Does not drift: each is due one interval after the one before was due. */
  #every(name: string, ms: number, run: () => void): void {
    const { clock } = this.#parts;
    let dueMs = clock.monotonicMs() + ms;
    const next = (): void => {
      this.#timers.set(
        name,
        clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => {
          dueMs = Math.max(dueMs + ms, clock.monotonicMs());
          next();
          run();
        }),
      );
    };
    next();
  }

  #stop(): void {
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    this.#timers.clear();
    this.#feed[Symbol.dispose]();
  }

  #end(): void {
    this.#stop();
    this.#entry[Symbol.dispose]();
    this.#outbox.takeUnsent();
  }
}
