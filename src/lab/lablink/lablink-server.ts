import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import { GET_STATS, startRecording, stopRecording } from '../../protocol/lab/lablink-command.ts';
import type { LabLinkCapabilities, LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { apiRoot } from '../../protocol/lab/lablink-rest.ts';
import type { Controls, Equipment, LabOutlet, LabStream, LabWaveform } from '../equipment.ts';
import type {
  CommandOptions,
  DialectName,
  LabFeatures,
  LabServer,
  LabServerEvent,
  LabServerOptions,
  LockState,
  Login,
  OutputsOffResult,
  ServerAbout,
  ServerClockState,
  TrafficStats,
} from '../lab-server.ts';
import type { Link } from '../link/open-link.ts';
import { openLink } from '../link/open-link.ts';
import type { LinkSnapshot } from '../link-state.ts';
import type { LabPorts } from '../ports.ts';
import { RestClient } from '../rest-client.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import { ServerEvents } from '../server-events.ts';
import { StreamTable } from '../stream-keeper/stream-table.ts';
import type { LabLinkAddress } from './address.ts';
import { AlarmWatch } from './alarm-watch.ts';
import { BenchWatch } from './bench-watch.ts';
import { captureWaveform } from './capture.ts';
import { consoleHelp, parseConsoleLine, rawCall, SERVER_COMMANDS } from './console-command.ts';
import { isControl, sendCommand } from './device-command.ts';
import { commandOf, readBack, readDevice } from './device-controls.ts';
import { EmergencyLatch } from './emergency-latch.ts';
import { findingsOf } from './findings.ts';
import { LabLinkStreams } from './lablink-streams.ts';
import { LockKeeper } from './lock-keeper.ts';
import { LabLinkLogin } from './login.ts';
import { noteOf } from './message-notes.ts';
import { switchOff } from './outputs-off.ts';
import type { LabLinkPlace } from './place.ts';
import type { SocketKind } from './socket-protocol.ts';
import { SocketProtocol } from './socket-protocol.ts';
import { isShippedVersion, SocketTrust } from './socket-trust.ts';
import { StreamStarter } from './stream-starter.ts';
import { tryDatedStreams } from './trial.ts';

/** On this server polling is no mere fallback: as shipped it is the only way to most rows. */
const POLL_MS = 200;
/** A trial that could not be made (others watch, REST failed) is thought of again after so long. */
const TRIAL_AGAIN_MS = 60_000;

type Capabilities = LabLinkCapabilities['features'];

/** A LabLink server, as shipped or repaired, basic or enhanced. Made by `openLabLink`. */
export class LabLinkServer implements LabServer {
  readonly url: string;
  readonly #ports: LabPorts;
  readonly #place: LabLinkPlace;
  readonly #events = new ServerEvents();
  readonly #login: LabLinkLogin;
  readonly #clock: ServerClock;
  readonly #locks: LockKeeper;
  readonly #alarms: AlarmWatch;
  readonly #latch: EmergencyLatch;
  readonly #protocol: SocketProtocol;
  readonly #trusts = { basic: new SocketTrust(), enhanced: new SocketTrust() };
  readonly #starter: StreamStarter;
  readonly #table: StreamTable;
  readonly #streams: LabLinkStreams;
  readonly #bench: BenchWatch;
  readonly #acquisitionWaits = new Map<string, () => void>();
  readonly #statsWaits = new Set<(text: string) => void>();
  #link: Link | undefined;
  #kind: SocketKind | undefined;
  #capabilities: Capabilities | undefined;
  #isDeflated = false;
  #root = { name: 'LabLink', version: '', hostname: '' };
  #wantsToken = false;
  #trial: AbortController | undefined;
  #trialMs = Number.NEGATIVE_INFINITY;
  #roundTripMs = Number.NaN;
  #dropped = 0;
  #isDisposed: Promise<void> | undefined;

  constructor(ports: LabPorts, options: LabServerOptions, address: LabLinkAddress, base: string) {
    this.url = options.url;
    this.#ports = ports;
    this.#clock = new ServerClock(ports.clock);
    this.#login = new LabLinkLogin(options.token, options.login);
    const rest = new RestClient(ports, {
      base,
      token: () => this.#login.token,
      onUnauthorized: (signal) => this.#renewToken(signal),
      onAnswer: ({ headers }, sentMs, receivedMs) => this.#clock.httpDate(headers.date, sentMs, receivedMs),
    });
    this.#login.use(rest);
    const emit = (event: LabServerEvent): void => this.#events.emit(event);
    this.#place = { ports, rest, clock: this.#clock, name: options.name ?? 'Labwire', emit };
    this.#locks = new LockKeeper(this.#place);
    this.#alarms = new AlarmWatch(this.#place);
    this.#latch = new EmergencyLatch(this.#place);
    this.#protocol = new SocketProtocol({
      address,
      login: this.#login,
      inflate: ports.inflate,
      monotonicMs: () => ports.clock.monotonicMs(),
      wantsToken: () => this.#wantsToken,
      ready: (kind, capabilities, isDeflated) => this.#connected(kind, capabilities, isDeflated),
      message: (message) => this.#message(message),
      ended: () => this.#ended(),
      farewell: () => this.#starter.farewell(),
      roundTrip: (ms) => {
        this.#roundTripMs = ms;
      },
    });
    this.#starter = new StreamStarter({
      clock: ports.clock,
      send: (text) => this.#link?.send(text) ?? false,
      renew: (reason) => this.#link?.renew(reason),
      trust: () => this.#trust,
      isSuspect: () => this.#kind === 'basic' && isShippedVersion(this.#root.version),
      wantTrial: () => this.#wantTrial(),
      trustChanged: () => emit({ kind: 'about' }),
    });
    this.#table = new StreamTable(ports, {
      minPollMs: POLL_MS,
      onSummary: (summary) => this.#link?.setStreams(summary),
      onLoss: (stream, lost, reason, isUnaccounted) => emit({ kind: 'loss', stream, lost, reason, isUnaccounted }),
    });
    this.#streams = new LabLinkStreams(this.#place, this.#table, this.#starter);
    this.#bench = new BenchWatch({
      place: this.#place,
      isPaused: () => this.#link?.health === 'stopped',
      cameBack: (equipment) => this.#streams.cameBack(equipment),
      lockOwner: (equipment) => this.#locks.state(equipment)?.owner,
      locks: (locks) => this.#locks.heard(locks),
      stopState: (isActive) => this.#latch.heard(isActive),
      round: (signal) => this.#round(signal),
    });
  }

  /** The first questions, whatever comes of them, then the link. */
  async begin(options: LabServerOptions, signal: AbortSignal): Promise<void> {
    const quietly = (act: Promise<unknown>): Promise<unknown> => act.catch((thrown) => this.#tell(thrown));
    await quietly(this.#readRoot(signal));
    if (this.#wantsToken && this.#login.token === undefined && options.login)
      await quietly(this.#login.login(options.login, signal));
    await quietly(this.#lookForNextPort(signal));
    await quietly(this.#bench.refresh(signal));
    this.#link = openLink(this.#protocol, this.#ports, {
      ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
      isOff: options.webSocket === false,
      onChange: (link, health) => {
        this.#table.setHealth(health, link.reason);
        this.#events.emit({ kind: 'link', link });
      },
      onWake: () => this.#clock.reset(),
    });
    this.#bench.start();
  }

  get dialect(): DialectName {
    return this.#kind === 'enhanced' ? 'lablink-enhanced' : 'lablink';
  }

  get about(): ServerAbout {
    const { name, version, hostname } = this.#root;
    return {
      name: hostname === '' ? name : `${name} ${hostname}`,
      version,
      instance: '',
      findings: findingsOf({
        version,
        kind: this.#kind,
        trust: this.#trust,
        isSplit: this.#bench.isSplit,
        security: this.#wantsToken,
        hasToken: this.#login.token !== undefined,
        isDeflated: this.#isDeflated,
      }),
    };
  }

  get features(): LabFeatures {
    const own = this.#kind === 'enhanced' ? this.#capabilities : undefined;
    const compression = own?.compression?.enabled ? (own.compression.types ?? []) : [];
    return {
      compression: this.#isDeflated ? [...compression, 'permessage-deflate'] : compression,
      priorities: own?.priorities?.enabled ? (own.priorities.levels ?? []) : [],
      recording: own?.recording?.enabled ? (own.recording.formats ?? []) : [],
      resume: false,
      acks: false,
      history: true,
      locks: true,
      commands: true,
      alarms: true,
      jobs: true,
      polling: true,
    };
  }

  get link(): LinkSnapshot {
    if (!this.#link) throw new LabError('internal.failed', 'The link of the lab server is not opened yet.');
    return this.#link.snapshot;
  }

  get clock(): ServerClockState {
    return this.#clock.state;
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
      dropped: this.#dropped,
    };
  }

  get equipment(): readonly Equipment[] {
    return this.#bench.equipment;
  }

  onEvent(listener: (event: LabServerEvent) => void): Disposable {
    return this.#events.on(listener);
  }

  /** What a socket cannot do is tried anew, too: the server may be another one by now. */
  reconnect(): void {
    this.#trusts.basic.reset();
    this.#trusts.enhanced.reset();
    this.#trialMs = Number.NEGATIVE_INFINITY;
    this.#link?.reconnect();
  }

  disconnect(): void {
    this.#link?.disconnect();
  }

  setSocket(on: boolean): void {
    this.#link?.setSocket(on);
  }

  async login(login: Login, signal: AbortSignal): Promise<void> {
    await this.#login.login(login, signal);
    this.#events.emit({ kind: 'about' });
    if (this.#link && !this.#link.isReady) this.#link.reconnect();
  }

  async logout(): Promise<void> {
    await this.#login.logout();
    this.#events.emit({ kind: 'about' });
  }

  refreshEquipment(signal: AbortSignal): Promise<void> {
    return this.#bench.refresh(signal);
  }

  openStream(equipment: string, stream: string, intervalMs: number, outlet: LabOutlet): LabStream {
    const known = this.#find(equipment);
    if (!stream.startsWith('acq-')) return this.#streams.openDevice(known, equipment, stream, intervalMs, outlet);
    const facts = this.#bench.acquisitionOf(equipment, stream);
    if (facts) return this.#streams.openAcquisition(facts, intervalMs, outlet);
    throw new LabError('server.unsupported', `${equipment} has no acquisition ${stream} that still runs.`);
  }

  async readControls(equipment: string, signal: AbortSignal): Promise<Controls> {
    return readDevice(this.#get(equipment).shape, this.#sender(equipment, { signal }));
  }

  async setControl(
    equipment: string,
    control: string,
    value: ControlValue,
    options: CommandOptions,
  ): Promise<Controls> {
    const { shape } = this.#get(equipment);
    const [action, parameters] = commandOf(shape, control, value);
    const isOutput = shape.controls.find(({ id }) => id === control)?.isOutput === true;
    if (isOutput && (value === true || value === 1)) this.#latch.refuse(control);
    await this.#sender(equipment, options)(action, parameters);
    return readBack(shape, control, this.#sender(equipment, { ...options, idem: undefined }));
  }

  async command(equipment: string, text: string, options: CommandOptions): Promise<string> {
    const line = parseConsoleLine(text);
    const { signal } = options;
    if (line.path !== '') return textOf(await rawCall(this.#place, line, signal));
    if (line.word === 'help') return consoleHelp(this.#find(equipment)?.shape.commands ?? []);
    if (line.word === 'release_stop') {
      await this.#latch.release(signal);
      return 'ok';
    }
    if (line.word === 'stats' || line.word.endsWith('_recording'))
      return this.#enhancedCommand(line.word, line.parameters);
    const own = SERVER_COMMANDS[line.word];
    if (own) {
      const answer = await own.run(this.#place, equipment, line.parameters, signal);
      void this.#bench.refresh(AbortSignal.timeout(5000)).catch(() => undefined);
      return textOf(answer);
    }
    const turnsOn = /^set_(output|input)$/.test(line.word) && line.parameters.enabled === true;
    if (turnsOn) this.#latch.refuse(line.word);
    return textOf(await this.#sender(equipment, options)(line.word, line.parameters));
  }

  capture(equipment: string, channels: readonly string[], signal: AbortSignal): Promise<LabWaveform> {
    return captureWaveform(this.#place, this.#get(equipment), channels, signal);
  }

  async lock(equipment: string, on: boolean, force: boolean, signal: AbortSignal): Promise<LockState> {
    const state = on
      ? await this.#locks.hold(equipment, { isAsked: true, force }, signal)
      : await this.#locks.release(equipment, signal);
    this.#bench.show();
    return state;
  }

  async outputsOff(equipment: string): Promise<OutputsOffResult[]> {
    const known = this.#find(equipment);
    if (known) return switchOff(this.#place, this.#locks, known);
    return [{ equipment, group: '', confirmed: false, reason: 'The lab server lists no such equipment.' }];
  }

  async emergencyStop(): Promise<OutputsOffResult[]> {
    const failed = await this.#latch.activate();
    if (failed !== undefined)
      this.#events.note(
        'emergency-stop',
        'error',
        `The server's own stop failed: ${failed} Each output is switched off by itself.`,
      );
    const results = await Promise.all(this.equipment.map(({ id }) => this.outputsOff(id)));
    return results.flat();
  }

  async acknowledge(alarm: string, who: string, signal: AbortSignal): Promise<void> {
    await this.#place.rest.post(
      '/api/alarms/events/acknowledge',
      { event_id: alarm, acknowledged_by: who },
      { signal },
    );
    await this.#alarms.poll(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed ??= this.#dispose();
    return this.#isDisposed;
  }

  async #dispose(): Promise<void> {
    this.#bench[Symbol.dispose]();
    this.#trial?.abort(new LabError('call.cancelled', 'The lab server was taken off the bench.'));
    this.#table[Symbol.dispose]();
    await Promise.all([this.#link?.[Symbol.asyncDispose](), this.#locks[Symbol.asyncDispose]()]);
    this.#starter.ended();
    this.#events.close();
  }

  get #trust(): SocketTrust {
    return this.#trusts[this.#kind ?? 'basic'];
  }

  #find(equipment: string): Equipment | undefined {
    return this.equipment.find(({ id }) => id === equipment);
  }

  #get(equipment: string): Equipment {
    const known = this.#find(equipment);
    if (known) return known;
    throw new LabError(
      'server.rejected',
      `${this.url} lists no equipment ${equipment}. Nothing was sent. Connect it at the server, then look again.`,
      { equipment },
    );
  }

  #sender(
    equipment: string,
    options: CommandOptions,
  ): (action: string, parameters: Record<string, unknown>) => Promise<unknown> {
    const { signal, timeoutMs, idem } = options;
    return async (action, parameters) => {
      const command = { equipment, action, parameters, signal, timeoutMs, idem: isControl(action) ? idem : undefined };
      try {
        return await sendCommand(this.#place, this.#locks, command);
      } catch (thrown) {
        // Drivers of supplies with one output know no channel.
        const { channel, ...others } = parameters;
        if (channel !== 1 || !/argument 'channel'/.test(LabError.from(thrown).message)) throw thrown;
        return sendCommand(this.#place, this.#locks, { ...command, parameters: others });
      }
    };
  }

  async #readRoot(signal: AbortSignal): Promise<void> {
    const { name, version, hostname, security_enabled } = apiRoot.parse(await this.#place.rest.get('/api', { signal }));
    const isOther = this.#root.version !== '' && (version !== this.#root.version || hostname !== this.#root.hostname);
    if (isOther) {
      this.#trusts.basic.reset();
      this.#trusts.enhanced.reset();
    }
    this.#root = { name, version, hostname: hostname ?? '' };
    this.#wantsToken = security_enabled ?? false;
    if (isOther) this.#events.emit({ kind: 'about' });
  }

  /** Where the server has the REST calls of the enhanced socket, that socket may be on the next port. */
  async #lookForNextPort(signal: AbortSignal): Promise<void> {
    const { status } = await this.#place.rest.answer('/api/websocket/stats', { signal });
    if (status === 200) this.#protocol.preferNextPort();
  }

  async #renewToken(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#login.canRenew) return false;
    try {
      await this.#login.renew(signal);
      return true;
    } catch {
      return false;
    }
  }

  #connected(kind: SocketKind, capabilities: LabLinkCapabilities | undefined, isDeflated: boolean): void {
    const isNews = kind !== this.#kind || isDeflated !== this.#isDeflated;
    this.#kind = kind;
    this.#capabilities = capabilities?.features;
    this.#isDeflated = isDeflated;
    const { compression, priorities, backpressure } = capabilities?.features ?? {};
    // The window of permessage-deflate saves more than compressing each message by itself.
    const hasZlib = compression?.enabled === true && (compression.types ?? []).includes('zlib');
    this.#starter.connected(kind, backpressure?.rate_limit, {
      compression: hasZlib && !isDeflated ? 'zlib' : undefined,
      priority: priorities?.enabled === true ? 'normal' : undefined,
    });
    if (isNews) this.#events.emit({ kind: 'about' });
    // A server that began anew may be another version: what is known of its socket may not hold.
    void this.#readRoot(AbortSignal.timeout(5000)).catch(() => undefined);
  }

  #ended(): void {
    this.#starter.ended();
    this.#trial?.abort(new LabError('server.closed', 'The connection ended.'));
    this.#trial = undefined;
  }

  #message(message: LabLinkMessage): void {
    switch (message.type) {
      case 'stream_data':
        this.#streams.streamData(message);
        break;
      case 'acquisition_stream':
        this.#acquisitionWaits.get(message.acquisition_id)?.();
        this.#streams.acquired(message);
        break;
      case 'alarm':
      case 'alarm_event':
      case 'alarm_updated':
      case 'alarm_cleared':
        this.#alarms.message(message);
        break;
      case 'stats':
        this.#stats(message);
        break;
      case 'pong': {
        const stamp = parseIsoTime(message.timestamp);
        if (stamp) this.#clock.arrived(stamp.ns, stamp.isNaive);
        break;
      }
      default: {
        const note = noteOf(message);
        if (note) this.#events.emit(note);
      }
    }
  }

  #stats(message: Extract<LabLinkMessage, { type: 'stats' }>): void {
    const dropped = message.connection?.messages_dropped;
    if (typeof dropped === 'number') {
      if (dropped > this.#dropped)
        this.#events.note(
          'flow',
          'warning',
          `The server dropped ${dropped - this.#dropped} messages: too much for its queue.`,
        );
      this.#dropped = dropped;
    }
    for (const wait of this.#statsWaits) wait(textOf({ connection: message.connection, global: message.global }));
    this.#statsWaits.clear();
  }

  #wantTrial(): void {
    const { clock } = this.#ports;
    if (this.#trial || this.#kind !== 'basic' || clock.monotonicMs() - this.#trialMs < TRIAL_AGAIN_MS) return;
    this.#trialMs = clock.monotonicMs();
    const trial = new AbortController();
    this.#trial = trial;
    const host = {
      place: this.#place,
      trust: this.#trusts.basic,
      starter: this.#starter,
      send: (text: string) => this.#link?.send(text) ?? false,
      awaitAcquisition: (id: string, ms: number, signal: AbortSignal) => this.#awaitAcquisition(id, ms, signal),
      renew: (reason: string) => this.#link?.renew(reason),
    };
    void tryDatedStreams(host, trial.signal)
      .catch(() => undefined)
      .finally(() => {
        if (this.#trial === trial) this.#trial = undefined;
        this.#events.emit({ kind: 'about' });
      });
  }

  #awaitAcquisition(id: string, ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (came: boolean): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', onAbort);
        this.#acquisitionWaits.delete(id);
        resolve(came);
      };
      const onAbort = (): void => done(false);
      const timer = this.#ports.clock.after(ms, () => done(false));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#acquisitionWaits.set(id, () => done(true));
    });
  }

  /** Of each round of the bench: alarms by list, streams that gave up, and a trial that was put off. */
  async #round(signal: AbortSignal): Promise<void> {
    this.#starter.retrySilent();
    this.#starter.resume();
    if (this.#kind === 'enhanced' && this.#link?.isReady) this.#link.send(GET_STATS);
    await this.#alarms.poll(signal);
  }

  async #enhancedCommand(word: string, parameters: Record<string, unknown>): Promise<string> {
    if (this.#kind !== 'enhanced' || !this.#link?.isReady)
      throw new LabError(
        'server.unsupported',
        `${word} needs the enhanced socket, which this server does not have. Nothing was sent.`,
      );
    const session = String(parameters.session_id ?? 'labwire');
    if (word === 'start_recording') this.#link.send(startRecording(session, {}));
    else if (word === 'stop_recording') this.#link.send(stopRecording(session));
    else return this.#askStats();
    return 'sent';
  }

  #askStats(): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = this.#ports.clock.after(3000, () => {
        this.#statsWaits.delete(take);
        reject(new LabError('server.timeout', 'The server did not answer with its statistics: its queue may be full.'));
      });
      const take = (text: string): void => {
        timer[Symbol.dispose]();
        resolve(text);
      };
      this.#statsWaits.add(take);
      this.#link?.send(GET_STATS);
    });
  }

  #tell(thrown: unknown): void {
    const error = LabError.from(thrown);
    if (!error.isCancelled) this.#events.emit({ kind: 'error', error });
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'ok';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
