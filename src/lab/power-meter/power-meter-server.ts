import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { Controls, Equipment, LabOutlet, LabStream } from '../equipment.ts';
import { HeartbeatCount } from '../heartbeat-count.ts';
import type {
  CommandOptions,
  DialectName,
  Finding,
  LabFeatures,
  LabServer,
  LabServerEvent,
  LabServerOptions,
  OutputsOffResult,
  ServerAbout,
  ServerClockState,
  TrafficStats,
} from '../lab-server.ts';
import type { LinkRules } from '../link/link-rules.ts';
import type { Link } from '../link/open-link.ts';
import { openLink } from '../link/open-link.ts';
import type { LinkSnapshot } from '../link-state.ts';
import { OwnedHttp } from '../owned-http.ts';
import type { LabPorts } from '../ports.ts';
import { RestClient } from '../rest-client.ts';
import { ServerEvents } from '../server-events.ts';
import { powerMeterAddress } from './address.ts';
import type { GatePace } from './connection-gate.ts';
import { ConnectionGate } from './connection-gate.ts';
import { askConsole } from './console-question.ts';
import { HealthProtocol } from './health-protocol.ts';
import { MAINFRAME, Mainframe } from './mainframe.ts';
import { MODULE_CONTROLS, readModule, setModule, unknownControl } from './module-controls.ts';
import { overallLink } from './overall-link.ts';
import { overallTraffic } from './overall-traffic.ts';
import { PowerClock } from './power-clock.ts';
import { POWER_METER_FEATURES, POWER_METER_FINDINGS, probeCalls } from './power-meter-about.ts';
import { powerMeterEquipment } from './power-meter-equipment.ts';
import { PowerStream } from './power-stream.ts';
import { SocketPath } from './socket-path.ts';
import { SweepWatch } from './sweep-watch.ts';

/** Longest wait for the first answer before the server is listed without it. */
const KNOWN_MS = 1500;

export interface PowerMeterOptions extends LabServerOptions {
  gate?: GatePace | undefined;
  /** Of all its sockets: how soon and how often a lost one is tried again. */
  link?: Partial<LinkRules> | undefined;
}

/** Opens the client of a power meter server. Throws call.invalid for an address, a module or an interval it cannot use; what cannot be reached mends itself. */
export async function openPowerMeter(ports: LabPorts, options: PowerMeterOptions): Promise<LabServer> {
  const server = new PowerMeterServer(ports, options);
  // Which instrument it is should be known before it is listed; a server that is away ends that at once.
  await server.known(ports.clock);
  return server;
}

class PowerMeterServer implements LabServer {
  readonly url: string;
  readonly dialect: DialectName = 'power-meter';
  readonly features: LabFeatures = POWER_METER_FEATURES;
  readonly #events = new ServerEvents();
  readonly #clock: PowerClock;
  readonly #beats: HeartbeatCount;
  readonly #http: OwnedHttp;
  readonly #rest: RestClient;
  readonly #gate: ConnectionGate;
  readonly #sweep: SweepWatch;
  readonly #mainframe: Mainframe;
  readonly #health: HealthProtocol;
  readonly #healthLink: Link;
  readonly #streams: readonly PowerStream[];
  readonly #intervalMs: number;
  readonly #errors = new Map<number, string>();
  #findings: Finding[] = [...POWER_METER_FINDINGS];
  #hasProbed = false;
  #isSocketOn: boolean;
  #isPaused = false;
  #sweepText = '';
  #link: LinkSnapshot;
  #closing: Promise<void> | undefined;

