import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type { CommandHelp } from '../../contract/instrument-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';
import type { ControlValue, Identity, InstrumentShape, Role } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { ExchangeOptions, Session } from '../session/session.ts';
import type { Transport } from '../transport/transport.ts';

/** One poll round. Values in the order of `shape.polled`; NaN = missing, ±Infinity = overload. Row time = (sent + received)/2. */
export interface DriverRow {
  values: Float64Array;
  /**
   * Channels that are measured at present, if not all: those of the meter's function, of the scope's displayed channels. The others are not
   * missing, they are not there: they are left out of the stream until a setting brings them back.
   */
  active?: readonly string[];
  sentNs: bigint;
  receivedNs: bigint;
}

/** A picture of the screen, as the instrument made it. */
export interface Screenshot {
  type: 'image/png' | 'image/bmp';
  bytes: Uint8Array;
}

/** Status read beside the values: lamps. `ch1.mode` = 'CV' | 'CC' | 'off', `ch1.tripped` = '' | 'OVP' | 'OCP', `range` = '10 V'. */
export type DriverStatus = Record<string, string>;

/** A scope waveform: samples with an x origin and step of their own. Several channels taken of one trigger share them. */
export interface Waveform {
  columns: ColumnInfo[];
  samples: Float32Array<ArrayBuffer>[];
  xOriginS: number;
  dtS: number;
  /** ns since 1970 of x = 0 as well as is known: middle of the exchange. */
  t0Ns: bigint;
}

/** Columns decoded by a streaming device, on their way into a batch. Regular stream: rows at `dtS` from the first arrival. */
export interface StreamRows {
  /** One view per channel, `rows` long; borrowed for the call. */
  columns: (Float32Array | Float64Array)[];
  rows: number;
  /** Rows the device dropped (its counter moved on) just before these. */
  lost: number;
  arrivedNs: bigint;
  /** Which of its streams; absent: the one opened last. */
  stream?: string;
  /** Streams without a rate: when each row was made, in seconds against the arrival (0 or less), and how sure that is; absent: on arrival. */
  timesS?: Float64Array;
  uncertaintyS?: number;
}

/** What a streaming driver reports to acquisition while it runs. */
export interface StreamOutlet {
  /** Before the first rows of a stream and when its rate or columns change. Rate 0: rows come when they come. */
  opened(info: { stream: string; columns: ColumnInfo[]; rateHz: number; float64: boolean }): void;
  rows(rows: StreamRows): void;
  /** Of a stream without a rate: nothing is known of that time. The rows after it follow. */
  gap(gap: { stream: string; fromNs: bigint; toNs: bigint; lost: number; reason: string }): void;
  /** A stream of a server that is known to give nothing now; the next rows end that. */
  silent(stream: string): void;
  /** Bad lines or frames so far; they are counted, never guessed at. */
  malformed(count: number): void;
}

export interface OutputOff {
  /** `ch1` */
  group: string;
  /** The read-back says off. */
  confirmed: boolean;
  reason?: string;
}

/**
 * A dialect of one family. Duties: never `*RST`, never change an output when opened; read back after every write; after a write read the
 * error queue until empty and throw `instrument.rejected` with what it said; let errors of the session through unchanged.
 */
export interface Driver extends AsyncDisposable {
  readonly shape: InstrumentShape;
  /** One round. With `channels` only those are needed (channels at slower rates rest); values not asked for may be NaN. */
  poll?(signal: AbortSignal, channels?: readonly string[]): Promise<DriverRow>;
  /** Lamps and the like; asked for every few rounds. */
  status?(signal: AbortSignal): Promise<DriverStatus>;
  /** Read-back of every control (or of those named). */
  readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>>;
  /**
   * Writes, reads the error queue, reads back; gives the read-back (of others it touched, too). Every exchange of it gets this very signal: by it the order
   * knows whether anything was sent.
   */
  setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>>;
  /** What `setControl` would send, selections included: the safety envelope recognizes commands of people by it. Undefined: no such control. */
  writes?(id: string, value: ControlValue): readonly string[] | undefined;
  /** Turns every output off on the safety lane and reads each back. Never throws: what failed is in the result. */
  outputsOff(): Promise<OutputOff[]>;
  /** Gives the front panel back; changes nothing else. Absent where the dialect has no command for it. */
  toLocal?(): Promise<void>;
  capture?(channels: readonly string[], signal: AbortSignal): Promise<Waveform>;
  /** Takes a picture of the screen. Throws the errors of the session, `protocol.malformed` for bytes that are no picture. */
  screenshot?(signal: AbortSignal): Promise<Screenshot>;
  /** Commands of the dialect for the console: completion and help. */
  readonly help?: readonly CommandHelp[];
  /** A command a person typed, with the dialect's own check after it (none: that of SCPI). Throws `instrument.rejected`. */
  send?(command: string, options: ExchangeOptions): Promise<void>;
  /** Reads what the instrument has to complain about, as the reason why a query was not answered; undefined: nothing (none: asked as SCPI has it). */
  explain?(query: string, options: ExchangeOptions): Promise<LabError | undefined>;
  /** Runs the stream until the signal aborts or the wire ends (then it throws what happened). */
  stream?(outlet: StreamOutlet, signal: AbortSignal): Promise<void>;
  /** Status and controls can be read while its streams run: they have a way of their own. */
  readonly isFreeWhileStreaming?: boolean;
}

export interface DriverContext {
  session: Session;
  clock: Clock;
  identity: Identity;
  /** As the person attached it; absent where nobody set anything. */
  options?: AttachOptions;
  /** Patience of `outputsOff` for each step; default 1000. */
  outputsOffStepMs?: number | undefined;
  /** Errors that belong to no call (error queue found non-empty while polling). */
  report(error: LabError): void;
}

/** How a family is reached where the resource string does not say; what a person sets goes before it. */
export type FamilyLine = Pick<AttachOptions, 'line' | 'writeTermination' | 'readTermination' | 'paceMs'>;

/** What `identify` may use. */
export interface IdentifyContext {
  session: Session;
  resource: string;
  /** As the person attached it: the format of a streaming device is in `stream`. */
  options: AttachOptions;
  timeoutMs: number;
}

/** One entry of the driver table. `matches` looks loosely: makers change the spelling of their names. */
export interface DriverFamily {
  name: string;
  /** `rigol-dp800`: how it is named in files and commands. */
  id?: string;
  /** What its instruments are, where that is known before one is attached. */
  role?: Role;
  matches(identity: Identity): boolean;
  /**
   * How to learn who is there when the family was chosen by its name (`AttachOptions.as`), instead of `*IDN?`: a question of its own (Korad, Modbus), or none
   * at all for what cannot be asked (Arduino lines, Teleplot): then it answers with a fixed maker and model and no serial number, and the path tells
   * two such devices apart. Changes nothing on the device. Throws the errors of the session, `instrument.mismatch` when another kind answers.
   */
  identify?(context: IdentifyContext): Promise<Identity>;
  /** Line settings and line ends when it was chosen by its name. */
  line?: FamilyLine;
  /**
   * For instruments whose replies are no lines: stands between the way and the session and makes them lines. Opened again, it begins anew, and so
   * does the dialect: a session on it has a fresh connection then. Such a family answers by its own question (`identify`).
   */
  frame?(transport: Transport, clock: Clock): Transport;
  /** Reads what it must know (ranges, limits); throws the errors of the session. */
  open(context: DriverContext): Promise<Driver>;
}
