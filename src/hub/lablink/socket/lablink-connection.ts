import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type RawData, WebSocket } from 'ws';
import { LabError } from '../../../core/errors.ts';
import type { Principal } from '../../access/principal.ts';
import { maySubscribe } from '../../access/role.ts';
import type { ConnectionCounts, HubDialect } from '../../connection-book.ts';
import type { ConnectionStats } from '../../delivery/delivery-report.ts';
import type { OfferVerdict, OutboundMessage } from '../../delivery/outbound-message.ts';
import { Outbox } from '../../delivery/outbox.ts';
import { CLOSE_RATE, type RequestBuckets } from '../../delivery/request-buckets.ts';
import type { SocketVisit } from '../../server/door.ts';
import { retryAfterOf } from '../../server/http-error.ts';
import { keepAlive } from '../../server/keep-alive.ts';
import { closeSocket, createSocketWire } from '../../server/socket-wire.ts';
import { isoTime } from '../../server-time.ts';
import { deliveryOf, type SocketCompression } from '../../ws-settings.ts';
import type { LabLinkPlace } from '../place.ts';
import { parseClientMessage, typeOf } from './client-message.ts';
import { answerClient, type RequestClient } from './client-requests.ts';
import { capabilities } from './greeting.ts';
import type { Broadcast, Level, SocketClient } from './socket-client.ts';
import { StreamDesk } from './stream-desk.ts';
import { encodeTagged } from './tagged-frame.ts';

/** The hub goes away for a while. */
const CLOSE_RESTART = 1012;

/** One client on a LabLink socket. */
export class LabLinkConnection implements SocketClient, RequestClient {
  readonly id = `client_${randomBytes(6).toString('hex')}`;
  readonly dialect: HubDialect;
  readonly address: string;
  readonly openedNs: bigint;
  /** LabLink looks at the token once; it may run out while the socket goes on. */
  readonly isAskedOnce = true;
  readonly #outbox: Outbox;
  readonly streams: StreamDesk;
  readonly #place: LabLinkPlace;
  readonly #socket: WebSocket;
  readonly #buckets: RequestBuckets;
  readonly #counts = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, rawBytes: 0, wireBytes: 0 };
  #principal: Principal;
  #isWarned = false;
  #isEnding = false;
  #keys = 0;

