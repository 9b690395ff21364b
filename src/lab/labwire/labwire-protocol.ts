import { LabError } from '../../core/errors.ts';
import type { LabwireFrame } from '../../protocol/lab/labwire-frame.ts';
import {
  type LabwireCapabilities,
  type LabwireConnected,
  type LabwireMessage,
  parseLabwireMessage,
} from '../../protocol/lab/labwire-messages.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import { HeartbeatCount } from '../heartbeat-count.ts';
import type { AfterEnd, HeartbeatRule, LinkProtocol, LinkSignal } from '../link-protocol.ts';
import type { LabPorts, SocketData } from '../ports.ts';
import { startClockPings } from '../server-clock/clock-pings.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { StreamKeeper } from '../stream-keeper/stream-keeper.ts';
import { ACK_RULES, ByteAcks } from './byte-acks.ts';
import { judgeEnd, type SocketEnd } from './close-verdict.ts';
import { FrameReader } from './frame-reader.ts';
import { ACCEPT, channelsOf, featuresOf } from './greeting.ts';
import type { LabwireStream } from './labwire-stream.ts';
import { LABWIRE_SUBPROTOCOL } from './recognize.ts';
import { TimeQuestions } from './time-questions.ts';

/** What the protocol needs of the server around it. */
export interface ProtocolHost {
  readonly ports: LabPorts;
  readonly clock: ServerClock;
  readonly clientName: string;
  readonly token: string | undefined;
  /** Hubs this client passes on to. */
  readonly via: readonly string[];
  readonly streams: Iterable<LabwireStream>;
  stream(key: string): LabwireStream | undefined;
  keeper(key: string): StreamKeeper | undefined;
  /** The server said who it is, or the connection is ready. */
  greeted(capabilities: LabwireCapabilities, isDeflated: boolean): void;
  connected(connected: LabwireConnected): void;
  disconnected(): void;
  /** A piece of a transfer. Throws server.malformed. */
  chunk(frame: LabwireFrame): void;
  /** Every other message. */
  heard(message: LabwireMessage): void;
  /** Something could not be read. */
  malformed(why: string): void;
  renewToken(signal: AbortSignal): Promise<void>;
}

/** Longest message taken; bytes. */
const MAX_MESSAGE_BYTES = 16 << 20;
const DATA: LinkSignal = { isData: true };
const encoder = new TextEncoder();

/**
 *     server                        client
 *     capabilities            →
 *                             ←     hello {auth, accept, resume {token, last rows}, desired}
 *     connected {streams}     →                                        ready
 *     gap, stream_started, rows → … ack {bytes}, each quarter of the window or 250 ms
 *
 * The client always says all it wants, so a resume that fails needs nothing more (section 5.1, 5.7).
 */
