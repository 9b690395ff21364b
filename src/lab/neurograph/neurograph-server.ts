import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { NeurographEvent } from '../../protocol/lab/neurograph-message.ts';
import { NEUROGRAPH_CHANNELS } from '../../protocol/lab/neurograph-role.ts';
import type { Controls, Equipment, LabOutlet, LabStream } from '../equipment.ts';
import type {
  CommandOptions,
  DialectName,
  Finding,
  LabFeatures,
  LabServer,
  LabServerEvent,
  LabServerOptions,
  Login,
  OutputsOffResult,
  ServerAbout,
  ServerClockState,
  TrafficStats,
} from '../lab-server.ts';
import type { Link } from '../link/open-link.ts';
import { openLink } from '../link/open-link.ts';
import type { LinkSnapshot } from '../link-state.ts';
import { MetricsPage } from '../metrics-page.ts';
import { OwnedHttp } from '../owned-http.ts';
import { PageStream } from '../page-stream.ts';
import type { LabPorts } from '../ports.ts';
import { RestClient } from '../rest-client.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import { ServerEvents } from '../server-events.ts';
import { neurographAddress } from './address.ts';
import { ChannelDesk } from './channel-desk.ts';
import { runCommand } from './console-command.ts';
import { EventNotes } from './event-notes.ts';
import { MetricsStream } from './metrics-stream.ts';
import { deniedFinding, NEUROGRAPH_FEATURES, NEUROGRAPH_FINDINGS } from './neurograph-about.ts';
import { METRICS, neurographEquipment, PAGE } from './neurograph-equipment.ts';
import { NeurographLogin } from './neurograph-login.ts';
import { NeurographProtocol } from './neurograph-protocol.ts';

/** Opens the client of a NeuroGraph server. Throws call.invalid for an address that is none; what cannot be reached mends itself. */
export async function openNeurograph(ports: LabPorts, options: LabServerOptions): Promise<LabServer> {
  const server = new NeurographServer(ports, options);
  await server.begin();
  return server;
}

class NeurographServer implements LabServer {
  readonly url: string;
  readonly dialect: DialectName = 'neurograph';
  readonly features: LabFeatures = NEUROGRAPH_FEATURES;
  readonly #events = new ServerEvents();
  readonly #notes: EventNotes;
  readonly #clock: ServerClock;
  readonly #http: OwnedHttp;
  readonly #rest: RestClient;
  readonly #login: NeurographLogin;
  readonly #protocol: NeurographProtocol;
  readonly #channels: ChannelDesk;
  readonly #metrics: MetricsStream;
  readonly #page: MetricsPage;
  readonly #pageStream: PageStream;
  readonly #link: Link;
  #user = '';
  #wasConnected = false;
  #isAllDenied = false;
  #closing: Promise<void> | undefined;

