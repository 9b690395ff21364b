import { LabError } from '../../core/errors.ts';
import { redact } from '../../core/redact.ts';
import { TAKEN_OFF } from '../../core/taken-off.ts';
import { openTagged } from '../../protocol/lab/compression.ts';
import { PING } from '../../protocol/lab/lablink-command.ts';
import type { LabLinkCapabilities, LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { parseLabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import type { AfterEnd, HeartbeatRule, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { Inflate, Refusal, SocketData } from '../ports.ts';
import type { ServerLogin } from '../server-login.ts';
import type { LabLinkAddress } from './address.ts';

/** Which of LabLink's two protocols a connection speaks: it shows with its first words. */
export type SocketKind = 'basic' | 'enhanced';

export interface SocketHost {
  readonly address: LabLinkAddress;
  readonly login: ServerLogin;
  readonly inflate: Inflate;
  monotonicMs(): number;
  /** Whether the server wants a token on its socket. */
  wantsToken(): boolean;
  /** The greeting is over. */
  ready(kind: SocketKind, capabilities: LabLinkCapabilities | undefined, isDeflated: boolean): void;
  message(message: LabLinkMessage): void;
  ended(): void;
  /** What must be stopped, or it would run on for ever. */
  farewell(): readonly SocketData[];
  roundTrip(ms: number): void;
}

/**
 * The socket of LabLink. The basic one has no greeting, so a ping is sent first: the enhanced one says its capabilities before it answers, the basic one only
 * answers. Only JSON objects as text are ever sent: anything else ends the connection there.
 */
export class SocketProtocol implements LinkProtocol {
  readonly name = 'lablink';
  readonly subprotocols: readonly string[] = [];
  readonly deflate = true;
  readonly maxMessageBytes = 16 * 1024 * 1024;
  readonly handshakeMs = 5000;
  readonly heartbeat: HeartbeatRule;
  /** Messages that were no LabLink. */
  malformed = 0;
  /** Bytes after inflating of tagged frames, beyond what came. */
  inflatedBytes = 0;
  readonly #host: SocketHost;
  #isNextPort = false;
  /** Both places were tried without success since the last good connection. */
  #hasSwitched = false;
  #isReady = false;
  #isDeflated = false;
  #capabilities: LabLinkCapabilities | undefined;
  #pingMs = Number.NaN;

  constructor(host: SocketHost) {
    this.#host = host;
    this.heartbeat = {
      probeMs: 20_000,
      deadMs: 60_000,
      probe: () => {
        this.#pingMs = host.monotonicMs();
        return PING;
      },
    };
  }

  /** The enhanced protocol is served on a port of its own there, perhaps: that is tried first. */
  preferNextPort(): void {
    this.#isNextPort = this.#host.address.nextPortSocket !== undefined;
  }

  url(): string {
    const { address, login } = this.#host;
    const socket = (this.#isNextPort ? address.nextPortSocket : undefined) ?? address.socket;
    if (!this.#host.wantsToken() && login.token === undefined) return socket;
    if (login.token !== undefined) return `${socket}?token=${encodeURIComponent(login.token)}`;
    // Without a token the server would answer 403: `refresh` gets one, or says that a login is wanted.
    return socket;
  }

  opened(send: (data: SocketData) => void, open: { isDeflated: boolean }): LinkSignal | undefined {
    this.#isReady = false;
    this.#capabilities = undefined;
    this.#isDeflated = open.isDeflated;
    this.#pingMs = this.#host.monotonicMs();
    send(PING);
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    const message = this.#read(data);
    if (!message) {
      this.malformed++;
      return undefined;
    }
    if (message.type === 'capabilities') {
      this.#capabilities = message;
      return this.#ready('enhanced');
    }
    if (message.type === 'pong') {
      if (!Number.isNaN(this.#pingMs)) this.#host.roundTrip(this.#host.monotonicMs() - this.#pingMs);
      this.#pingMs = Number.NaN;
      const signal = this.#isReady ? undefined : this.#ready('basic');
      this.#host.message(message);
      return signal;
    }
    this.#host.message(message);
    return message.type === 'stream_data' || message.type === 'acquisition_stream' ? { isData: true } : undefined;
  }

  ended(): void {
    this.#isReady = false;
    this.#host.ended();
  }

  judge(end: { code: number; reason: string; refusal: Refusal | undefined; wasReady: boolean }): AfterEnd {
    if (end.code === TAKEN_OFF) return { kind: 'superseded', reason: redact(end.reason) };
    const status = end.refusal?.status;
    // A close code before the socket is accepted becomes HTTP 403, whatever was wrong with the token.
    if (status === 401 || status === 403 || end.code === 1008 || end.code === 4001)
      return { kind: 'refresh', reason: 'The server wants a login for live data.' };
    if (end.wasReady) return { kind: 'retry' };
    if (status === 404 || this.#isNextPort) return { kind: 'next-path' };
    return { kind: 'retry' };
  }

  nextPath(): boolean {
    const { nextPortSocket } = this.#host.address;
    if (!this.#isNextPort || nextPortSocket === undefined || this.#hasSwitched) return false;
    this.#isNextPort = false;
    this.#hasSwitched = true;
    return true;
  }

  async refresh(signal: AbortSignal): Promise<void> {
    await this.#host.login.renew(signal);
  }

  farewell(): readonly SocketData[] {
    return this.#host.farewell();
  }

  #ready(kind: SocketKind): LinkSignal {
    this.#isReady = true;
    this.#host.ready(kind, this.#capabilities, this.#isDeflated);
    return { isReady: true };
  }

  #read(data: SocketData): LabLinkMessage | undefined {
    try {
      if (typeof data === 'string') return parseLabLinkMessage(parseTolerantJson(data));
      const text = openTagged(this.#host.inflate, data);
      this.inflatedBytes += text.length - data.byteLength;
      return parseLabLinkMessage(parseTolerantJson(text));
    } catch (thrown) {
      // Counted by the caller: a bad message costs itself, not the connection.
      if (thrown instanceof LabError) return undefined;
      throw thrown;
    }
  }
}