export class LabwireProtocol implements LinkProtocol {
  readonly name = 'labwire.1';
  readonly subprotocols = [LABWIRE_SUBPROTOCOL];
  readonly deflate = true;
  readonly maxMessageBytes = MAX_MESSAGE_BYTES;
  readonly handshakeMs = 10_000;
  readonly heartbeat: HeartbeatRule = { probeMs: 10_000, deadMs: 25_000, probe: () => this.#time.ask() };
  readonly frames: FrameReader;
  readonly beats: HeartbeatCount;
  /** What is said before the close frame of a person: then nothing is kept there. */
  isLeaving = false;
  /** Of the present or last connection. */
  session = '';
  lastRowsMs = Number.NEGATIVE_INFINITY;
  readonly #host: ProtocolHost;
  readonly #sockets: readonly string[];
  #path = 0;
  #send: ((data: SocketData) => void) | undefined;
  #isDeflated = false;
  #hasGreeting = false;
  #isReady = false;
  #capabilities: LabwireCapabilities | undefined;
  #resumeToken: string | undefined;
  readonly #handles = new Map<number, LabwireStream>();
  #acks: ByteAcks | undefined;
  /** Bytes before it is known whether they are to be acknowledged. */
  #greetingBytes = 0;
  #pings: Disposable | undefined;
  readonly #time: TimeQuestions;
  #count = 0;

  constructor(host: ProtocolHost, sockets: readonly string[]) {
    this.#host = host;
    this.#sockets = sockets;
    this.#time = new TimeQuestions(host.ports.clock, host.clock);
    this.beats = new HeartbeatCount(host.ports.clock);
    this.frames = new FrameReader(
      host.ports.inflate,
      (handle) => this.#handles.get(handle),
      (frame) => host.chunk(frame),
    );
  }

  /** Of the last question for the time; ms. */
  get roundTripMs(): number {
    return this.#time.roundTripMs;
  }

  get capabilities(): LabwireCapabilities | undefined {
    return this.#capabilities;
  }

  /** Greeted, let in, and not ended. */
  get isReady(): boolean {
    return this.#isReady;
  }

  url(): string {
    return this.#sockets[this.#path] ?? this.#sockets[0] ?? '';
  }

  nextPath(): boolean {
    this.#path = (this.#path + 1) % this.#sockets.length;
    return this.#path !== 0;
  }

  refresh(signal: AbortSignal): Promise<void> {
    return this.#host.renewToken(signal);
  }

  /** False: there is no connection that is ready. */
  say(message: Record<string, unknown>): boolean {
    if (!this.#isReady || !this.#send) return false;
    this.#send(JSON.stringify(message));
    return true;
  }

  opened(send: (data: SocketData) => void, open: { protocol: string; isDeflated: boolean }): LinkSignal | undefined {
    this.#send = send;
    this.#isDeflated = open.isDeflated;
    this.#greetingBytes = 0;
    return undefined;
  }

  receive(data: SocketData): LinkSignal | undefined {
    if (typeof data !== 'string') return this.#binary(data);
    const bytes = encoder.encode(data).byteLength;
    let json: unknown;
    try {
      json = parseTolerantJson(data);
    } catch (thrown) {
      this.#took(bytes);
      this.#host.malformed(LabError.from(thrown).message);
      return undefined;
    }
    const parsed = parseLabwireMessage(json);
    if (parsed.kind === 'message') return this.#message(parsed.message, bytes);
    this.#took(bytes);
    if (parsed.kind === 'malformed') this.#host.malformed(`A message of the lab server does not fit: ${parsed.why}.`);
    return undefined;
  }

  ended(): void {
    this.#send = undefined;
    this.#hasGreeting = false;
    this.#isReady = false;
    this.#handles.clear();
    this.#acks?.[Symbol.dispose]();
    this.#acks = undefined;
    this.#pings?.[Symbol.dispose]();
    this.#pings = undefined;
    this.#time.forget();
    for (const stream of this.#host.streams) stream.disconnected();
    this.#host.disconnected();
  }

  judge(end: SocketEnd & { wasReady: boolean }): AfterEnd {
    return judgeEnd(end);
  }

  farewell(): readonly SocketData[] {
    return this.isLeaving && this.#isReady ? [JSON.stringify({ type: 'bye' })] : [];
  }

  #binary(data: Uint8Array): LinkSignal | undefined {
    try {
      const read = this.frames.read(data);
      if (read) this.#rows(read.stream, read.end, data.byteLength);
      else this.#took(data.byteLength);
      return DATA;
    } catch (thrown) {
      this.#took(data.byteLength);
      this.#host.malformed(LabError.from(thrown).message);
      return undefined;
    }
  }

  #rows(stream: LabwireStream, end: number, bytes: number): void {
    this.lastRowsMs = this.#host.ports.clock.monotonicMs();
    if (this.#acks) this.#acks.handed(stream.key, end, stream.epoch ?? 0, bytes);
  }

  #took(bytes: number): void {
    if (this.#acks) this.#acks.took(bytes);
    else this.#greetingBytes += bytes;
  }

  #message(message: LabwireMessage, bytes: number): LinkSignal | undefined {
    if (message.type === 'stream_data') return this.#textRow(message, bytes);
    this.#took(bytes);
    switch (message.type) {
      case 'capabilities':
        return this.#greet(message);
      case 'connected':
        return this.#hasGreeting ? this.#begin(message) : undefined;
      case 'stream_started':
        this.#started(message);
        break;
      case 'stream_reset':
        this.#reset(message);
        return undefined;
      case 'gap':
        this.#gap(message);
        return undefined;
      case 'ping':
        this.#send?.(this.#time.answer(message));
        return undefined;
      case 'pong':
        this.#time.answered(message);
        return undefined;
      case 'heartbeat':
        this.beats.beat();
        if (message.t !== undefined) this.#host.clock.arrived(BigInt(Math.round(message.t)) * 1000n);
        return undefined;
      case 'reconnection_token':
        this.#resumeToken = message.token;
        return undefined;
      case 'disconnected':
        this.#resumeToken = message.reconnection_token ?? this.#resumeToken;
        return { reason: message.reason };
      case 'reconnect':
        return { retryAfterS: message.retry_after, reason: message.reason };
    }
    this.#host.heard(message);
    return undefined;
  }

  #textRow(message: Extract<LabwireMessage, { type: 'stream_data' }>, bytes: number): LinkSignal | undefined {
    const stream = this.#host.stream(message.key);
    if (!stream) {
      this.#took(bytes);
      return undefined;
    }
    try {
      if (stream.textRow(message)) this.#rows(stream, message.seq + 1, bytes);
      else this.#took(bytes);
      return DATA;
    } catch (thrown) {
      this.#took(bytes);
      this.#host.malformed(LabError.from(thrown).message);
      return undefined;
    }
  }