  constructor(ports: LabPorts, options: LabServerOptions) {
    const address = neurographAddress(options.url);
    this.url = address.base;
    this.#notes = new EventNotes(ports.clock, this.#events);
    this.#clock = new ServerClock(ports.clock);
    this.#login = new NeurographLogin(() => this.#rest, options.token, options.login);
    this.#http = new OwnedHttp(ports);
    this.#rest = new RestClient(this.#http.ports, { base: address.base, token: () => this.#login.token });
    this.#protocol = new NeurographProtocol(address.socket, ports, this.#clock, this.#login, {
      connected: (message) => this.#connected(message.user_id ?? '', message.reconnected),
      event: (event) => this.#event(event),
      media: ({ type, text, metadata, bytes }) => this.#events.note('media', 'info', text, metadata, { type, bytes }),
      value: (value) => this.#events.note('json', 'info', JSON.stringify(value).slice(0, 300), { value }),
      ended: () => {
        this.#channels.ended();
        this.#changedChannels();
      },
    });
    this.#channels = new ChannelDesk(ports.clock, {
      subscribe: async (channels) => {
        const answer = await this.#protocol.requests.ask('subscribe', { channels });
        return answer.type === 'subscribed' ? answer : { channels: [], denied: [] };
      },
      unsubscribe: async (channels) => {
        await this.#protocol.requests.ask('unsubscribe', { channels });
      },
      changed: () => this.#changedChannels(),
    });
    for (const channel of NEUROGRAPH_CHANNELS) this.#channels.want(channel);
    this.#metrics = new MetricsStream({
      ports,
      rest: this.#rest,
      clock: this.#clock,
      channels: this.#channels,
      link: () => this.#link,
      loss: (stream, lost, reason, isUnaccounted) =>
        this.#events.emit({ kind: 'loss', stream, lost, reason, isUnaccounted }),
    });
    this.#page = new MetricsPage(this.#rest);
    this.#pageStream = new PageStream(ports, this.#page);
    this.#link = openLink(this.#protocol, ports, {
      isIdle: true,
      isOff: options.webSocket === false,
      ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
      onWake: () => this.#clock.reset(),
      onChange: (snapshot, health) => {
        this.#metrics.setHealth(health, snapshot.reason);
        this.#events.emit({ kind: 'link', link: snapshot });
      },
    });
  }

  /** Logs in, if that is wanted, and connects. A login that fails now is tried again with each connection, and told then. */
  async begin(): Promise<void> {
    if (this.#login.isDue) await this.#login.loginAgain(undefined).catch(() => undefined);
    this.#link.reconnect();
    void this.#lookForPage();
  }

  get about(): ServerAbout {
    const findings: Finding[] = [...NEUROGRAPH_FINDINGS, ...this.#login.findings];
    if (this.#isAllDenied) findings.push(deniedFinding(this.#user));
    return { name: 'NeuroGraph', version: '', instance: '', findings };
  }

  get link(): LinkSnapshot {
    return this.#link.snapshot;
  }

  /** Its times are UTC without saying so. */
  get clock(): ServerClockState {
    const state = this.#clock.state;
    return state.base === 'unix' ? { ...state, base: 'naive-utc' } : state;
  }

  get traffic(): TrafficStats {
    const { messages, bytesPerS, wireBytes, bytes } = this.#link.traffic;
    return {
      messages,
      bytesPerS,
      wireBytes,
      bytes,
      roundTripMs: this.#protocol.roundTripMs,
      malformed: this.#protocol.malformed,
      unaccounted: this.#metrics.unaccounted,
      dropped: 0,
    };
  }

  get equipment(): readonly Equipment[] {
    return neurographEquipment({
      isConnected: this.#link.isReady,
      resource: this.url,
      user: this.#user,
      given: this.#channels.given,
      denied: this.#channels.denied,
      metrics: this.#metrics.columns,
      page: this.#page.path === undefined ? undefined : { path: this.#page.path, columns: this.#pageStream.columns },
    });
  }

  onEvent(listener: (event: LabServerEvent) => void): Disposable {
    return this.#events.on(listener);
  }

  reconnect(): void {
    this.#link.reconnect();
  }

  disconnect(): void {
    this.#link.disconnect();
  }

  setSocket(on: boolean): void {
    this.#link.setSocket(on);
  }

  async login(login: Login, signal: AbortSignal): Promise<void> {
    await this.#login.login(login, signal);
    this.#begunAnew();
  }

  logout(): Promise<void> {
    this.#login.logout();
    this.#begunAnew();
    return Promise.resolve();
  }

  async refreshEquipment(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#lookForPage();
    this.#events.emit({ kind: 'equipment' });
  }

  openStream(equipment: string, stream: string, intervalMs: number, outlet: LabOutlet): LabStream {
    if (equipment === METRICS && stream === 'system') return this.#metrics.open(outlet);
    if (equipment === PAGE && stream === 'page') return this.#pageStream.open(intervalMs, outlet);
    throw new LabError('server.unsupported', `The server has no stream ${stream} of ${equipment}. Nothing was opened.`);
  }

  readControls(_equipment: string, signal: AbortSignal): Promise<Controls> {
    signal.throwIfAborted();
    return Promise.resolve({});
  }

  setControl(_equipment: string, control: string, _value: ControlValue, _options: CommandOptions): Promise<Controls> {
    return Promise.reject(
      new LabError('server.unsupported', `The server has nothing to set (${control}). Nothing was sent.`),
    );
  }

  command(_equipment: string, text: string, _options: CommandOptions): Promise<string> {
    return runCommand(this.#protocol.requests, this.#rest, text);
  }

  outputsOff(_equipment: string): Promise<OutputsOffResult[]> {
    return Promise.resolve([]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#events.close();
    this.#metrics[Symbol.dispose]();
    this.#pageStream[Symbol.dispose]();
    this.#http[Symbol.dispose]();
    await this.#link[Symbol.asyncDispose]();
    this.#protocol[Symbol.dispose]();
  }

  #begunAnew(): void {
    this.#protocol.forgetSession();
    this.#link.reconnect();
    void this.#lookForPage();
  }

  #connected(user: string, isRestored: boolean): void {
    this.#user = user;
    if (this.#wasConnected) {
      this.#metrics.broken('The connection ended; the server replays nothing.');
      const how = isRestored ? 'The session was restored' : 'A new session was begun';
      this.#events.note('session', 'info', `${how}; what happened meanwhile is lost.`, { reconnected: isRestored });
    }
    this.#wasConnected = true;
    this.#channels.opened(this.#login.role);
    if (this.#login.isDue) {
      this.#login.loginAgain(undefined).then(
        () => this.#begunAnew(),
        (thrown: unknown) => this.#failed(thrown),
      );
    }
  }

  #event(event: NeurographEvent): void {
    if (event.channel === 'metrics' && event.eventType === 'system_metrics') this.#metrics.take(event);
    else this.#notes.add(event);
  }

  #changedChannels(): void {
    const wasAllDenied = this.#isAllDenied;
    if (this.#link?.isReady) this.#isAllDenied = this.#channels.isAllDenied;
    if (this.#isAllDenied && !wasAllDenied) {
      this.#events.note('channels', 'warning', deniedFinding(this.#user).text, { denied: this.#channels.denied });
    }
    this.#events.emit({ kind: 'equipment' });
    this.#events.emit({ kind: 'about' });
  }

  #failed(thrown: unknown): void {
    this.#events.emit({ kind: 'error', error: LabError.from(thrown) });
  }

  async #lookForPage(): Promise<void> {
    const before = this.#page.path;
    if ((await this.#page.look()) && before === undefined) this.#events.emit({ kind: 'equipment' });
  }
}
