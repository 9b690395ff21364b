import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { VitalFrame } from '../../protocol/lab/vital-frame.ts';
import type { VitalEcg, VitalMessage } from '../../protocol/lab/vital-message.ts';
import type { Controls, Equipment, LabOutlet, LabStream } from '../equipment.ts';
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
import type { Link } from '../link/open-link.ts';
import { openLink } from '../link/open-link.ts';
import type { LinkSnapshot } from '../link-state.ts';
import type { LabPorts } from '../ports.ts';
import { ServerClock } from '../server-clock/server-clock.ts';
import { ServerEvents } from '../server-events.ts';
import { StreamTable } from '../stream-keeper/stream-table.ts';
import { vitalAddress } from './address.ts';
import { EcgStream } from './ecg-stream.ts';
import { patientEquipment, patientId, patientOf, streamKey } from './patient-equipment.ts';
import { alertSeverity, VITAL_FEATURES, VITAL_FINDINGS, vitalError, vitalFindings } from './vital-about.ts';
import { VitalProtocol } from './vital-protocol.ts';

/** More patients on one server are not listed. */
const MOST_PATIENTS = 100;
/** Asked for so; the pace is the server's, a message each second. */
const BLOCK_MS = 1000;

/** Opens the client of a VITAL server. Throws call.invalid for an address that is none; what cannot be reached mends itself. */
export function openVital(ports: LabPorts, options: LabServerOptions): Promise<LabServer> {
  return Promise.resolve(new VitalServer(ports, options));
}

interface Patient {
  ecg: EcgStream;
  severity: string;
  /** Asked for at the server, on this connection. */
  isAsked: boolean;
}

class VitalServer implements LabServer {
  readonly url: string;
  readonly dialect: DialectName = 'vital';
  readonly features: LabFeatures = VITAL_FEATURES;
  readonly #ports: LabPorts;
  readonly #events = new ServerEvents();
  readonly #clock: ServerClock;
  readonly #protocol: VitalProtocol;
  readonly #table: StreamTable;
  readonly #link: Link;
  readonly #patients = new Map<string, Patient>();
  #alarms = 0;
  #closing: Promise<void> | undefined;

