import { randomUUID } from 'node:crypto';
import type { Principal } from '../access/principal.ts';
import type { ConnectionCounts, HubConnection } from '../connection-book.ts';
import type { HubParts } from '../hub-parts.ts';
import type { SocketVisit } from '../server/door.ts';
import { closeSocket } from '../server/socket-wire.ts';

const HEARTBEAT_MS = 10_000;
/** A client that does not read gets no more than this. */
const MAX_BUFFERED_BYTES = 64 * 1024;

/** `/ws/health`: a heartbeat at once, every 10 s and after each text; to the bare text `ping` a `pong` first; bytes close it (1000). */
export class HealthSession implements HubConnection {
  readonly id = randomUUID();
  readonly dialect = 'power-meter';
  readonly address: string;
  readonly openedNs: bigint;
  /** The power meter asks for no token at all. */
  readonly isAskedOnce = true;
  readonly #parts: HubParts;
  readonly #visit: SocketVisit;
  #principal: Principal;
  #timer: Disposable | undefined;
  #counts = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, dropped: 0 };

  constructor(parts: HubParts, visit: SocketVisit) {
    this.#parts = parts;
    this.#visit = visit;
    this.#principal = visit.principal;
    this.address = visit.from;
    this.openedNs = parts.clock.nowNs();
    const entry = parts.connections.add(this);
    visit.socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    visit.socket.once('close', () => {
      this.#timer?.[Symbol.dispose]();
      entry[Symbol.dispose]();
    });
    this.#beat();
  }

  get principal(): Principal {
    return this.#principal;
  }

  counts(): ConnectionCounts {
    return { ...this.#counts, queued: 0, utilization: 0, state: 'normal', streams: 0, rawBytes: 0, wireBytes: 0 };
  }

  async retire({ reason, retryAfterS }: Parameters<HubConnection['retire']>[0]): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#visit.socket.once('close', () => resolve()));
    this.#say({ type: 'reconnect', reason, retry_after: retryAfterS });
    closeSocket(this.#visit.socket, 1012, reason);
    await closed;
  }

  roleChanged(principal: Principal): void {
    this.#principal = principal;
  }

  end(code: number, reason: string): void {
    closeSocket(this.#visit.socket, code, reason);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#counts.received++;
    this.#counts.bytesReceived += data.byteLength;
    if (isBinary) {
      closeSocket(this.#visit.socket, 1000, '');
      return;
    }
    if (data.toString() === 'ping') this.#say({ type: 'pong', timestamp: this.#now() });
    this.#beat();
  }

  #beat(): void {
    this.#timer?.[Symbol.dispose]();
    const streams = this.#parts.connections.all.reduce((total, one) => total + one.counts().streams, 0);
    this.#say({ type: 'heartbeat', timestamp: this.#now(), active_streams: streams });
    this.#timer = this.#parts.clock.after(HEARTBEAT_MS, () => this.#beat());
  }

  #say(message: Record<string, unknown>): void {
    const { socket } = this.#visit;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.#counts.dropped++;
      return;
    }
    const text = JSON.stringify(message);
    this.#counts.sent++;
    this.#counts.bytesSent += text.length;
    socket.send(text);
  }

  #now(): string {
    return new Date(Number(this.#parts.clock.nowNs() / 1_000_000n)).toISOString();
  }
}
