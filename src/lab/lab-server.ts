import type { LabError } from '../core/errors.ts';
import type { ControlValue } from '../core/instrument.ts';
import type { SocketFigures } from '../protocol/lab/socket-figures.ts';
import type { Controls, Equipment, LabOutlet, LabStream, LabWaveform } from './equipment.ts';
import type { LinkSnapshot } from './link-state.ts';

export type DialectName = 'lablink' | 'lablink-enhanced' | 'power-meter' | 'neurograph' | 'vital' | 'labwire.1';

/** What the server and we both have. A missing key is off. */
export interface LabFeatures {
  compression: readonly string[];
  priorities: readonly string[];
  recording: readonly string[];
  resume: boolean;
  acks: boolean;
  history: boolean;
  locks: boolean;
  /** Its equipment takes commands as text. */
  commands: boolean;
  /** The server itself takes commands, and `help` says which. */
  console: boolean;
  alarms: boolean;
  jobs: boolean;
  /** It answers what it counts of its own sending. */
  stats: boolean;
  polling: boolean;
}

/** Something about this server a person should know: `works`, `partly`, `broken`, `absent`. */
export interface Finding {
  feature: string;
  state: 'works' | 'partly' | 'broken' | 'absent';
  text: string;
}

export interface ServerAbout {
  /** As it calls itself. */
  name: string;
  version: string;
  /** The same for as long as the process runs, where it says so; else ''. */
  instance: string;
  findings: readonly Finding[];
}

export interface ServerClockState {
  /** Server time − our time; s. NaN while unknown. */
  offsetS: number;
  uncertaintyS: number;
  base: 'unix' | 'naive-local' | 'naive-utc' | 'monotonic' | 'none';
  method: 'two-way' | 'one-way' | 'http-date' | 'none';
}

/** What a server sends of itself to show that it lives. */
export interface Heartbeats {
  count: number;
  /** Arrival of the last one, ns since 1970. */
  lastNs: bigint | undefined;
}

export interface TrafficStats {
  messages: number;
  bytesPerS: number;
  wireBytes: number;
  /** Bytes after inflating; with `wireBytes` the saving. */
  bytes: number;
  roundTripMs: number;
  malformed: number;
  unaccounted: number;
  /** What the server said it dropped or thinned. */
  dropped: number;
  /** Undefined where the dialect has none. */
  heartbeats?: Heartbeats | undefined;
}

export interface LockState {
  equipment: string;
  /** '' : nobody. */
  owner: string;
  isOurs: boolean;
  expiresInS: number | undefined;
}

/** What a server says beside rows. */
export type LabServerEvent =
  | { kind: 'link'; link: LinkSnapshot }
  | { kind: 'equipment' }
  | { kind: 'about' }
  | { kind: 'lock'; lock: LockState }
  | {
      kind: 'alarm';
      /** Of the event, to tell repeats apart. */
      id: string;
      state: 'active' | 'acknowledged' | 'cleared';
      severity: 'info' | 'warning' | 'error' | 'critical';
      equipment: string;
      text: string;
      atNs: bigint;
    }
  /** Jobs, discovery, health, channels of NeuroGraph, media: shown as lines, kept in the log. */
  | {
      kind: 'note';
      topic: string;
      severity: 'info' | 'warning' | 'error';
      text: string;
      data: Record<string, unknown>;
      media?: { type: string; bytes: Uint8Array } | undefined;
    }
  /** Rows were dropped by the server, or the numbering has a hole nothing explains. */
  | { kind: 'loss'; stream: string; lost: number; reason: string; isUnaccounted: boolean }
  | { kind: 'error'; error: LabError };

export interface Login {
  user: string;
  password: string;
  mfaToken?: string | undefined;
}

export interface CommandOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
  /** The same id is carried out once. */
  idem?: string;
}

export interface OutputsOffResult {
  equipment: string;
  group: string;
  confirmed: boolean;
  reason?: string | undefined;
}

/**
 * One lab server, whatever it speaks; made by `openLabServer`. Streams and locks that are wanted stay wanted over any number of connections.
 */
