import type { PowerMeterMessage, PowerSnapshot } from '../../protocol/lab/power-meter-message.ts';
import { parsePowerMeterMessage } from '../../protocol/lab/power-meter-message.ts';
import { powerQuery } from '../../protocol/lab/power-meter-request.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import type { AfterEnd, HeartbeatRule, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { Refusal, SocketData } from '../ports.ts';
import type { SocketPath } from './socket-path.ts';
import { judgeEnd } from './socket-path.ts';

/** What a stream of powers tells. */
export interface PowerEvents {
  opened(): void;
  data(snapshot: PowerSnapshot): void;
  /** The server shows that it lives, whatever the interval of the data. */
  heartbeat(): void;
  /** The hardware cannot be read just now; `count` in a row. */
  hardwareError(message: string, count: number): void;
}

/** Longest silence between two heartbeats of a stream; ms. */
const SILENCE_MS = 60_000;

/**
 * One `/ws/power` socket of one module. Nothing is ever sent on it: the server does not read, and one message of a client ends the connection 40 s after its
 * start (1011, keepalive ping timeout). It lives by what comes: data, and a heartbeat every 30 s.
 */
export class PowerProtocol implements LinkProtocol {
  readonly name = 'power-meter /power';
  readonly subprotocols: readonly string[] = [];
  readonly deflate = true;
  readonly maxMessageBytes = 65_536;
  readonly handshakeMs = 0;
  malformed = 0;
  /** Of the connection that is open; s, 0: none is. */
  connectedIntervalS = 0;
  /** Wanted; s. */
  intervalS: number;
  /** In the address given last; s. */
  #askedIntervalS = 0;
  readonly #path: SocketPath;
  readonly #module: number;
  readonly #events: PowerEvents;

  constructor(path: SocketPath, module: number, intervalS: number, events: PowerEvents) {
    this.#path = path;
    this.#module = module;
    this.intervalS = intervalS;
    this.#events = events;
  }

  get heartbeat(): HeartbeatRule {
    return { probeMs: 0, deadMs: Math.max(SILENCE_MS, 3000 * this.#askedIntervalS) };
  }

  url(): string {
    const query = powerQuery(this.#module, this.intervalS);
    this.#askedIntervalS = this.intervalS;
    return this.#path.url('power', query);
  }

  opened(): LinkSignal | undefined {
    this.connectedIntervalS = this.#askedIntervalS;
    this.#path.found();
    this.#events.opened();
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    const message = typeof data === 'string' ? read(data) : undefined;
    switch (message?.type) {
      case 'data':
        if (message.module !== this.#module) break;
        this.#events.data(message);
        return { isData: true };
      case 'heartbeat':
        this.#events.heartbeat();
        return undefined;
      case 'error':
        this.#events.hardwareError(message.message, message.error_count);
        return undefined;
      case 'reconnect':
        // The socket drops right after it, without a close frame; the wait holds all the same.
        return { retryAfterS: message.retry_after, reason: message.reason };
    }
    this.malformed++;
    return undefined;
  }

  ended(): void {
    this.connectedIntervalS = 0;
  }

  judge(end: { code: number; reason: string; refusal: Refusal | undefined }): AfterEnd {
    return judgeEnd(end);
  }

  nextPath(): boolean {
    return this.#path.next();
  }
}

function read(text: string): PowerMeterMessage | undefined {
  try {
    return parsePowerMeterMessage(parseTolerantJson(text));
  } catch {
    return undefined;
  }
}
