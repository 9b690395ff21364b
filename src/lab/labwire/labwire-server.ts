import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { LabwireCapabilities, LabwireConnected } from '../../protocol/lab/labwire-messages.ts';
import { priorityFor } from '../../protocol/lab/priority.ts';
import { parseSocketFigures, type SocketFigures } from '../../protocol/lab/socket-figures.ts';
import type { Controls, Equipment, LabOutlet, LabStream, LabWaveform } from '../equipment.ts';
import type {
  CommandOptions,
  LabFeatures,
  LabServer,
  LabServerEvent,
  LabServerOptions,
  LockState,
  Login,
  OutputsOffResult,
  ServerAbout,
  ServerClockState,
  ServerRecording,
  ServerRecordingEnd,
  ServerRecordingOptions,
  StreamWish,
  TrafficStats,
} from '../lab-server.ts';
import { type Link, openLink } from '../link/open-link.ts';
import type { LinkSnapshot } from '../link-state.ts';
import type { LabPorts } from '../ports.ts';
import { RestClient } from '../rest-client.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import { ServerEvents } from '../server-events.ts';
import { ServerLogin } from '../server-login.ts';
import { StreamTable } from '../stream-keeper/stream-table.ts';
import { labwireAddress } from './address.ts';
import { EquipmentControl } from './equipment-control.ts';
import { parseEquipmentList } from './equipment-list.ts';
import { EquipmentLocks } from './equipment-locks.ts';
import { EventReader } from './event-reader.ts';
import { aboutOf, featuresOf, NO_FEATURES } from './greeting.ts';
import { LabwireProtocol } from './labwire-protocol.ts';
import { LabwireStream } from './labwire-stream.ts';
import { LockWatch } from './lock-watch.ts';
import { MessageDesk } from './message-desk.ts';
import { PendingRequests } from './pending-requests.ts';
import { ServerRecordings } from './server-recordings.ts';
import { serverWord } from './server-words.ts';
import { TokenKeeper } from './token-keeper.ts';
import { Transfers } from './transfers.ts';
import { readWaveform } from './waveform.ts';

/** Rows of a hole asked for by message; larger ones over REST. */
const MESSAGE_ROWS = 10_000;
const HISTORY_MS = 8000;
const STATS_MS = 3000;
/** What cannot be read is told at most so often. */
const MALFORMED_MS = 60_000;
/** Twice the pace of other servers: a restart is over within a second and a half, from "it listens" to the first row. */
const LISTEN_MS = 500;
/** Rows so recent mean that the socket delivers. */
const DELIVERING_MS = 2000;

/** A client of one labwire.1 server. It begins to connect at once; whatever happens it goes on by itself. Throws call.invalid for an address that is none. */
export function openLabwire(ports: LabPorts, options: LabServerOptions): LabwireServer {
  return new LabwireServer(ports, options);
}

export class LabwireServer implements LabServer {
  readonly url: string;
  readonly dialect = 'labwire.1';
  readonly #ports: LabPorts;
  readonly #clock: ServerClock;
  readonly #rest: RestClient;
  readonly #login: ServerLogin;
  readonly #events = new ServerEvents();
  readonly #desk: MessageDesk;
  readonly #tokens: TokenKeeper;
  readonly #pending: PendingRequests;
  readonly #control: EquipmentControl;
  readonly #recordings: ServerRecordings;
  readonly #transfers: Transfers;
  readonly #locks: EquipmentLocks;
  readonly #lockWatch: LockWatch;
  readonly #streams = new Map<string, LabwireStream>();
  readonly #table: StreamTable;
  readonly #protocol: LabwireProtocol;
  readonly #link: Link;
  readonly #closing = new AbortController();
  #about: ServerAbout = { name: '', version: '', instance: '', findings: [] };
  #features: LabFeatures = NO_FEATURES;
  #listed: readonly Equipment[] = [];
  /** With whose the locks are. */
  #equipment: readonly Equipment[] = [];
  #isDeflated = false;
  #denied: readonly string[] = [];
  #malformed = 0;
  #malformedMs = Number.NEGATIVE_INFINITY;
  #unaccounted = 0;

