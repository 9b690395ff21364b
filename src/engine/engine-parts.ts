import type { Clock } from '../core/clock.ts';
import type { ChannelBook } from './acquisition/channel-book.ts';
import type { SampleFan } from './acquisition/sample-fan.ts';
import type { AlarmEngine } from './alarm/alarm-engine.ts';
import type { BenchDocument } from './bench/bench-file.ts';
import type { BenchKeeper } from './bench/bench-keeper.ts';
import type { InstrumentTable } from './bench/instrument-table.ts';
import type { JobTable } from './bench/job-table.ts';
import type { OutputsDesk } from './bench/outputs-desk.ts';
import type { RecordingDesk } from './bench/recording-desk.ts';
import type { SimulatorDesk } from './bench/simulator-desk.ts';
import type { DiscoveryDesk } from './discovery/discovery-desk.ts';
import type { KnownInstruments } from './discovery/known-instruments.ts';
import type { FlightDesk } from './flight/flight-desk.ts';
import type { History } from './history/history.ts';
import type { ScreenHubs } from './history/screen-hubs.ts';
import type { HostServices } from './host-services.ts';
import type { ServerDesk } from './lab/server-desk.ts';
import type { LockTable } from './lock/lock-table.ts';
import type { MathDesk } from './math/math-desk.ts';
import type { PlanDesk } from './plan/plan-desk.ts';
import type { SweepDesk } from './plan/sweep-desk.ts';
import type { Library } from './recording/library.ts';
import type { SessionDesk } from './recording/message-log/session-desk.ts';
import type { RecordedShelf } from './recording/recorded-shelf.ts';
import type { ReplayDesk } from './replay/replay-desk.ts';
import type { EmergencyLatch } from './safety/emergency-latch.ts';
import type { SafetyDesk } from './safety/safety-desk.ts';
import type { ShareDesk } from './share/share-desk.ts';
import type { EventLog } from './state/event-log.ts';
import type { StateBoard } from './state/state-board.ts';
import type { TraceDesk } from './state/trace-desk.ts';
import type { UploadDesk } from './upload/upload-desk.ts';

/** The rooms of one engine, as its calls see them. Made once in engine.ts. */
export interface EngineParts {
  readonly id: string;
  readonly version: string;
  readonly startedNs: bigint;
  readonly dataFolder: string;
  /** The file of the settings could not be read at the start: what stands there is not overwritten. */
  readonly areSettingsUnread: boolean;
  readonly exportWorker: URL | string;
  readonly clock: Clock;
  readonly host: HostServices;
  readonly board: StateBoard;
  readonly events: EventLog;
  readonly traces: TraceDesk;
  readonly fan: SampleFan;
  readonly history: History;
  /** What each screen watches. */
  readonly hubs: ScreenHubs;
  readonly channels: ChannelBook;
  readonly instruments: InstrumentTable;
  /** What was seen of instruments in this data folder. */
  readonly known: KnownInstruments;
  /** What there is to attach. */
  readonly discovery: DiscoveryDesk;
  readonly outputs: OutputsDesk;
  readonly emergency: EmergencyLatch;
  /** What devices under test stand, and which are armed. */
  readonly safety: SafetyDesk;
  readonly recording: RecordingDesk;
  readonly flight: FlightDesk;
  readonly sessions: SessionDesk;
  readonly math: MathDesk;
  readonly uploads: UploadDesk;
  /** Lab servers of the bench. */
  readonly servers: ServerDesk;
  /** Who has which instrument for themselves. */
  readonly locks: LockTable;
  /** Sharing the bench. */
  readonly share: ShareDesk;
  readonly plans: PlanDesk;
  readonly sweeps: SweepDesk;
  readonly library: Library;
  /** History of recordings, for plots. */
  readonly recorded: RecordedShelf;
  /** Recordings that play again. */
  readonly replays: ReplayDesk;
  readonly alarms: AlarmEngine;
  readonly jobs: JobTable;
  readonly simulator: SimulatorDesk;
  readonly keeper: BenchKeeper;
  timeoutMs(): number;
  /** Puts a bench document in place of the present one: detaches what is attached; `attach` brings what it has. */
  load(document: BenchDocument): Promise<void>;
  /** Attaches the instruments of the bench that are not there yet. */
  attach(): Promise<void>;
}