export interface LabServer extends AsyncDisposable {
  readonly url: string;
  readonly dialect: DialectName;
  readonly about: ServerAbout;
  readonly features: LabFeatures;
  readonly link: LinkSnapshot;
  readonly clock: ServerClockState;
  readonly traffic: TrafficStats;
  readonly equipment: readonly Equipment[];
  /** Called in turns of its own; listeners must not throw. */
  onEvent(listener: (event: LabServerEvent) => void): Disposable;
  /** Tries at once, whatever it waits for; from `failed` and `disconnected`, too. */
  reconnect(): void;
  /** By the person: no tries until `reconnect`. */
  disconnect(): void;
  /** WebSocket on or off: off polls only, where the dialect can. */
  setSocket(on: boolean): void;
  /** Throws server.unauthorized, server.mfa-required, server.busy, server.unreachable. */
  login?(login: Login, signal: AbortSignal): Promise<void>;
  logout?(): Promise<void>;
  /** Asks for the list anew. */
  refreshEquipment(signal: AbortSignal): Promise<void>;
  /** Wanted from now on; `outlet.opened` follows when rows come. Of several wishes for one stream the one for more rows holds. Throws server.unsupported. */
  openStream(equipment: string, stream: string, intervalMs: number, outlet: LabOutlet, wish?: StreamWish): LabStream;
  readControls(equipment: string, signal: AbortSignal): Promise<Controls>;
  /** Gives the read-back. Throws server.busy (lock), server.rejected, server.timeout, server.denied. */
  setControl(equipment: string, control: string, value: ControlValue, options: CommandOptions): Promise<Controls>;
  /** A command of the server's own, for the console: gives its answer as text. `equipment` '': to the server itself, where it has a console. */
  command(equipment: string, text: string, options: CommandOptions): Promise<string>;
  capture?(equipment: string, channels: readonly string[], signal: AbortSignal): Promise<LabWaveform>;
  /** A picture of an instrument's screen. Throws server.unsupported, server.denied, server.rejected. */
  screenshot?(equipment: string, signal: AbortSignal): Promise<{ mediaType: string; bytes: Uint8Array<ArrayBuffer> }>;
  /** A file of a recording that was stopped; `part` from 1. Throws server.unsupported where there is none, server.denied. */
  downloadRecording?(
    name: string,
    part: number,
    signal: AbortSignal,
  ): Promise<{ file: string; bytes: Uint8Array<ArrayBuffer> }>;
  /** `force` takes it from its owner: only when a person said so. */
  lock?(equipment: string, on: boolean, force: boolean, signal: AbortSignal): Promise<LockState>;
  /** Switches every output of one equipment off and reads each back. Never throws. */
  outputsOff(equipment: string): Promise<OutputsOffResult[]>;
  /** The server's own emergency stop and every channel by itself, at once; what either way confirms is confirmed. Never throws. */
  emergencyStop?(): Promise<OutputsOffResult[]>;
  /** What the server counts of its own sending, asked now. Throws server.unsupported, server.closed, server.timeout, call.cancelled. */
  stats?(signal: AbortSignal): Promise<SocketFigures>;
  /** Begins a recording of messages that the server makes at its own place. Throws server.denied, server.unsupported, server.rejected. */
  startRecording?(options: ServerRecordingOptions, signal: AbortSignal): Promise<ServerRecording>;
  /** Throws server.unsupported where none of that name runs, server.denied, server.rejected. */
  stopRecording?(name: string, signal: AbortSignal): Promise<ServerRecordingEnd>;
  /** Recordings that run at the server; undefined where it does not tell this login. Throws server.unsupported, server.closed, server.timeout. */
  recordings?(signal: AbortSignal): Promise<readonly ServerRecordingEnd[] | undefined>;
  /** Acknowledges an alarm of the server. */
  acknowledge?(alarm: string, who: string, signal: AbortSignal): Promise<void>;
}

/** What a recording at a server is called and kept as; default: as the server likes it. */
export interface ServerRecordingOptions {
  name?: string | undefined;
  /** One of `features.recording`. */
  format?: string | undefined;
  /** Kept in the head of the file. */
  about?: Record<string, unknown> | undefined;
}

export interface ServerRecording {
  name: string;
  /** Name of its newest file; where it lies is the server's business. */
  file: string;
}

/** How far it is, or how far it came. */
export interface ServerRecordingEnd extends ServerRecording {
  durationS: number;
  messages: number;
  bytes: number;
}

/** How the rows of a stream are wanted; a server that knows no such wish sends all. */
export interface StreamWish {
  /** `latest`: only the newest row, never behind older ones, as a display wants it. What is left out for it is no loss. Default: `stream`, every row. */
  delivery?: 'stream' | 'latest' | undefined;
  /** Rows older than that when their turn comes are left out; ms. Default: however old. */
  maxAgeMs?: number | undefined;
}

/** What a person may set of a server. */
export interface LabServerOptions {
  /** `http://host:8000`, `ws://…`, `host:port`; a path names the socket. */
  url: string;
  token?: string | undefined;
  login?: Login | undefined;
  /** What `onSession` gave before: renews a login without its password. */
  session?: string | undefined;
  /** A login gave something to renew it with, or it ended (undefined). It is a secret: for the keychain. */
  onSession?: ((session: string | undefined) => void) | undefined;
  /** Client name shown to others. */
  name?: string | undefined;
  webSocket?: boolean | undefined;
  /** Only for servers that do not say what they are. */
  dialect?: DialectName | undefined;
  maxAttempts?: number | undefined;
  /** Ids of the hubs this client passes the bench on to, itself first: a server that is among them refuses the loop. Asked at each connection. */
  via?: (() => readonly string[]) | undefined;
  /** Certificates are checked; false only when a person said so. */
  secure?: boolean | undefined;
  /** Where an emergency stop made here is kept, for servers that keep none; without it, it ends with this client. */
  stopMemory?: StopMemory | undefined;
}

/** Whether an emergency stop made here holds; outlives the client it was made with. */
export interface StopMemory {
  readonly isOn: boolean;
  set(isOn: boolean): void;
}
