import type { Clock } from '../../core/clock.ts';
import { redact } from '../../core/redact.ts';
import { TAKEN_OFF } from '../../core/taken-off.ts';
import type { Inflater } from '../../protocol/lab/compression.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import type { NeurographControl, NeurographEvent } from '../../protocol/lab/neurograph-message.ts';
import { parseNeurographMessage } from '../../protocol/lab/neurograph-message.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import type { AfterEnd, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { Refusal, SocketData } from '../ports.ts';
import { startClockPings } from '../server-clock/clock-pings.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { BinaryContent } from './media-note.ts';
import { readBinary } from './media-note.ts';
import type { NeurographLogin } from './neurograph-login.ts';
import { RequestQueue } from './request-queue.ts';
import { SessionToken } from './session-token.ts';

/** The server allows 120 at once and then two a second; one in ten seconds is enough for its clock. */
const PING_PACE = { burst: 1, burstGapMs: 0, everyMs: 10_000 };

type Connected = Extract<NeurographControl, { type: 'connected' }>;

export interface NeurographHandler {
  /** Greeted: as whom, and whether the session before was restored. */
  connected(message: Connected): void;
  event(event: NeurographEvent): void;
  media(content: Extract<BinaryContent, { kind: 'media' }>): void;
  /** JSON that came compressed and is no message of the protocol. */
  value(value: unknown): void;
  ended(): void;
}

/** The `/ws` socket of NeuroGraph. Its JSON ping is never answered (it would answer that with an error); RFC 6455 pings are, by the socket. */
export class NeurographProtocol implements LinkProtocol {
  readonly name = 'neurograph /ws';
  readonly subprotocols: readonly string[] = [];
  readonly deflate = true;
  readonly maxMessageBytes = 16 * 1024 * 1024;
  readonly handshakeMs = 10_000;
  /** A silent client is never dropped, so a silent server is the only sign: our pings make it speak each 10 s. */
  readonly heartbeat = { probeMs: 20_000, deadMs: 45_000 };
  readonly requests: RequestQueue;
  malformed = 0;
  roundTripMs = Number.NaN;
  readonly #socket: string;
  readonly #clock: Clock;
  readonly #serverClock: ServerClock;
  readonly #inflater: Inflater;
  readonly #login: NeurographLogin;
  readonly #handler: NeurographHandler;
  readonly #session: SessionToken;
  #pings: Disposable | undefined;

  constructor(
    socket: string,
    ports: { clock: Clock; inflate: Inflater },
    serverClock: ServerClock,
    login: NeurographLogin,
    handler: NeurographHandler,
  ) {
    this.#socket = socket;
    this.#clock = ports.clock;
    this.#inflater = ports.inflate;
    this.#serverClock = serverClock;
    this.#login = login;
    this.#handler = handler;
    this.requests = new RequestQueue(ports.clock);
    this.#session = new SessionToken(ports.clock, () => this.#askToken());
  }

  /** The tokens go in the address: the server reads them nowhere else. */
  url(): string {
    const pairs: string[] = [];
    const token = this.#login.socketToken;
    if (token !== undefined) pairs.push(`token=${encodeURIComponent(token)}`);
    const session = this.#session.current;
    if (session !== undefined) pairs.push(`reconnection_token=${encodeURIComponent(session)}`);
    return pairs.length === 0 ? this.#socket : `${this.#socket}?${pairs.join('&')}`;
  }

  /** Somebody else from now on: the session before is not restored. */
  forgetSession(): void {
    this.#session.drop();
  }

  opened(send: (data: SocketData) => void): LinkSignal | undefined {
    this.#session.drop();
    this.requests.opened(send);
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    try {
      if (typeof data === 'string') return this.#take(parseTolerantJson(data), false);
      const content = readBinary(data, this.#inflater);
      if ('fault' in content) this.malformed++;
      else if (content.kind === 'media') this.#handler.media(content);
      else return this.#take(content.value, true);
    } catch {
      this.malformed++;
    }
    return undefined;
  }

  ended(): void {
    this.#pings?.[Symbol.dispose]();
    this.#pings = undefined;
    this.#session.pause();
    this.requests.ended();
    this.#handler.ended();
  }

  judge(end: { code: number; reason: string; refusal: Refusal | undefined }): AfterEnd {
    if (end.code === TAKEN_OFF) return { kind: 'superseded', reason: redact(end.reason) };
    const status = end.refusal?.status;
    // Used, whatever came of it.
    if (end.refusal) this.#session.drop();
    const isRefused = status === 401 || status === 403 || end.code === 1008;
    // Nobody's connection is never refused for its login: then it is the server's state.
    if (isRefused && this.#login.socketToken !== undefined)
      return { kind: 'refresh', reason: `HTTP ${status ?? end.code}` };
    return { kind: 'retry' };
  }

  refresh(signal: AbortSignal): Promise<void> {
    return this.#login.renew(signal);
  }

  [Symbol.dispose](): void {
    this.#session[Symbol.dispose]();
  }

  #take(value: unknown, wasCompressed: boolean): LinkSignal | undefined {
    const message = parseNeurographMessage(value);
    if (!message) {
      if (wasCompressed) this.#handler.value(value);
      else this.malformed++;
      return undefined;
    }
    if (message.type === 'event') {
      this.#handler.event(message);
      return { isData: true };
    }
    const sentNs = this.requests.answered(message);
    switch (message.type) {
      case 'connected':
        return this.#connected(message);
      case 'pong':
        if (sentNs !== undefined) this.#ponged(sentNs, message.timestamp);
        return undefined;
      case 'reconnection_token':
        this.#session.keep(message.token, message.expires_in);
        return undefined;
      case 'disconnected':
        if (message.reconnection_token !== undefined)
          this.#session.keep(message.reconnection_token, message.expires_in);
        return { reason: 'The server ends the connection.' };
      default:
        return undefined;
    }
  }

  #connected(message: Connected): LinkSignal {
    this.#pings?.[Symbol.dispose]();
    this.#pings = startClockPings(this.#clock, () => void this.requests.ask('ping').catch(() => undefined), PING_PACE);
    if (typeof message.user_id === 'string') this.#askToken();
    this.#handler.connected(message);
    return { isReady: true };
  }

  #askToken(): void {
    // Without one the next connection is a new session, which loses nothing here: what is wanted is said anew.
    void this.requests.ask('get_reconnection_token').catch(() => undefined);
  }

  /** Its times are UTC without saying so. */
  #ponged(sentNs: bigint, timestamp: string | undefined): void {
    const nowNs = this.#clock.nowNs();
    this.roundTripMs = Number(nowNs - sentNs) / 1e6;
    const stamp = parseIsoTime(timestamp);
    if (stamp) this.#serverClock.twoWay(sentNs, stamp.ns, stamp.ns, nowNs);
  }
}