  constructor(place: LabLinkPlace, visit: SocketVisit, buckets: RequestBuckets) {
    const { clock, ws, log, queues: budget } = place.parts;
    this.#place = place;
    this.#socket = visit.socket;
    this.#buckets = buckets;
    this.#principal = visit.principal;
    this.dialect = ws.greeting ? 'lablink-enhanced' : 'lablink';
    this.address = visit.from;
    this.openedNs = clock.nowNs();
    const inner = createSocketWire(visit.socket, () => this.#outbox.writable());
    const wire = {
      send: (data: string | Uint8Array, options: { compress: boolean }): void => {
        this.#sent(typeof data === 'string' ? Buffer.byteLength(data) : data.length);
        inner.send(data, options);
      },
      get bufferedBytes() {
        return inner.bufferedBytes;
      },
      close: inner.close,
    };
    this.#outbox = new Outbox(wire, {
      clock,
      budget,
      random: Math.random,
      options: deliveryOf(ws),
      onFault: (error) => log.write('error', 'message.failed', { client: this.id, why: error.message }),
    });
    this.streams = new StreamDesk(place, {
      principal: () => this.#principal,
      offer: (message) => void this.offer(message),
      say: (message) => this.say(message),
      fault: (thrown, about) => this.fault(thrown, about),
      reclass: (key, priority) => this.#outbox.setPriority(key, priority),
      forget: (key) => void this.#outbox.forget(key),
      encode: (message, compression) => this.#encode(message, compression),
    });
    this.#open();
  }

  get principal(): Principal {
    return this.#principal;
  }

  get preference(): SocketClient['preference'] {
    return this.streams.preference;
  }

  backpressure(): ConnectionStats {
    return this.#outbox.connectionStats();
  }

  counts(): ConnectionCounts {
    const { queue_size, messages_dropped } = this.#outbox.connectionStats();
    return {
      ...this.#counts,
      queued: queue_size,
      utilization: this.#outbox.utilization,
      dropped: messages_dropped,
      state: this.#outbox.state.toLowerCase() as ConnectionCounts['state'],
      streams: this.streams.size,
    };
  }

  stats(): Record<string, unknown> {
    return { connection: this.#outbox.connectionStats(), global: this.#place.sockets.stats };
  }

  /** Sends as `offer` of its outbox; a queue beyond the threshold is logged, once until it is below again. */
  offer(message: OutboundMessage): OfferVerdict {
    const verdict = this.#outbox.offer(message);
    const { isWarning } = this.#outbox;
    if (isWarning && !this.#isWarned) {
      const { queue_size } = this.#outbox.connectionStats();
      this.#place.parts.log.write('warning', 'queue.filling', { client: this.id, queued: queue_size });
    }
    this.#isWarned = isWarning;
    return verdict;
  }

  /** An answer. An urgent one goes before all others, whatever waits. */
  say(message: Record<string, unknown>, isUrgent = false): void {
    const text = JSON.stringify(message);
    const rank = isUrgent
      ? ({ key: 'urgent', priority: 'CRITICAL' } as const)
      : ({ key: 'reply', priority: 'HIGH' } as const);
    this.offer({ ...rank, delivery: 'reply', rows: 0, sizeBytes: text.length, encode: () => text });
  }

  /** What went wrong, in all the words clients look for; the socket stays. */
  fault(thrown: unknown, about: Record<string, unknown> = {}, isUrgent = false): void {
    const error = LabError.from(thrown);
    const retry = retryAfterOf(error);
    const said = {
      type: 'error',
      detail: error.message,
      error: error.message,
      message: error.message,
      code: error.code,
      recoverable: true,
      ...(retry === undefined ? {} : { retry_after: retry }),
      timestamp: isoTime(this.#place.parts.clock.nowNs()),
      ...Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined)),
    };
    this.say(said, isUrgent);
  }

  /** A message of somebody's choosing (POST /api/websocket/test/send). */
  test(message: Record<string, unknown>, priority: Level, kind: SocketCompression): OfferVerdict {
    const sizeBytes = JSON.stringify(message).length;
    const encode = () => this.#encode(message, kind);
    return this.offer({
      key: `test ${priority} ${this.#keys++}`,
      delivery: 'stream',
      priority,
      rows: 0,
      sizeBytes,
      encode,
    });
  }

  broadcast({ channel, priority, message }: Broadcast): void {
    if (!maySubscribe(this.#principal.role, channel, this.#place.parts.roles)) return;
    const text = JSON.stringify(message);
    const key = `${channel} ${priority}`;
    this.offer({ key, delivery: 'event', priority, rows: 0, sizeBytes: text.length, encode: () => text });
  }

  roleChanged(principal: Principal): void {
    this.#principal = principal;
    if (!maySubscribe(principal.role, 'readings', this.#place.parts.roles)) this.streams.stopAll();
  }

  async retire({ reason, drainMs }: { reason: string; drainMs: number }): Promise<void> {
    this.streams[Symbol.dispose]();
    await this.#outbox.drain(drainMs);
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, 'close');
    this.end(CLOSE_RESTART, reason);
    await closed;
  }

  end(code: number, reason: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    closeSocket(this.#socket, code, reason);
  }

  #open(): void {
    const { connections, clock, ws } = this.#place.parts;
    const entry = connections.add(this);
    this.#place.sockets.add(this);
    const alive = keepAlive(this.#socket, clock, { onRoundTrip: (ms) => this.#outbox.roundTrip(ms) });
    this.#socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    this.#socket.once('close', () => {
      this.streams[Symbol.dispose]();
      this.#outbox.takeUnsent();
      alive[Symbol.dispose]();
      entry[Symbol.dispose]();
      this.#place.sockets.remove(this);
      this.#buckets.leave(this.id);
    });
    if (ws.greeting) this.say(capabilities(ws));
  }

  #received(data: RawData, isBinary: boolean): void {
    // What is still on its way to a closed door.
    if (this.#isEnding) return;
    const text = isBinary ? '' : String(data);
    const bytes = Buffer.byteLength(text);
    this.#counts.received++;
    this.#counts.bytesReceived += bytes;
    this.#place.sockets.received(bytes);
    const type = typeOf(text);
    const verdict = this.#buckets.take(this.id, type);
    if (verdict.kind === 'refused') {
      const { action, retryAfterS } = verdict;
      if (action === 'close') this.end(CLOSE_RATE, 'Far too many requests.');
      else this.fault(new LabError('hub.rate-limited', 'Rate limit exceeded', { retryAfterS }), { re: type }, true);
      return;
    }
    try {
      if (isBinary) throw new LabError('hub.malformed', 'This socket takes JSON text, no binary messages.');
      const message = parseClientMessage(text);
      void answerClient(this.#place, this, message).catch((thrown: unknown) => this.fault(thrown, { re: type }));
    } catch (thrown) {
      this.fault(thrown, type === '' ? {} : { re: type });
    }
  }

  #encode(message: Record<string, unknown>, kind: SocketCompression): ReturnType<OutboundMessage['encode']> {
    return encodeTagged(JSON.stringify(message), kind, this.#place.parts.ws.compression, (rawBytes, wireBytes) => {
      this.#counts.rawBytes += rawBytes;
      this.#counts.wireBytes += wireBytes;
      this.#place.sockets.compressed(rawBytes, wireBytes);
    });
  }

  #sent(bytes: number): void {
    this.#counts.sent++;
    this.#counts.bytesSent += bytes;
    this.#place.sockets.sent(bytes);
  }
}
