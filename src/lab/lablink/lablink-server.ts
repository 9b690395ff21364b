import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import { startRecording, stopRecording } from '../../protocol/lab/lablink-command.ts';
import type { SocketFigures } from '../../protocol/lab/socket-figures.ts';
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
import type { LinkSnapshot } from '../link-state.ts';
import type { LabPorts } from '../ports.ts';
import type { LabLinkAddress } from './address.ts';
import { BenchWatch } from './bench-watch.ts';
import { captureWaveform } from './capture.ts';
import { consoleHelp, mayRestore, parseConsoleLine, rawCall, SERVER_COMMANDS } from './console-command.ts';
import { isControl, sendCommand } from './device-command.ts';
import type { Send } from './device-controls.ts';
import { commandOf, readBack, readDevice } from './device-controls.ts';
import { EmergencyLatch } from './emergency-latch.ts';
import { findingsOf } from './findings.ts';
import { LabLinkSession } from './lablink-session.ts';
import { LockKeeper } from './lock-keeper.ts';
import { switchOff } from './outputs-off.ts';

/** A LabLink server, as shipped or repaired, basic or enhanced. Made by `openLabLink`. */
export class LabLinkServer implements LabServer {
  readonly url: string;
  readonly #session: LabLinkSession;
  readonly #locks: LockKeeper;
  readonly #latch: EmergencyLatch;
  readonly #bench: BenchWatch;
  #disposed: Promise<void> | undefined;