  #greet(capabilities: LabwireCapabilities): LinkSignal | undefined {
    if (this.#hasGreeting) return undefined;
    if (capabilities.protocol?.versions.includes(1) === false) return { fatal: wrongVersion(capabilities) };
    if (this.#capabilities && this.#capabilities.server.instance !== capabilities.server.instance)
      this.#host.clock.reset();
    this.#capabilities = capabilities;
    this.#hasGreeting = true;
    const { t } = capabilities.clock ?? {};
    if (t !== undefined) this.#host.clock.arrived(BigInt(Math.round(t)) * 1000n);
    this.#host.greeted(capabilities, this.#isDeflated);
    if (featuresOf(capabilities).acks) {
      const windowBytes = capabilities.features.backpressure?.ack_window ?? ACK_RULES.windowBytes;
      this.#acks = new ByteAcks(
        this.#host.ports.clock,
        { ...ACK_RULES, windowBytes },
        (key, end, epoch) => this.#isTaken(key, end, epoch),
        (taken) => this.say({ type: 'ack', bytes: taken }),
      );
      this.#acks.took(this.#greetingBytes);
    }
    this.#send?.(JSON.stringify(this.#hello(capabilities)));
    return undefined;
  }

  #hello(capabilities: LabwireCapabilities): Record<string, unknown> {
    const { token, clientName, ports, via } = this.#host;
    const resume = this.#resumeToken;
    // It works once.
    this.#resumeToken = undefined;
    return {
      type: 'hello',
      id: `hello-${++this.#count}`,
      version: 1,
      client: { id: ports.uniqueId(), name: clientName, app: 'labwire' },
      ...(token === undefined ? {} : { auth: { token } }),
      accept: ACCEPT,
      ...(via.length === 0 ? {} : { via }),
      ...(resume === undefined ? {} : { resume: { token: resume, streams: this.#places() } }),
      desired: [
        ...[...this.#host.streams].map((stream) => stream.desired(this.#host.keeper(stream.key)?.intervalMs ?? 100)),
        ...channelsOf(capabilities.features.channels).map((channel) => ({ channel })),
      ],
    };
  }

  /** The last row of each stream that came here. */
  #places(): Record<string, unknown>[] {
    return [...this.#host.streams].flatMap(({ key }) => {
      const { seq = 0, epoch } = this.#host.keeper(key)?.position ?? {};
      return seq > 0 && typeof epoch === 'number' ? [{ key, epoch, seq: seq - 1 }] : [];
    });
  }

  #begin(connected: LabwireConnected): LinkSignal {
    this.#isReady = true;
    this.session = connected.session ?? connected.client_id ?? '';
    this.#resumeToken = connected.resume?.token;
    for (const resumed of connected.streams) {
      const stream = this.#host.stream(resumed.key);
      const keeper = this.#host.keeper(resumed.key);
      if (!stream || !keeper) continue;
      if (stream.form && stream.epoch === resumed.epoch) this.#handles.set(resumed.handle, stream);
      // Of a snapshot its first row says what is between.
      if (resumed.result === 'replayed' || resumed.result === 'snapshot') keeper.mended();
      else if (resumed.result === 'lost') keeper.broken('The server began its numbering anew.');
      else keeper.broken('The server did not keep all rows of the time without a connection.');
    }
    this.#host.connected(connected);
    this.#pings = startClockPings(this.#host.ports.clock, () => void this.#send?.(this.#time.ask()));
    return { isReady: true };
  }

  #started({ key, handle, epoch, schema }: Extract<LabwireMessage, { type: 'stream_started' }>): void {
    const stream = this.#host.stream(key);
    if (!stream) return;
    this.#handles.set(handle, stream);
    this.#begun(stream, epoch, () => stream.opened(epoch, schema));
  }

  #reset({ key, epoch, schema }: Extract<LabwireMessage, { type: 'stream_reset' }>): void {
    const stream = this.#host.stream(key);
    if (stream) this.#begun(stream, epoch, () => stream.reset(epoch, schema));
  }

  /** Named, but not given up: the past is asked for it before it is drawn as a gap. */
  #gap({ key, from, to, reason }: Extract<LabwireMessage, { type: 'gap' }>): void {
    const keeper = this.#host.keeper(key);
    keeper?.mended();
    keeper?.broken(`Rows ${from} to ${to} were not sent: ${reason || 'the server does not say why'}.`);
  }

  #begun(stream: LabwireStream, epoch: number, open: () => void): void {
    if (stream.epoch !== undefined && stream.epoch !== epoch)
      this.#host.keeper(stream.key)?.broken('The server began its numbering anew.');
    open();
  }

  #isTaken(key: string, end: number, epoch: number): boolean {
    const place = this.#host.keeper(key)?.position;
    if (place?.seq === undefined || place.epoch !== epoch || place.seq >= end) return true;
    return this.#host.stream(key)?.isAsking ?? true;
  }
}

function wrongVersion({ protocol }: LabwireCapabilities): LabError {
  return new LabError(
    'server.unsupported',
    `The lab server speaks versions ${protocol?.versions.join(', ')} of ${protocol?.name}; this Labwire speaks version 1. Nothing comes from it: update the older of the two.`,
  );
}