  constructor(ports: LabPorts, options: PowerMeterOptions) {
    const address = powerMeterAddress(options.url);
    this.url = address.base;
    this.#intervalMs = address.intervalS * 1000;
    this.#isSocketOn = options.webSocket ?? true;
    this.#clock = new PowerClock(ports.clock);
    this.#beats = new HeartbeatCount(ports.clock);
    const heartbeat = (): void => this.#beats.beat();
    this.#http = new OwnedHttp(ports);
    this.#rest = new RestClient(this.#http.ports, { base: address.base, token: () => options.token });
    this.#mainframe = new Mainframe(this.#rest);
    this.#gate = new ConnectionGate(ports, this.#rest, () => this.#gateChanged(), options.gate);
    this.#sweep = new SweepWatch(ports, this.#rest, (status, elapsedS) => {
      const wasSweeping = this.#sweepText !== '';
      this.#sweepText = status.is_sweeping ? `sweeping for ${elapsedS.toFixed(1)} s` : '';
      const word = status.is_sweeping ? 'Sweep running' : status.is_complete ? 'Sweep complete' : 'Sweep ended';
      this.#events.note('sweep', 'info', `${word} (${elapsedS.toFixed(1)} s).`, { ...status, elapsedS });
      if (wasSweeping !== status.is_sweeping) this.#events.emit({ kind: 'equipment' });
    });
    // A server may have the one and not the other: each finds its own path.
    const path = new SocketPath(address.base, address.prefixes);
    this.#health = new HealthProtocol(new SocketPath(address.base, address.prefixes), heartbeat);
    const { maxAttempts } = options;
    const rules = { ...options.link, ...(maxAttempts === undefined ? {} : { maxAttempts }) };
    this.#streams = address.modules.map(
      (module) =>
        new PowerStream(module, {
          ports,
          rest: this.#rest,
          path,
          clock: this.#clock,
          rules,
          isSocketOn: () => this.#isSocketOn,
          isGateOpen: () => this.#gate.isOpen,
          changed: () => this.#linkChanged(),
          heartbeat,
          hardwareError: (number, message, count) => this.#hardwareError(number, message, count),
          recovered: (number) => this.#recovered(number),
          loss: (stream, lost, reason, isUnaccounted) =>
            this.#events.emit({ kind: 'loss', stream, lost, reason, isUnaccounted }),
        }),
    );
    this.#healthLink = openLink(this.#health, ports, {
      ...rules,
      isOff: !this.#isSocketOn,
      onWake: () => this.#clock.reset(),
      onChange: (snapshot) => {
        // A server that came back may have lost its instrument; one that went is asked, too.
        if (snapshot.word !== this.#link?.word) void this.#gate.check();
        this.#linkChanged();
      },
    });
    this.#link = this.#healthLink.snapshot;
    void this.#gate.check();
  }

  /** The first answer of the gate, that there is none, or that it takes too long. */
  known(clock: Clock): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(KNOWN_MS, resolve);
      void this.#gate.check().then(() => {
        timer[Symbol.dispose]();
        resolve();
      });
    });
  }

  get about(): ServerAbout {
    return { name: 'Power meter (CTP10)', version: '', instance: '', findings: this.#findings };
  }

  get link(): LinkSnapshot {
    return this.#link;
  }

  get clock(): ServerClockState {
    return this.#clock.state;
  }

  get traffic(): TrafficStats {
    const sum = (of: (stream: PowerStream) => number): number =>
      this.#streams.reduce((total, stream) => total + of(stream), 0);
    return overallTraffic(
      this.#healthLink.traffic,
      this.#streams.map(({ traffic }) => traffic),
      {
        malformed: this.#health.malformed + sum(({ malformed }) => malformed),
        unaccounted: sum(({ unaccounted }) => unaccounted),
        heartbeats: this.#beats.seen,
      },
    );
  }

  get equipment(): readonly Equipment[] {
    return powerMeterEquipment({
      status: this.#gate.status,
      instrumentId: this.#gate.instrumentId,
      modules: this.#streams.map(({ module }) => ({ module, words: this.#statusOf(module) })),
      intervalMs: this.#intervalMs,
      mainframe: {
        controls: this.#mainframe.controls,
        words: this.#sweepText === '' ? {} : { sweep: this.#sweepText },
      },
    });
  }

  onEvent(listener: (event: LabServerEvent) => void): Disposable {
    return this.#events.on(listener);
  }

  reconnect(): void {
    this.#isPaused = false;
    this.#gate.resume();
    this.#healthLink.reconnect();
    for (const stream of this.#streams) stream.reconnect();
  }

  disconnect(): void {
    this.#isPaused = true;
    this.#gate.pause();
    this.#healthLink.disconnect();
  }

  setSocket(on: boolean): void {
    this.#isSocketOn = on;
    this.#healthLink.setSocket(on);
    for (const stream of this.#streams) stream.setSocket(on);
  }

  async refreshEquipment(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#gate.check();
    this.#events.emit({ kind: 'equipment' });
  }

  openStream(equipment: string, stream: string, intervalMs: number, outlet: LabOutlet): LabStream {
    const found = this.#streams.find(({ module }) => `module${module}` === equipment);
    if (!found || stream !== 'power') {
      throw new LabError(
        'server.unsupported',
        `The power meter server has no stream ${stream} of ${equipment}. Nothing was opened.`,
      );
    }
    return found.open(intervalMs, outlet);
  }

  readControls(equipment: string, signal: AbortSignal): Promise<Controls> {
    const module = this.#moduleOf(equipment);
    return module === undefined ? this.#mainframe.read(signal) : readModule(this.#rest, module, signal);
  }

  async setControl(
    equipment: string,
    control: string,
    value: ControlValue,
    options: CommandOptions,
  ): Promise<Controls> {
    const module = this.#moduleOf(equipment);
    const known = module === undefined ? this.#mainframe.controls : MODULE_CONTROLS;
    if (!known.some(({ id }) => id === control)) throw unknownControl(control);
    const request = {
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      signal: options.signal,
    };
    if (module !== undefined) return setModule(this.#rest, module, control, value, request);
    const controls = await this.#mainframe.set(control, value, request);
    if (control === 'sweep.start') this.#sweep.begin();
    return controls;
  }

  command(_equipment: string, text: string, options: CommandOptions): Promise<string> {
    return askConsole(this.#rest, text, options.signal);
  }

  async outputsOff(equipment: string): Promise<OutputsOffResult[]> {
    return equipment === MAINFRAME ? this.#mainframe.outputsOff() : [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#events.close();
    this.#gate[Symbol.dispose]();
    this.#sweep[Symbol.dispose]();
    this.#http[Symbol.dispose]();
    await Promise.all([
      this.#healthLink[Symbol.asyncDispose](),
      ...this.#streams.map((stream) => stream[Symbol.asyncDispose]()),
    ]);
  }

  /** The number of a module; undefined: the mainframe. Throws server.unsupported for an id nobody has. */
  #moduleOf(equipment: string): number | undefined {
    if (equipment === MAINFRAME) return undefined;
    const found = this.#streams.find(({ module }) => `module${module}` === equipment);
    if (found) return found.module;
    throw new LabError('server.unsupported', `The power meter server has no ${equipment}. Nothing was sent.`);
  }

  #statusOf(module: number): Record<string, string> {
    const status: Record<string, string> = {};
    const error = this.#errors.get(module);
    if (error !== undefined) status.hardware = error;
    const { activeStreams } = this.#health;
    // A beat from before our own streams stood counts them not yet: the next one does.
    const ours = this.#streams.filter((stream) => stream.snapshot?.word === 'connected').length;
    if (activeStreams !== undefined && activeStreams >= ours) status.streams = `${activeStreams} on the server`;
    return status;
  }

  #gateChanged(): void {
    for (const stream of this.#streams) stream.followGate();
    this.#events.emit({ kind: 'equipment' });
    this.#linkChanged();
    if (this.#gate.status?.connected && !this.#hasProbed) void this.#probe();
    if (this.#gate.status?.connected) void this.#sweep.look();
  }

  async #probe(): Promise<void> {
    this.#hasProbed = true;
    if (await this.#mainframe.look()) this.#events.emit({ kind: 'equipment' });
    this.#findings = [...POWER_METER_FINDINGS, ...(await probeCalls(this.#rest))];
    this.#events.emit({ kind: 'about' });
  }

  /** One line for the whole storm; the count stands on the card. The gate is asked at once, before the tenth drops the socket. */
  #hardwareError(module: number, message: string, count: number): void {
    const isFirst = !this.#errors.has(module);
    this.#errors.set(module, `${message} (${count})`);
    if (isFirst) this.#events.note('hardware', 'warning', `${message} (module ${module}).`, { module, count });
    this.#events.emit({ kind: 'equipment' });
    void this.#gate.check();
  }

  #recovered(module: number): void {
    this.#errors.delete(module);
    this.#events.note('hardware', 'info', `The hardware is back (module ${module}).`, { module });
    this.#events.emit({ kind: 'equipment' });
  }

  #linkChanged(): void {
    if (this.#healthLink === undefined) return;
    const streams = this.#streams.flatMap((stream) => (stream.isWanted ? (stream.snapshot ?? []) : []));
    this.#link = overallLink(this.#healthLink.snapshot, streams, this.#gate.isAnswered, {
      isClosed: this.#gate.isClosed,
      isPaused: this.#isPaused,
    });
    this.#events.emit({ kind: 'link', link: this.#link });
  }
}