  constructor(ports: LabPorts, options: LabServerOptions, address: LabLinkAddress, base: string) {
    this.url = options.url;
    this.#session = new LabLinkSession(ports, options, address, base);
    const { place } = this.#session;
    this.#locks = new LockKeeper(place);
    this.#latch = new EmergencyLatch(place, options.stopMemory);
    this.#bench = new BenchWatch({
      place,
      isPaused: () => this.#session.link.health === 'stopped',
      cameBack: (equipment) => this.#session.streams.cameBack(equipment),
      lockOwner: (equipment) => this.#locks.state(equipment)?.owner,
      locks: (locks) => this.#locks.heard(locks),
      askingStop: () => this.#latch.asking(),
      round: (signal) => this.#session.round(signal),
    });
  }

  /** The first questions, whatever comes of them, then the link. */
  async begin(options: LabServerOptions, signal: AbortSignal): Promise<void> {
    await this.#session.introduce(options.login, signal);
    // A list that does not come now comes with the next round.
    await this.#bench.refresh(signal).catch(() => undefined);
    this.#session.open(options);
    this.#bench.start();
  }

  get dialect(): DialectName {
    return this.#session.kind === 'enhanced' ? 'lablink-enhanced' : 'lablink';
  }

  get about(): ServerAbout {
    const { root, kind, trust, wantsToken, login } = this.#session;
    const { name, version, hostname } = root;
    return {
      name: hostname === '' ? name : `${name} ${hostname}`,
      version,
      instance: '',
      findings: findingsOf({
        version,
        kind,
        trust,
        isSplit: this.#bench.isSplit,
        security: wantsToken,
        hasToken: login.token !== undefined,
      }),
    };
  }

  get features(): LabFeatures {
    const own = { locks: true, commands: true, console: true, alarms: true, jobs: true, polling: true, history: true };
    const stats = this.#session.kind === 'enhanced';
    return { ...own, ...this.#session.offers, stats, resume: false, acks: false };
  }

  get link(): LinkSnapshot {
    return this.#session.link.snapshot;
  }

  get clock(): ServerClockState {
    return this.#session.clock.state;
  }

  get traffic(): TrafficStats {
    return this.#session.traffic;
  }

  get equipment(): readonly Equipment[] {
    return this.#bench.equipment;
  }

  onEvent(listener: (event: LabServerEvent) => void): Disposable {
    return this.#session.events.on(listener);
  }

  reconnect(): void {
    this.#session.reconnect();
  }

  disconnect(): void {
    this.#session.link.disconnect();
  }

  setSocket(on: boolean): void {
    this.#session.link.setSocket(on);
  }

  async login(login: Login, signal: AbortSignal): Promise<void> {
    await this.#session.login.login(login, signal);
    this.#session.events.emit({ kind: 'about' });
    if (!this.#session.link.isReady) this.#session.link.reconnect();
  }

  async logout(): Promise<void> {
    await this.#session.login.logout();
    this.#session.events.emit({ kind: 'about' });
  }

  refreshEquipment(signal: AbortSignal): Promise<void> {
    return this.#bench.refresh(signal);
  }

  openStream(equipment: string, stream: string, intervalMs: number, outlet: LabOutlet): LabStream {
    const { streams } = this.#session;
    if (!stream.startsWith('acq-'))
      return streams.openDevice(this.#find(equipment), equipment, stream, intervalMs, outlet);
    const facts = this.#bench.acquisitionOf(equipment, stream);
    if (facts) return streams.openAcquisition(facts, intervalMs, outlet);
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
    if (isOutput && parameters.enabled === true) this.#latch.refuse(control);
    await this.#sender(equipment, options)(action, parameters);
    return readBack(shape, control, this.#sender(equipment, options));
  }

  async command(equipment: string, text: string, options: CommandOptions): Promise<string> {
    const line = parseConsoleLine(text);
    const { word, parameters } = line;
    const { signal } = options;
    if (mayRestore(line)) this.#latch.refuse(`what ${word} sets`);
    if (line.path !== '') return textOf(await rawCall(this.#session.place, line, signal));
    if (word === 'help') return consoleHelp(this.#find(equipment)?.shape.commands ?? []);
    if (word === 'release_stop') return textOf(await this.#latch.release(signal));
    if (word === 'stats' || word.endsWith('_recording')) return this.#enhancedCommand(word, parameters);
    const own = SERVER_COMMANDS[word];
    if (own) {
      const answer = await own.run(this.#session.place, equipment, parameters, signal);
      // It may have changed the list; if not, the next round shows it.
      void this.#bench.refresh(AbortSignal.timeout(5000)).catch(() => undefined);
      return textOf(answer);
    }
    if (/^set_(output|input)$/.test(word) && parameters.enabled === true) this.#latch.refuse(word);
    return textOf(await this.#sender(equipment, options)(word, parameters));
  }

  capture(equipment: string, channels: readonly string[], signal: AbortSignal): Promise<LabWaveform> {
    return captureWaveform(this.#session.place, this.#get(equipment), channels, signal);
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
    if (known) return switchOff(this.#session.place, this.#locks, known);
    return [{ equipment, group: '', confirmed: false, reason: 'The lab server lists no such equipment.' }];
  }

  /** The server's own stop and ours at once: neither waits for the other. */
  async emergencyStop(): Promise<OutputsOffResult[]> {
    const activated = this.#latch.activate();
    const results = await Promise.all(this.equipment.map(({ id }) => this.outputsOff(id)));
    const failed = await activated;
    if (failed !== undefined) {
      const text = `The server's own stop failed: ${failed} Each output was switched off by itself.`;
      this.#session.events.note('emergency-stop', 'error', text);
    }
    return results.flat();
  }

  async acknowledge(alarm: string, who: string, signal: AbortSignal): Promise<void> {
    const body = { event_id: alarm, acknowledged_by: who };
    await this.#session.place.rest.post('/api/alarms/events/acknowledge', body, { signal });
    await this.#session.alarms.poll(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#bench[Symbol.dispose]();
    await this.#locks[Symbol.asyncDispose]();
    await this.#session.close();
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

  #sender(equipment: string, { signal, timeoutMs, idem }: CommandOptions): Send {
    const { place } = this.#session;
    return async (action, parameters) => {
      const command = { equipment, action, parameters, signal, timeoutMs, idem: isControl(action) ? idem : undefined };
      try {
        return await sendCommand(place, this.#locks, command);
      } catch (thrown) {
        // Drivers of supplies with one output know no channel.
        const { channel, ...others } = parameters;
        if (channel !== 1 || !/argument 'channel'/.test(LabError.from(thrown).message)) throw thrown;
        return sendCommand(place, this.#locks, { ...command, parameters: others });
      }
    };
  }

  async stats(signal: AbortSignal): Promise<SocketFigures> {
    const { kind, link, stats } = this.#session;
    if (kind !== 'enhanced') throw noStats();
    if (!link.isReady)
      throw new LabError('server.closed', 'There is no connection to the lab server. Nothing was asked.');
    const figures = stats.figuresOf(await stats.ask((text) => link.send(text), signal));
    if (!figures) throw noStats();
    return figures;
  }

  async #enhancedCommand(word: string, parameters: Record<string, unknown>): Promise<string> {
    const { kind, link, stats } = this.#session;
    if (kind !== 'enhanced' || !link.isReady)
      throw new LabError(
        'server.unsupported',
        `${word} needs the enhanced socket, which this server does not have. Nothing was sent.`,
      );
    if (word === 'stats') {
      const { connection, global } = await stats.ask((text) => link.send(text));
      return JSON.stringify({ connection, global });
    }
    const session = String(parameters.session_id ?? 'labwire');
    link.send(word === 'start_recording' ? startRecording(session, {}) : stopRecording(session));
    return 'sent';
  }
}

function noStats(): LabError {
  return new LabError('server.unsupported', 'This lab server does not say what it counts of its own sending.');
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return 'ok';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