  constructor(ports: LabPorts, options: LabServerOptions) {
    const address = vitalAddress(options.url);
    this.url = address.base;
    this.#ports = ports;
    this.#clock = new ServerClock(ports.clock);
    for (const patient of address.patients) this.#patient(patient);
    this.#protocol = new VitalProtocol(address.sockets, ports, this.#clock, () => options.token, {
      ready: () => this.#ready(),
      message: (message, frame) => this.#message(message, frame),
      ended: () => {
        for (const patient of this.#patients.values()) patient.isAsked = false;
      },
    });
    this.#table = new StreamTable(ports, {
      onSummary: (summary) => this.#link?.setStreams(summary),
      onLoss: (stream, lost, reason, isUnaccounted) =>
        this.#events.emit({ kind: 'loss', stream, lost, reason, isUnaccounted }),
    });
    this.#link = openLink(this.#protocol, ports, {
      isOff: options.webSocket === false,
      ...(options.maxAttempts === undefined ? {} : { maxAttempts: options.maxAttempts }),
      onWake: () => this.#clock.reset(),
      onChange: (snapshot, health) => {
        this.#table.setHealth(health, snapshot.reason);
        this.#events.emit({ kind: 'link', link: snapshot });
      },
    });
  }

  get about(): ServerAbout {
    const isAssumed = [...this.#patients.values()].some(({ ecg }) => ecg.isRateAssumed);
    const findings: Finding[] = [...VITAL_FINDINGS, ...vitalFindings(isAssumed, this.#protocol.encrypted)];
    const { version } = this.#protocol;
    return { name: 'VITAL', version: version === 0 ? 'JSON' : `protocol ${version}`, instance: '', findings };
  }

  get link(): LinkSnapshot {
    return this.#link.snapshot;
  }

  get clock(): ServerClockState {
    return this.#clock.state;
  }

  get traffic(): TrafficStats {
    const { messages, bytesPerS, wireBytes, bytes, roundTripMs } = this.#link.traffic;
    const { malformed } = this.#protocol;
    const { unaccounted } = this.#table;
    return { messages, bytesPerS, wireBytes, bytes, roundTripMs, malformed, unaccounted, dropped: 0 };
  }

  get equipment(): readonly Equipment[] {
    return [...this.#patients].map(([patient, { ecg, severity }]) =>
      patientEquipment(patient, ecg, severity, this.#link.isReady, this.url),
    );
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

  refreshEquipment(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#events.emit({ kind: 'equipment' });
    return Promise.resolve();
  }

  openStream(equipment: string, stream: string, _intervalMs: number, outlet: LabOutlet): LabStream {
    const patient = patientOf(equipment);
    const known = patient === undefined ? undefined : this.#patients.get(patient);
    if (patient === undefined || !known || stream !== 'ecg') {
      throw new LabError(
        'server.unsupported',
        `The server has no stream ${stream} of ${equipment}. Nothing was opened.`,
      );
    }
    const key = streamKey(patient);
    const isNew = this.#table.get(key) === undefined;
    const opened = this.#table.open(
      {
        key,
        start: () => this.#ask(patient),
        stop: () => {
          known.isAsked = false;
          this.#protocol.subscribe(patient, false);
        },
        renew: (reason) => this.#link.renew(reason),
      },
      BLOCK_MS,
      outlet,
    );
    if (isNew && known.ecg.columns.length > 0) {
      known.ecg.begin();
      this.#table.get(key)?.opened({ columns: known.ecg.columns, rateHz: known.ecg.rateHz });
    }
    return opened;
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

  command(_equipment: string, _text: string, _options: CommandOptions): Promise<string> {
    return Promise.reject(new LabError('server.unsupported', 'The server takes no commands. Nothing was sent.'));
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
    this.#table[Symbol.dispose]();
    await this.#link[Symbol.asyncDispose]();
  }

  #patient(id: string): Patient | undefined {
    let patient = this.#patients.get(id);
    if (!patient && this.#patients.size < MOST_PATIENTS) {
      patient = { ecg: new EcgStream(this.#ports, this.#clock), severity: '', isAsked: false };
      this.#patients.set(id, patient);
      this.#events.emit({ kind: 'equipment' });
    }
    return patient;
  }

  /** Patients named in the address are asked for at once: only their data tell what there is to read. */
  #ready(): void {
    for (const [id, patient] of this.#patients) {
      patient.ecg.begin();
      this.#ask(id);
    }
    this.#events.emit({ kind: 'about' });
    this.#events.emit({ kind: 'equipment' });
  }

  #ask(id: string): void {
    const patient = this.#patients.get(id);
    if (!patient || patient.isAsked) return;
    patient.isAsked = this.#protocol.subscribe(id, true);
  }

  #message(message: VitalMessage, frame: VitalFrame | undefined): void {
    switch (message.kind) {
      case 'ecg':
        this.#ecg(message.ecg, frame);
        break;
      case 'alert':
        this.#alert(message);
        break;
      case 'note':
        this.#events.note(message.topic, 'info', message.text, { ...message.data, patient: message.patient });
        break;
      case 'subscribed':
        if (!message.isAccepted)
          this.#events.note('subscription', 'warning', `Not given: ${message.target} ${message.text}`, {});
        break;
      case 'error':
        this.#events.emit({ kind: 'error', error: vitalError(message.code, message.text) });
        break;
      case 'shutdown':
        this.#events.note('server', 'warning', message.text, {});
        break;
    }
  }

  #ecg(ecg: VitalEcg, frame: VitalFrame | undefined): void {
    // A connection of one patient does not name it.
    const id = ecg.patient === '' ? ([...this.#patients.keys()][0] ?? 'ecg') : ecg.patient;
    const patient = this.#patient(id);
    if (!patient) return;
    const isNew = patient.ecg.take(ecg, frame?.timeUs, this.#table.get(streamKey(id)));
    if (!isNew && patient.severity === ecg.severity) return;
    patient.severity = ecg.severity;
    this.#events.emit({ kind: 'equipment' });
    if (isNew) this.#events.emit({ kind: 'about' });
  }

  #alert({ patient, severity, text, id }: Extract<VitalMessage, { kind: 'alert' }>): void {
    this.#alarms++;
    this.#events.emit({
      kind: 'alarm',
      id: id === '' ? `alert-${this.#alarms}` : id,
      state: 'active',
      severity: alertSeverity(severity),
      equipment: patient === '' ? '' : patientId(patient),
      text,
      atNs: this.#ports.clock.nowNs(),
    });
  }
}
