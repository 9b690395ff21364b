import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Inflater } from '../../protocol/lab/compression.ts';
import type { VitalFrame, VitalType, VitalVersion } from '../../protocol/lab/vital-frame.ts';
import { packVitalFrame, VITAL_ERRORS, VITAL_FLAGS } from '../../protocol/lab/vital-frame.ts';
import type { VitalMessage } from '../../protocol/lab/vital-message.ts';
import { packMessagePack } from '../../protocol/lab/vital-payload.ts';
import type { AfterEnd, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { Refusal, SocketData } from '../ports.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import { readVital } from './frame-reader.ts';

/** A server that says nothing for so long is spoken to; ms. */
const SILENCE_MS = 1000;
/** The server tells of its end so long before; s. */
const SHUTDOWN_S = 30;
const MOST_BYTES = 1 << 20;

export interface VitalHandler {
  ready(): void;
  /** `arrivedUs`: the time in the frame, version 3. */
  message(message: VitalMessage, frame: VitalFrame | undefined): void;
  ended(): void;
}

/** Words of ours on the binary side and on the text side. */
const TEXT_TYPES = { SUBSCRIBE: 'subscribe', UNSUBSCRIBE: 'unsubscribe', PING: 'ping', PONG: 'pong' } as const;

/**
 * The socket of VITAL: frames of MessagePack (versions 1 to 3), or JSON. Which of them shows by the first message; a server that says nothing is asked for its
 * version in a frame, and on the next connection, should it hang up at that, in JSON.
 */
export class VitalProtocol implements LinkProtocol {
  readonly name = 'vital';
  readonly subprotocols: readonly string[] = [];
  readonly deflate = true;
  readonly maxMessageBytes = MOST_BYTES + 64;
  readonly handshakeMs = 10_000;
  readonly heartbeat;
  malformed = 0;
  encrypted = 0;
  acked = 0;
  /** Agreed with the server: 0 speaks JSON. */
  version: VitalVersion | 0 = 3;
  readonly #sockets: readonly string[];
  readonly #clock: Clock;
  readonly #serverClock: ServerClock;
  readonly #inflater: Inflater;
  readonly #token: () => string | undefined;
  readonly #handler: VitalHandler;
  #path = 0;
  #tried = 0;
  #send: ((data: SocketData) => void) | undefined;
  #isReady = false;
  #hasAsked = false;
  /** How the first word is said. */
  #asksInText = false;
  #timer: Disposable | undefined;
  #pingNs: bigint | undefined;
  #most: VitalVersion = 3;

  constructor(
    sockets: readonly string[],
    ports: { clock: Clock; inflate: Inflater },
    serverClock: ServerClock,
    token: () => string | undefined,
    handler: VitalHandler,
  ) {
    this.#sockets = sockets;
    this.#clock = ports.clock;
    this.#inflater = ports.inflate;
    this.#serverClock = serverClock;
    this.#token = token;
    this.#handler = handler;
    this.heartbeat = { probeMs: 30_000, deadMs: 90_000, probe: () => this.#ping() };
  }

  url(): string {
    return this.#sockets[this.#path] ?? '';
  }

  headers(): Readonly<Record<string, string>> {
    const token = this.#token();
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  opened(send: (data: SocketData) => void): LinkSignal | undefined {
    this.#send = send;
    this.#isReady = false;
    this.#hasAsked = false;
    this.#tried = 0;
    this.version = this.#asksInText ? 0 : this.#most;
    this.#timer = this.#clock.after(SILENCE_MS, () => this.#ask());
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    const found = readVital(data, this.#inflater, MOST_BYTES);
    if ('fault' in found) {
      if (found.fault === 'encrypted') this.encrypted++;
      this.malformed++;
      return undefined;
    }
    const { message, frame } = found;
    if (!this.#isReady) this.#greeted(message, frame);
    if (frame) this.#stamped(frame, message);
    const signal = this.#answer(message);
    this.#handler.message(message, frame);
    // Only now has everybody taken it.
    if (frame && frame.flags & VITAL_FLAGS.ACK_REQUIRED) this.#ack(frame);
    return { isReady: true, isData: message.kind === 'ecg', ...signal };
  }

  ended(): void {
    if (!this.#isReady && this.#hasAsked) this.#asksInText = !this.#asksInText;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#send = undefined;
    this.#pingNs = undefined;
    this.#handler.ended();
  }

  judge(end: { code: number; reason: string; refusal: Refusal | undefined }): AfterEnd {
    const status = end.refusal?.status;
    if (status === 401 || end.code === 4401) return { kind: 'fatal', error: loginError(`HTTP ${status ?? end.code}`) };
    // An unknown path is a 403 with some servers.
    return status === 403 || status === 404 ? { kind: 'next-path' } : { kind: 'retry' };
  }

  nextPath(): boolean {
    this.#path = (this.#path + 1) % this.#sockets.length;
    this.#tried++;
    if (this.#tried < this.#sockets.length) return true;
    this.#tried = 0;
    return false;
  }

  /** On the connection that is open; false: there is none. */
  subscribe(patient: string, on: boolean): boolean {
    if (!this.#isReady) return false;
    return this.#say(on ? 'SUBSCRIBE' : 'UNSUBSCRIBE', { subscription_type: 'ecg', target_id: patient, filters: {} });
  }

  /** Nothing came: somebody has to begin. */
  #ask(): void {
    if (this.#isReady) return;
    this.#hasAsked = true;
    if (this.version === 0) this.#say('PING', {});
    else this.#send?.(this.#frame(1, 'VERSION_CHECK', { version: this.#most, versions: [3, 2, 1] }));
  }

  #greeted(message: VitalMessage, frame: VitalFrame | undefined): void {
    this.#isReady = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (!frame) this.version = 0;
    else if (message.kind === 'version') this.version = this.#choose(message.versions, frame.version);
    else this.version = frame.version > this.#most ? this.#most : frame.version;
    if (message.kind === 'version' && frame && !this.#hasAsked)
      this.#say('VERSION_CHECK', { version: this.version, status: 'ok' });
    this.#handler.ready();
  }

  /** The newest both have. */
  #choose(offered: readonly number[], own: VitalVersion): VitalVersion {
    for (const version of [3, 2, 1] as const) if (version <= this.#most && offered.includes(version)) return version;
    return own;
  }

  #stamped(frame: VitalFrame, message: VitalMessage): void {
    if (frame.timeUs === undefined || frame.timeUs === 0n) return;
    const stampNs = frame.timeUs * 1000n;
    if (message.kind === 'pong' && this.#pingNs !== undefined) {
      this.#serverClock.twoWay(this.#pingNs, stampNs, stampNs, this.#clock.nowNs());
      this.#pingNs = undefined;
    } else this.#serverClock.arrived(stampNs);
  }

  #answer(message: VitalMessage): LinkSignal {
    switch (message.kind) {
      case 'ping':
        this.#say('PONG', {});
        return {};
      case 'shutdown':
        return { retryAfterS: SHUTDOWN_S, reason: message.text };
      case 'error':
        return this.#failed(message.code, message.text);
      default:
        return {};
    }
  }

  #failed(code: number, text: string): LinkSignal {
    if (code === 0x202) return { fatal: loginError(text) };
    if (code !== 0x100 || this.#most === 1) return {};
    this.#most = this.#most === 3 ? 2 : 1;
    return { renew: `The server does not speak that version of the protocol; ${this.#most} is tried.` };
  }

  /**
   * An acknowledgement: the documents ask for one and name no frame for it, so it goes in the only acknowledging type, with the time of the frame it is for.
   */
  #ack(frame: VitalFrame): void {
    if (this.#say('SUBSCRIPTION_ACK', { ack: frame.type, timestamp_us: Number(frame.timeUs ?? 0n) })) this.acked++;
  }

  #ping(): SocketData {
    this.#pingNs = this.#clock.nowNs();
    return this.version === 0 ? '{"type":"ping"}' : this.#frame(this.version, 'PING', {});
  }

  #say(type: VitalType, body: Record<string, unknown>): boolean {
    if (!this.#send) return false;
    const text = TEXT_TYPES[type as keyof typeof TEXT_TYPES];
    if (this.version !== 0) this.#send(this.#frame(this.version, type, body));
    else if (text !== undefined) this.#send(JSON.stringify({ type: text, ...body }));
    else return false;
    return true;
  }

  #frame(version: VitalVersion, type: VitalType, body: Record<string, unknown>): Uint8Array {
    return packVitalFrame(version, type, 0, packMessagePack(body), this.#clock.nowNs() / 1000n);
  }
}

function loginError(words: string): LabError {
  return new LabError(
    'server.unauthorized',
    `The server wants a login (${words.slice(0, 200) || VITAL_ERRORS[0x202]}). Nothing comes from it; give a token and connect again.`,
  );
}
