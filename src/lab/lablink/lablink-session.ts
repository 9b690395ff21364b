import { LabError } from '../../core/errors.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import { GET_STATS } from '../../protocol/lab/lablink-command.ts';
import type { LabLinkCapabilities, LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { apiRoot } from '../../protocol/lab/lablink-rest.ts';
import type { LabFeatures, LabServerEvent, LabServerOptions, TrafficStats } from '../lab-server.ts';
import type { Link } from '../link/open-link.ts';
import { openLink } from '../link/open-link.ts';
import type { LabPorts } from '../ports.ts';
import { RestClient } from '../rest-client.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import { ServerEvents } from '../server-events.ts';
import { ServerLogin } from '../server-login.ts';
import { StreamTable } from '../stream-keeper/stream-table.ts';
import type { LabLinkAddress } from './address.ts';
import { AlarmWatch } from './alarm-watch.ts';
import { LabLinkStreams } from './lablink-streams.ts';
import { noteOf } from './message-notes.ts';
import type { LabLinkPlace } from './place.ts';
import type { SocketKind } from './socket-protocol.ts';
import { SocketProtocol } from './socket-protocol.ts';
import { SocketStats } from './socket-stats.ts';
import { isShippedVersion, SocketTrust } from './socket-trust.ts';
import { StreamStarter } from './stream-starter.ts';
import { TrialRunner } from './trial-runner.ts';

/** On this server polling is no mere fallback: as shipped it is the only way to most rows. */
const POLL_MS = 200;
const ROOT_TIMEOUT_MS = 5000;
/** Pace at which a server nearby is looked for while it is away: rows are to be back within 1.5 s. */
const LISTEN_MS = 500;

/** The connections to one LabLink server: its REST calls, its socket, its streams, and what is known of them. */
export class LabLinkSession {
  readonly place: LabLinkPlace;
  readonly events = new ServerEvents();
  readonly login: ServerLogin;
  readonly clock: ServerClock;
  readonly alarms: AlarmWatch;
  readonly streams: LabLinkStreams;
  readonly stats: SocketStats;
  /** As `GET /api` says. */
  root = { name: 'LabLink', version: '', hostname: '' };
  /** The socket takes only clients with a token. */
  wantsToken = false;
  readonly #ports: LabPorts;
  readonly #protocol: SocketProtocol;
  readonly #trusts = { basic: new SocketTrust(), enhanced: new SocketTrust() };
  readonly #starter: StreamStarter;
  readonly #table: StreamTable;
  readonly #trial: TrialRunner;
  #link: Link | undefined;
  #kind: SocketKind | undefined;
  #capabilities: LabLinkCapabilities['features'] | undefined;
  #isDeflated = false;
  #roundTripMs = Number.NaN;

  constructor(ports: LabPorts, options: LabServerOptions, address: LabLinkAddress, base: string) {
    this.#ports = ports;
    this.clock = new ServerClock(ports.clock);
    this.stats = new SocketStats(ports.clock);
    this.login = new ServerLogin(() => this.place.rest, options);
    const rest = new RestClient(ports, {
      base,
      token: () => this.login.token,
      onUnauthorized: (signal) => this.#renewToken(signal),
      onAnswer: ({ headers }, sentMs, receivedMs) => this.clock.httpDate(headers.date, sentMs, receivedMs),
    });
    const emit = (event: LabServerEvent): void => this.events.emit(event);
    this.place = { ports, rest, clock: this.clock, name: options.name ?? 'Labwire', emit };
    this.alarms = new AlarmWatch(this.place);
    const send = (text: string): boolean => this.#link?.send(text) ?? false;
    const renew = (reason: string): void => this.#link?.renew(reason);
    const changed = (): void => emit({ kind: 'about' });
    this.#protocol = this.#createProtocol(address);
    this.#starter = new StreamStarter({
      clock: ports.clock,
      send,
      renew,
      trust: () => this.trust,
      isSuspect: () => this.#kind === 'basic' && isShippedVersion(this.root.version),
      wantTrial: () => this.#trial.want(),
      trustChanged: changed,
      answers: (key) => this.#table.get(key)?.isPolled ?? false,
    });
    const trust = this.#trusts.basic;
    this.#trial = new TrialRunner({ place: this.place, trust, starter: this.#starter, send, renew, ended: changed });
    this.#table = new StreamTable(ports, {
      minPollMs: POLL_MS,
      onSummary: (summary) => {
        const polled = this.streams.polledInstead;
        this.#link?.setStreams({ ...summary, polled, pollS: polled > 0 ? summary.pollS : 0 });
      },
      onLoss: (stream, lost, reason, isUnaccounted) => emit({ kind: 'loss', stream, lost, reason, isUnaccounted }),
    });
    this.streams = new LabLinkStreams(this.place, this.#table, this.#starter);
  }

  /** The first questions, whatever comes of them: who it is, a token, where its socket is. */
  async introduce(login: LabServerOptions['login'], signal: AbortSignal): Promise<void> {
    await this.#quietly(this.#readRoot(signal));
    if (this.wantsToken && this.login.token === undefined) {
      if (login) await this.#quietly(this.login.login(login, signal));
      else if (this.login.canRenew) await this.#quietly(this.login.renew(signal));
    }
    await this.#quietly(this.#lookForNextPort(signal));
  }

  open(options: LabServerOptions): void {
    this.#link = openLink(this.#protocol, this.#ports, {
      ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
      isOff: options.webSocket === false,
      listenMs: LISTEN_MS,
      onChange: (link, health) => {
        this.#table.setHealth(health, link.reason);
        this.events.emit({ kind: 'link', link });
      },
      onWake: () => this.clock.reset(),
    });
  }

  get link(): Link {
    if (this.#link) return this.#link;
    throw new LabError('internal.failed', 'The link of the lab server is not opened yet.');
  }

  /** undefined until a socket stood. */
  get kind(): SocketKind | undefined {
    return this.#kind;
  }

  get trust(): SocketTrust {
    return this.#trusts[this.#kind ?? 'basic'];
  }

  get isDeflated(): boolean {
    return this.#isDeflated;
  }

  /** What the present socket offers beside plain messages. */
  get offers(): Pick<LabFeatures, 'compression' | 'priorities' | 'recording'> {
    const { compression, priorities, recording } = this.#capabilities ?? {};
    const own = compression?.enabled ? (compression.types ?? []) : [];
    return {
      compression: this.#isDeflated ? [...own, 'permessage-deflate'] : own,
      priorities: priorities?.enabled ? (priorities.levels ?? []) : [],
      recording: recording?.enabled ? (recording.formats ?? []) : [],
    };
  }

  get traffic(): TrafficStats {
    const traffic = this.#link?.traffic;
    return {
      messages: traffic?.messages ?? 0,
      bytesPerS: traffic?.bytesPerS ?? 0,
      wireBytes: traffic?.wireBytes ?? 0,
      bytes: (traffic?.bytes ?? 0) + this.#protocol.inflatedBytes,
      roundTripMs: this.#roundTripMs,
      malformed: this.#protocol.malformed,
      unaccounted: this.#table.unaccounted,
      dropped: this.stats.dropped,
    };
  }

  /** What a socket cannot do is tried anew, too: the server may be another one by now. */
  reconnect(): void {
    this.#forgetTrust();
    this.link.reconnect();
  }

  /** Now and then: streams that gave up, a trial that was put off, alarms that no socket told. */
  async round(signal: AbortSignal): Promise<void> {
    this.#starter.retrySilent();
    this.#starter.resume();
    if (this.#kind === 'enhanced' && this.#link?.isReady) this.#link.send(GET_STATS);
    await this.alarms.poll(signal);
  }

  async close(): Promise<void> {
    this.#trial.abort();
    this.#table[Symbol.dispose]();
    await this.#link?.[Symbol.asyncDispose]();
    this.#starter.ended();
    this.events.close();
  }

  #createProtocol(address: LabLinkAddress): SocketProtocol {
    const { clock, inflate } = this.#ports;
    return new SocketProtocol({
      address,
      login: this.login,
      inflate,
      monotonicMs: () => clock.monotonicMs(),
      wantsToken: () => this.wantsToken,
      ready: (kind, capabilities, isDeflated) => this.#connected(kind, capabilities, isDeflated),
      message: (message) => this.#message(message),
      ended: () => {
        this.stats.ended();
        this.#starter.ended();
        this.#trial.abort();
      },
      farewell: () => this.#starter.farewell(),
      roundTrip: (ms) => {
        this.#roundTripMs = ms;
      },
    });
  }

  async #readRoot(signal: AbortSignal): Promise<void> {
    const said = apiRoot.safeParse(await this.place.rest.get('/api', { signal }));
    if (!said.success) throw new LabError('server.malformed', `${this.place.rest.base}/api does not say LabLink.`);
    const { name, version, hostname = '', security_enabled = false } = said.data;
    const isOther = this.root.version !== '' && (version !== this.root.version || hostname !== this.root.hostname);
    if (isOther) this.#forgetTrust();
    const isNews = isOther || security_enabled !== this.wantsToken;
    this.root = { name, version, hostname };
    this.wantsToken = security_enabled;
    if (isNews) this.events.emit({ kind: 'about' });
  }

  #forgetTrust(): void {
    this.#trusts.basic.reset();
    this.#trusts.enhanced.reset();
    this.#trial.forget();
  }

  /** Where the server has the REST calls of the enhanced socket, that socket may be on the next port. */
  async #lookForNextPort(signal: AbortSignal): Promise<void> {
    const { status } = await this.place.rest.answer('/api/websocket/stats', { signal });
    if (status === 200) this.#protocol.preferNextPort();
  }

  async #renewToken(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.login.canRenew) return false;
    try {
      await this.login.renew(signal);
      return true;
    } catch {
      // The 401 that asked for it says so.
      return false;
    }
  }

  #connected(kind: SocketKind, capabilities: LabLinkCapabilities | undefined, isDeflated: boolean): void {
    const isNews = kind !== this.#kind || isDeflated !== this.#isDeflated;
    this.#kind = kind;
    this.#capabilities = capabilities?.features;
    this.#isDeflated = isDeflated;
    const { compression, priorities, backpressure } = capabilities?.features ?? {};
    this.stats.reset(backpressure?.max_queue_size);
    // The window of permessage-deflate saves more than compressing each message by itself.
    const hasZlib = compression?.enabled === true && (compression.types ?? []).includes('zlib');
    this.#starter.connected(kind, backpressure?.rate_limit, {
      compression: hasZlib && !isDeflated ? 'zlib' : undefined,
      priority: priorities?.enabled === true ? 'normal' : undefined,
    });
    if (isNews) this.events.emit({ kind: 'about' });
    // A server that began anew may be another version: what is known of its socket may not hold.
    void this.#quietly(this.#readRoot(AbortSignal.timeout(ROOT_TIMEOUT_MS)));
  }

  #message(message: LabLinkMessage): void {
    switch (message.type) {
      case 'stream_data':
        this.streams.streamData(message);
        break;
      case 'acquisition_stream':
        if (!this.#trial.takes(message.acquisition_id)) this.streams.acquired(message);
        break;
      case 'alarm':
      case 'alarm_event':
      case 'alarm_updated':
      case 'alarm_cleared':
        this.alarms.message(message);
        break;
      case 'stats': {
        const dropped = this.stats.heard(message);
        const text = `The server dropped ${dropped} messages: too much for its queue.`;
        if (dropped > 0) this.events.note('flow', 'warning', text, { dropped });
        break;
      }
      case 'pong': {
        const stamp = parseIsoTime(message.timestamp);
        if (stamp) this.clock.arrived(stamp.ns, stamp.isNaive);
        break;
      }
      default: {
        const note = noteOf(message);
        if (note) this.events.emit(note);
      }
    }
  }

  async #quietly(act: Promise<unknown>): Promise<void> {
    try {
      await act;
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (!error.isCancelled) this.events.emit({ kind: 'error', error });
    }
  }
}