  constructor(ports: LabPorts, options: LabServerOptions) {
    const { base, sockets } = labwireAddress(options.url);
    this.url = base;
    this.#ports = ports;
    this.#clock = new ServerClock(ports.clock);
    this.#login = new ServerLogin(() => this.#rest, options);
    this.#rest = new RestClient(ports, {
      base,
      token: () => this.#login.token,
      onUnauthorized: async (signal) => {
        if (!this.#login.canRenew) return false;
        await this.#tokens.renew(signal);
        return true;
      },
      onAnswer: ({ headers }, sentMs, receivedMs) => this.#clock.httpDate(headers.date, sentMs, receivedMs),
    });
    this.#tokens = new TokenKeeper(this.#login, ports.clock, {
      renewed: (token) => void this.#protocol.say({ type: 'auth_refresh', token }),
      failed: (error) => this.#events.emit({ kind: 'error', error }),
    });
    this.#desk = new MessageDesk({
      events: this.#events,
      reader: new EventReader(this.#clock, () => ports.clock.nowNs()),
      say: (message) => this.#protocol.say(message),
      equipmentChanged: () => this.#refreshQuietly(),
      locksChanged: () => this.#lockWatch.changed(),
      denied: (channels) => {
        this.#denied = channels;
        this.#tellAbout();
      },
    });
    this.#pending = new PendingRequests(ports.clock, (message) => this.#protocol.say(message));
    this.#control = new EquipmentControl(
      (message, asked) => this.#pending.ask(message, { ...asked, isRepeatable: true }),
      () => ports.uniqueId(),
    );
    this.#recordings = new ServerRecordings((message, asked) =>
      this.#pending.ask(message, { ...asked, isRepeatable: false }),
    );
    this.#transfers = new Transfers(
      (message, asked) => this.#pending.ask(message, { ...asked, isRepeatable: false }),
      (message) => this.#protocol.say(message),
    );
    this.#protocol = this.#createProtocol(options, sockets);
    this.#locks = this.#createLocks(options.name ?? 'Labwire');
    this.#lockWatch = new LockWatch({
      clock: ports.clock,
      isPaused: () => !this.#protocol.isReady,
      look: () => this.#locks.look(),
    });
    this.#table = new StreamTable(ports, {
      onSummary: (summary) => this.#link.setStreams(summary),
      onLoss: (stream, lost, reason, isUnaccounted) => {
        if (isUnaccounted) this.#unaccounted += lost;
        this.#events.emit({ kind: 'loss', stream, lost, reason, isUnaccounted });
      },
    });
    this.#link = openLink(this.#protocol, ports, {
      isIdle: true,
      listenMs: LISTEN_MS,
      isOff: options.webSocket === false,
      ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
      onChange: (snapshot, health) => {
        this.#table.setHealth(health, snapshot.reason);
        this.#events.emit({ kind: 'link', link: snapshot });
      },
      onWake: () => this.#clock.reset(),
    });
    this.#link.reconnect();
  }

  get about(): ServerAbout {
    return this.#about;
  }

  get features(): LabFeatures {
    return this.#features;
  }

  get link(): LinkSnapshot {
    return this.#link.snapshot;
  }

  get clock(): ServerClockState {
    return this.#clock.state;
  }

  get equipment(): readonly Equipment[] {
    return this.#equipment;
  }

  get traffic(): TrafficStats {
    const { messages, bytesPerS, wireBytes, bytes } = this.#link.traffic;
    return {
      messages,
      bytesPerS,
      wireBytes,
      bytes,
      roundTripMs: this.#protocol.roundTripMs,
      malformed: this.#malformed,
      unaccounted: this.#unaccounted,
      dropped: this.#desk.dropped + this.#protocol.frames.dropped,
      heartbeats: this.#protocol.beats.seen,
    };
  }

  onEvent(listener: (event: LabServerEvent) => void): Disposable {
    return this.#events.on(listener);
  }

  reconnect(): void {
    this.#protocol.isLeaving = false;
    this.#link.reconnect();
  }

  disconnect(): void {
    this.#protocol.isLeaving = true;
    this.#link.disconnect();
  }

  setSocket(on: boolean): void {
    this.#protocol.isLeaving = !on;
    this.#link.setSocket(on);
  }

  async login(login: Login, signal: AbortSignal): Promise<void> {
    await this.#login.login(login, signal);
    this.#tokens.watch();
    this.reconnect();
    await this.refreshEquipment(signal);
  }

  async logout(): Promise<void> {
    this.#tokens.forget();
    // The tokens are forgotten here whatever the server says.
    await this.#login.logout().catch(() => undefined);
    this.reconnect();
  }

  async refreshEquipment(signal: AbortSignal): Promise<void> {
    const parsed = parseEquipmentList(await this.#rest.get('/api/equipment/list', { signal }));
    if (!parsed)
      throw new LabError(
        'server.malformed',
        'The lab server answered the list of equipment with something that is none. The list here is as it was.',
      );
    if (parsed.malformed > 0) this.#tellMalformed(`${parsed.malformed} entries of its equipment cannot be read.`);
    this.#listed = parsed.equipment;
    this.#showEquipment();
  }

  openStream(
    equipment: string,
    stream: string,
    intervalMs: number,
    outlet: LabOutlet,
    wish: StreamWish = {},
  ): LabStream {
    const offer = this.#equipment.find(({ id }) => id === equipment)?.streams.find(({ name }) => name === stream);
    const interval = offer ? Math.min(offer.maxIntervalMs, Math.max(offer.minIntervalMs, intervalMs)) : intervalMs;
    const key = `${equipment}/${stream}`;
    const spec = this.#streams.get(key) ?? new LabwireStream(equipment, stream, this.#host());
    this.#streams.set(key, spec);
    const wished = spec.wishes.add(wish);
    spec.wishAgain();
    const opened = this.#table.open(spec, interval, outlet);
    return {
      key,
      setInterval: (next) => opened.setInterval(next),
      get stats() {
        return opened.stats;
      },
      [Symbol.asyncDispose]: async () => {
        await opened[Symbol.asyncDispose]();
        wished[Symbol.dispose]();
        spec.wishAgain();
        if (!this.#table.get(key)) this.#streams.delete(key);
      },
    };
  }

  readControls(equipment: string, signal: AbortSignal): Promise<Controls> {
    return this.#control.read(equipment, { signal });
  }

  setControl(equipment: string, control: string, value: ControlValue, options: CommandOptions): Promise<Controls> {
    return this.#control.set(equipment, control, value, options);
  }

  async command(equipment: string, text: string, options: CommandOptions): Promise<string> {
    if (/^\s*release_stop\s*$/.test(text)) {
      await this.#control.releaseStop(options);
      return 'ok';
    }
    return equipment === '' ? serverWord(text) : this.#control.text(equipment, text, options);
  }

  lock(equipment: string, on: boolean, force: boolean, signal: AbortSignal): Promise<LockState> {
    return this.#locks.set(equipment, on, force, signal);
  }

  async outputsOff(equipment: string): Promise<OutputsOffResult[]> {
    const known = this.#equipment.find(({ id }) => id === equipment);
    if (known) return this.#control.outputsOff(known);
    return [{ equipment, group: '', confirmed: false, reason: 'The lab server does not list it. Treat it as on.' }];
  }

  emergencyStop(): Promise<OutputsOffResult[]> {
    return this.#control.emergencyStop(this.#equipment, ({ message }) =>
      this.#events.note('safety', 'error', `The server's own emergency stop failed: ${message}`),
    );
  }

  async stats(signal: AbortSignal): Promise<SocketFigures> {
    const request = { timeoutMs: STATS_MS, signal, isRepeatable: false };
    const answer = await this.#pending.ask({ type: 'get_stats' }, request);
    const figures = answer.type === 'stats' ? parseSocketFigures(answer) : undefined;
    if (figures) return figures;
    throw new LabError('server.unsupported', 'This lab server does not say what it counts of its own sending.');
  }

  async capture(equipment: string, channels: readonly string[], signal: AbortSignal): Promise<LabWaveform> {
    const wanted = { what: 'waveform', equipment_id: equipment, channels };
    return readWaveform(await this.#transfers.fetch(wanted, signal), this.#clock);
  }

  async screenshot(
    equipment: string,
    signal: AbortSignal,
  ): Promise<{ mediaType: string; bytes: Uint8Array<ArrayBuffer> }> {
    return this.#transfers.fetch({ what: 'screenshot', equipment_id: equipment }, signal);
  }

  async downloadRecording(
    name: string,
    part: number,
    signal: AbortSignal,
  ): Promise<{ file: string; bytes: Uint8Array<ArrayBuffer> }> {
    const wanted = { what: 'recording', session_id: name, part };
    const { name: file, bytes } = await this.#transfers.fetch(wanted, signal);
    return { file, bytes };
  }

  startRecording(options: ServerRecordingOptions, signal: AbortSignal): Promise<ServerRecording> {
    return this.#recordings.start(options, signal);
  }

  stopRecording(name: string, signal: AbortSignal): Promise<ServerRecordingEnd> {
    return this.#recordings.stop(name, signal);
  }

  recordings(signal: AbortSignal): Promise<readonly ServerRecordingEnd[] | undefined> {
    return this.#recordings.list(signal);
  }

  async acknowledge(alarm: string, who: string, signal: AbortSignal): Promise<void> {
    await this.#rest.post('/api/alarms/events/acknowledge', { event_id: alarm, acknowledged_by: who }, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#protocol.isLeaving = true;
    this.#closing.abort(new LabError('call.cancelled', 'The connection to the lab server is closed.'));
    this.#tokens[Symbol.dispose]();
    this.#lockWatch[Symbol.dispose]();
    const unlocked = this.#locks[Symbol.asyncDispose]();
    this.#table[Symbol.dispose]();
    const closed = new LabError('server.closed', 'The connection to the lab server is closed.');
    this.#pending.close(closed);
    this.#transfers.close(closed);
    await Promise.all([this.#link[Symbol.asyncDispose](), unlocked]);
    this.#events.close();
  }

  #createProtocol(options: LabServerOptions, sockets: readonly string[]): LabwireProtocol {
    const server = this;
    return new LabwireProtocol(
      {
        ports: this.#ports,
        clock: this.#clock,
        clientName: options.name ?? 'Labwire',
        get token() {
          return server.#login.token;
        },
        get via() {
          return options.via?.() ?? [];
        },
        get streams() {
          return server.#streams.values();
        },
        stream: (key) => this.#streams.get(key),
        keeper: (key) => this.#table.get(key),
        greeted: (capabilities, isDeflated) => this.#greeted(capabilities, isDeflated),
        connected: (connected) => this.#connected(connected),
        disconnected: () => {
          this.#pending.lost();
          this.#transfers.disconnected();
        },
        chunk: (frame) => this.#transfers.chunk(frame),
        heard: (message) => {
          this.#transfers.heard(message);
          if ('re' in message && this.#pending.answered(message.re, message)) return;
          this.#transfers.unasked(message);
          this.#desk.take(message);
        },
        malformed: (why) => this.#tellMalformed(why),
        renewToken: (signal) => this.#tokens.renew(signal),
      },
      sockets,
    );
  }

  #createLocks(name: string): EquipmentLocks {
    const server = this;
    return new EquipmentLocks({
      rest: this.#rest,
      clock: this.#ports.clock,
      get session() {
        return server.#protocol.session;
      },
      name,
      changed: (lock) => {
        this.#events.emit({ kind: 'lock', lock });
        this.#showEquipment();
      },
      note: (severity, text) => this.#events.note('lock', severity, text),
    });
  }

  #showEquipment(): void {
    this.#equipment = this.#listed.map((one) => withLock(one, this.#locks.state(one.id)));
    this.#events.emit({ kind: 'equipment' });
  }

  #host(): ConstructorParameters<typeof LabwireStream>[2] {
    const server = this;
    return {
      rest: this.#rest,
      clock: this.#clock,
      get uncertaintyS() {
        return server.#clock.state.method === 'two-way' ? server.#clock.uncertaintyS : Number.NaN;
      },
      get priority() {
        return priorityFor('NORMAL', server.#features.priorities);
      },
      get maxMessageRows() {
        return server.#features.history ? MESSAGE_ROWS : 0;
      },
      keeper: (key) => this.#table.get(key),
      send: (message) => this.#protocol.say(message),
      askHistory: async (message, signal) => {
        const answer = await this.#pending.ask(message, { timeoutMs: HISTORY_MS, signal, isRepeatable: false });
        if (answer.type !== 'history') throw new LabError('server.unsupported', 'No past by message.');
      },
      isDelivering: () => this.#ports.clock.monotonicMs() - this.#protocol.lastRowsMs < DELIVERING_MS,
      renew: (reason) => this.#link.renew(reason),
    };
  }

  #greeted(capabilities: LabwireCapabilities, isDeflated: boolean): void {
    this.#isDeflated = isDeflated;
    this.#features = featuresOf(capabilities);
    this.#tellAbout();
  }

  #connected({ reconnected, reason, role }: LabwireConnected): void {
    this.#pending.again();
    this.#transfers.again();
    this.#tokens.watch();
    void this.#locks.renewed().then(() => this.#lockWatch.connected());
    if (reason !== undefined && !reconnected)
      this.#events.note('link', 'info', `The session was not resumed (${reason}); what is missing is asked for.`, {
        reason,
        role,
      });
    this.#refreshQuietly();
  }

  #refreshQuietly(): void {
    this.refreshEquipment(this.#closing.signal).catch((thrown: unknown) => {
      const error = LabError.from(thrown);
      if (!error.isCancelled) this.#events.emit({ kind: 'error', error });
    });
  }

  #tellAbout(): void {
    const { capabilities } = this.#protocol;
    if (!capabilities) return;
    this.#about = aboutOf(capabilities, this.#isDeflated, this.#denied);
    this.#events.emit({ kind: 'about' });
  }

  #tellMalformed(why: string): void {
    this.#malformed++;
    const now = this.#ports.clock.monotonicMs();
    if (now - this.#malformedMs < MALFORMED_MS) return;
    this.#malformedMs = now;
    this.#events.note('malformed', 'warning', why, { count: this.#malformed });
  }
}

/** What the list says of a lock is as old as the list. */
function withLock(equipment: Equipment, lock: LockState | undefined): Equipment {
  if (!lock) return equipment;
  const { lock: _old, ...status } = equipment.status;
  if (lock.owner === '') return { ...equipment, status };
  return { ...equipment, status: { ...status, lock: lock.isOurs ? 'held here' : lock.owner } };
}
