import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AnswerTable } from '../contract/answer-table.ts';
import type { Right } from '../contract/calls.ts';
import type { Link } from '../contract/link.ts';
import { type Handlers, type ServedScreen, serve } from '../contract/serve.ts';
import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import { openLabServer } from '../lab/open-lab-server.ts';
import { ChannelBook } from './acquisition/channel-book.ts';
import { RateMeter, type Rates } from './acquisition/rate-meter.ts';
import { SampleFan } from './acquisition/sample-fan.ts';
import { StreamRegistry } from './acquisition/stream-registry.ts';
import { createAlarmDesk } from './bench/alarm-desk.ts';
import { BenchKeeper } from './bench/bench-keeper.ts';
import { createBenchLoader } from './bench/bench-loader.ts';
import { InstrumentTable } from './bench/instrument-table.ts';
import { JobTable } from './bench/job-table.ts';
import { OutputsDesk } from './bench/outputs-desk.ts';
import { RecordingDesk } from './bench/recording-desk.ts';
import { SimulatorDesk } from './bench/simulator-desk.ts';
import { createBenchCalls } from './calls/bench-calls.ts';
import { createConsoleCalls } from './calls/console-calls.ts';
import { createDiscoveryCalls } from './calls/discovery-calls.ts';
import { createDoctorCalls } from './calls/doctor-calls.ts';
import { createDriverCalls } from './calls/driver-calls.ts';
import { createFlightCalls } from './calls/flight-calls.ts';
import { createImportCalls } from './calls/import-calls.ts';
import { createInstrumentCalls, exchangeRecord } from './calls/instrument-calls.ts';
import { createLockCalls } from './calls/lock-calls.ts';
import { createMathCalls } from './calls/math-calls.ts';
import { createPlanCalls } from './calls/plan-calls.ts';
import { createPreflightCalls } from './calls/preflight-calls.ts';
import { createRecordingCalls } from './calls/recording-calls.ts';
import { createReplayCalls } from './calls/replay-calls.ts';
import { createSafetyCalls } from './calls/safety-calls.ts';
import { createSampleCalls } from './calls/sample-calls.ts';
import { createServerCalls } from './calls/server-calls.ts';
import { createServerRecordingCalls } from './calls/server-recording-calls.ts';
import { createSessionCalls } from './calls/session-calls.ts';
import { createShareCalls } from './calls/share-calls.ts';
import { createShelfCalls } from './calls/shelf-calls.ts';
import { createUploadCalls } from './calls/upload-calls.ts';
import type { DiscoveryDesk } from './discovery/discovery-desk.ts';
import { adapterAt, createDiscovery, followBench, openKnown, waysBack } from './discovery/open-discovery.ts';
import { openOwnDefinitions } from './driver/own-definitions.ts';
import type { EngineParts } from './engine-parts.ts';
import { FlightDesk } from './flight/flight-desk.ts';
import { History } from './history/history.ts';
import { ScreenHubs } from './history/screen-hubs.ts';
import type { HostServices } from './host-services.ts';
import { createEnginePorts } from './lab/engine-ports.ts';
import { hubIds } from './lab/hub-id.ts';
import { ServerDesk } from './lab/server-desk.ts';
import { ServerStops } from './lab/server-stops.ts';
import { LockTable } from './lock/lock-table.ts';
import { obeyLocks } from './lock/locked-calls.ts';
import { MathDesk } from './math/math-desk.ts';
import { createMathStage } from './math/math-stage.ts';
import { PlanDesk } from './plan/plan-desk.ts';
import type { PlanRecorder } from './plan/plan-runner.ts';
import { SweepDesk } from './plan/sweep-desk.ts';
import { systemDisk } from './recording/disk.ts';
import { type Library, openLibrary } from './recording/library.ts';
import { SessionDesk } from './recording/message-log/session-desk.ts';
import { RecordedShelf } from './recording/recorded-shelf.ts';
import { recoverElsewhere } from './recording/recover-elsewhere.ts';
import { ReplayDesk } from './replay/replay-desk.ts';
import { EmergencyLatch } from './safety/emergency-latch.ts';
import { SafetyDesk } from './safety/safety-desk.ts';
import { createMemorySecrets } from './secret-store.ts';
import { ShareDesk } from './share/share-desk.ts';
import { AutoThin } from './shelf/auto-thin.ts';
import { recoverSwaps } from './shelf/swap.ts';
import { trashRecording } from './shelf/trash.ts';
import { Awake } from './state/awake.ts';
import { ClockWatch } from './state/clock-watch.ts';
import { openDataFolder } from './state/data-folder.ts';
import { emptyState } from './state/empty-state.ts';
import { EventLog } from './state/event-log.ts';
import { createNoticingHost } from './state/noticing-host.ts';
import { PulseMaker } from './state/pulse.ts';
import { readSettings } from './state/settings-file.ts';
import { StateBoard } from './state/state-board.ts';
import { StreamBoard } from './state/stream-board.ts';
import { TraceDesk } from './state/trace-desk.ts';
import { createSystemClock, type SystemClock } from './system-clock.ts';
import { noteBoards } from './transport/prologix/board-table.ts';
import { UploadChoice } from './upload/upload-choice.ts';
import { UploadDesk } from './upload/upload-desk.ts';

export interface EngineOptions {
  /** Locked by the engine. */
  dataFolder: string;
  host: HostServices;
  version: string;
  /** The built export worker. */
  exportWorker: URL | string;
  /** Default: a clock of its own. */
  clock?: Clock & Partial<Pick<SystemClock, 'woke'>>;
  /** The wall clock to compare it with, ms since 1970. Default: the system's. */
  wallMs?: () => number;
  /** Screens at once; one more is refused with `call.limit`. Default 32. */
  maxScreens?: number;
}

/** What a screen is let do. */
export interface ScreenOptions {
  rights: readonly Right[];
  /** It may call in the name of others and share the bench: who reaches the engine with its token. Default false. */
  trusted?: boolean;
}

export interface Engine extends AsyncDisposable {
  readonly id: string;
  readonly isRecording: boolean;
  /** Serves one screen until its link closes. Throws call.limit. */
  serve(link: Link, options: ScreenOptions): ServedScreen;
  /** Tells other screens of this data folder where to find this engine. */
  announce(at: { url: string; token: string }): Promise<void>;
}

/**
 * The engine of a data folder: instruments, recordings, alarms, history, bench file. Everything it does for a screen goes through the contract.
 * Throws engine.folder-in-use. Disposing finishes the recording, saves the bench and detaches; outputs stay as they are.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const scope = new Scope('engine');
  try {
    return await buildEngine(options, scope);
  } catch (error) {
    await scope[Symbol.asyncDispose]().catch(() => undefined);
    throw error;
  }
}

/** Calls under way of a screen that may be the hub. */
const TRUSTED_CALLS = 512;

async function buildEngine(options: EngineOptions, scope: Scope): Promise<Engine> {
  const { version, exportWorker, clock = createSystemClock(), wallMs = Date.now } = options;
  const folder = scope.use(await openDataFolder(options.dataFolder, version));
  const { settings, problem, isUnread: areSettingsUnread = false } = await readSettings(folder.path);
  const board = new StateBoard({ ...emptyState(folder.path), settings });
  const host = createNoticingHost(options.host, board, clock);
  const events = new EventLog(clock, board);
  const definitions = scope.use(openOwnDefinitions(folder.path, clock, events));
  const fan = new SampleFan();
  const registry = new StreamRegistry(fan, clock, folder.lastEpoch, (epoch) => folder.keepEpoch(epoch));
  const history = new History({ sizeBytes: settings.historyBytes });
  const hubs = new ScreenHubs(history, clock);
  const meter = new RateMeter(clock);
  const channels = new ChannelBook(board);
  const traces = new TraceDesk(clock);
  const simulator = new SimulatorDesk(host, board, clock);
  const library: Library = scope.use(
    await openLibrary({
      folder: () => board.state.settings.recordingsFolder,
      others: () => [{ path: board.state.settings.fallbackFolder }, ...recording.folders],
      clock,
      appeared: () => void library.recover(),
      // One that ended by itself is whole as far as it goes.
      openSessions: () => new Set(board.state.sessions.flatMap(({ paths, error }) => (error ? [] : paths))),
      cachePath: join(folder.path, 'library.json'),
    }),
  );

  const keeper: BenchKeeper = new BenchKeeper(
    folder.path,
    { clock, board },
    {
      collect: (name) => loader.collect(name),
    },
  );
  const emergency = new EmergencyLatch({
    clock,
    board,
    events,
    path: join(folder.path, 'emergency-stop.json'),
    outputsOff: (who) => outputs.off(who),
  });
  const safety: SafetyDesk = scope.use(
    new SafetyDesk({
      clock,
      board,
      events,
      emergency,
      attached: () => instruments.all,
      outputsOff: (wanted, who) => outputs.offOf(wanted, who),
      touched: () => keeper.touch(),
    }),
  );
  const known = scope.use(await openKnown(folder.path, events));
  noteBoards(known.all.flatMap(({ paths }) => paths.map(({ resource }) => resource)));
  const locks: LockTable = scope.use(
    new LockTable({
      clock,
      labelOf: (instrument) => instruments.find(instrument).label,
      changed: (instrument) => instruments.show(instrument),
    }),
  );
  const instruments: InstrumentTable = new InstrumentTable({
    clock,
    registry,
    sink: fan,
    channels,
    events,
    board,
    timeoutMs: () => board.state.settings.timeoutMs,
    localOnDetach: () => board.state.settings.localOnDetach,
    exchanged: (instrument, exchange) => {
      const record = exchangeRecord(instrument, exchange);
      traces.add(record);
      flight.exchange(record);
    },
    touched: () => keeper.touch(),
    safety,
    known,
    remote: (resource) => servers.link(resource),
    adapterAt,
    waysTo: (attached, signal) =>
      waysBack({ known, discovery, simulated: (id) => simulator.resourcesOf(id) }, attached, signal),
    lockOf: (instrument) => locks.exclusive(instrument),
    isSimulated: (resource) => simulator.instruments.some(({ resources }) => resources.includes(resource)),
  });
  const discovery: DiscoveryDesk = createDiscovery({
    clock,
    board,
    known,
    attached: () =>
      instruments.all.map(({ id, label, shape, identity, resource }) => ({
        id,
        label,
        role: shape.role,
        identity,
        resource,
      })),
    simulated: () => simulator.instruments,
    servers: () => servers.all.map(({ state }) => state),
  });
  const secrets = host.secrets ?? createMemorySecrets();
  const serverStops = scope.use(await ServerStops.open(join(folder.path, 'server-stops.json'), events));
  const servers: ServerDesk = new ServerDesk({
    clock,
    board,
    events,
    host,
    secrets,
    ports: scope.use(createEnginePorts(clock, host)),
    path: join(folder.path, 'servers.json'),
    timeoutMs: () => board.state.settings.timeoutMs,
    open: (ports, options, signal) =>
      openLabServer(
        ports,
        {
          ...options,
          via: () => hubIds(join(folder.path, 'hub', 'id')),
          stopMemory: serverStops.memoryOf(options.url),
        },
        signal,
      ),
    attached: () => instruments.all,
    detach: (instrument) => instruments.close(instrument),
    listed: () => {
      discovery.refresh('server');
      void loader.attachRemote();
    },
  });
  const uploads = scope.use(
    new UploadDesk({
      clock,
      board,
      events,
      path: join(folder.path, 'uploads.json'),
      secrets,
      row: (id) => library.row(id),
      uploaded: (id, where) => library.mark(id, { uploaded: where }),
    }),
  );
  const awake = new Awake(host);
  const recording: RecordingDesk = new RecordingDesk({
    dataFolder: folder.path,
    version,
    clock,
    fan,
    registry,
    events,
    board,
    host: { notify: (notice) => host.notify(notice), blockSleep: awake.for('recording') },
    preTrigger: { write: (request) => flight.preTrigger.write(request) },
    timesRestOn: () => clockWatch.about,
    partFinished: ({ recording: id, name, path, part }) => void uploads.addPart(id, name, path, part),
  });
  const outputs: OutputsDesk = new OutputsDesk({
    clock,
    board,
    events,
    host,
    instruments,
    disarm: (why) => safety.disarmAll(why),
  });
  const alarms = scope.use(createAlarmDesk({ clock, board, events, channels, host, recording, outputs }));
  const jobs = scope.use(new JobTable(clock, board));
  const math = new MathDesk({ fan, registry, channels, board, touched: () => keeper.touch() });
  const plans = scope.use(
    new PlanDesk({
      clock,
      board,
      events,
      channels,
      fan,
      recorder: planRecorder(recording),
      touched: () => keeper.touch(),
    }),
  );
  const loader = createBenchLoader({
    board,
    events,
    channels,
    instruments,
    alarms,
    simulator,
    safety,
    known,
    math,
    plans,
  });
  // Order of the fan: the recorder puts itself first when it starts, then history, then rules, then what only counts, then the flight recorder.
  for (const sink of [history, alarms, new StreamBoard(board, events), meter]) scope.use(fan.add(sink));
  const flight: FlightDesk = scope.use(
    new FlightDesk({ dataFolder: folder.path, version, clock, fan, events, board, jobs, history }),
  );
  scope.use(math);
  scope.defer(() => simulator.stop().then(() => undefined));
  scope.use(servers);
  scope.use(instruments);
  scope.use(discovery);
  scope.use(keeper);
  scope.use(recording);
  const refreshAll = (): void => {
    for (const attachment of instruments.all) void attachment.refresh().catch(() => undefined);
  };
  const clockWatch: ClockWatch = scope.use(new ClockWatch({ clock, events, wallMs, slept: refreshAll }));
  const sweeps = scope.use(
    new SweepDesk({
      clock,
      board,
      events,
      setControl: (instrument, control, value, who) => instruments.find(instrument).setControl(control, value, { who }),
    }),
  );
  const sessions = scope.use(
    new SessionDesk({ clock, fan, events, board, version, blockSleep: awake.for('sessions') }),
  );

  const screens = new Set<ServedScreen>();
  const share = scope.use(
    new ShareDesk({
      clock,
      board,
      events,
      host,
      send: (id, asked) => [...screens].find(({ screen }) => screen.id === id)?.emit('share.asked', asked),
    }),
  );
  scope.use(
    board.onChange((change) => {
      if (change.event === 'instrument.removed') locks.detached(change.data.instrument);
    }),
  );
  scope.use(
    board.onChange(({ event, data, revision }) => {
      for (const screen of screens) screen.emit(event, data, revision);
    }),
  );
  scope.use(followBench(board, discovery));
  scope.use(recoverElsewhere(board, library));
  scope.use(
    library.onChange(() => {
      for (const screen of screens) screen.emit('library.changed', {});
    }),
  );
  scope.use(host.onOutputsOff(() => void outputs.off('desktop shortcut').catch(() => undefined)));
  scope.use(
    host.onWake((sleptMs) => {
      if (sleptMs !== undefined) clock.woke?.(sleptMs);
      clockWatch.look();
      refreshAll();
    }),
  );
  scope.use(
    new PulseMaker({
      clock,
      meter,
      recording: () => recording.state,
      recordingsFolder: () => board.state.settings.recordingsFolder,
      historyBytes: () => history.sizeBytes,
      beat: (pulse, rates) => {
        for (const served of screens) {
          const skippedRows = hubs.statsOf(served.screen)?.skippedRows ?? 0;
          served.emit('engine.pulse', { ...pulse, skippedRows });
        }
        recording.tick();
        servers.tick();
        showRates(instruments, channels, rates);
      },
    }),
  );

  const parts: EngineParts = {
    id: randomUUID(),
    version,
    startedNs: clock.nowNs(),
    dataFolder: folder.path,
    areSettingsUnread,
    exportWorker,
    clock,
    host,
    board,
    events,
    traces,
    fan,
    history,
    hubs,
    channels,
    instruments,
    known,
    discovery,
    outputs,
    emergency,
    safety,
    recording,
    flight,
    sessions,
    uploads,
    servers,
    locks,
    share,
    math,
    plans,
    sweeps,
    library,
    recorded: scope.use(new RecordedShelf(library)),
    replays: scope.use(
      new ReplayDesk({
        clock,
        board,
        hubs,
        library,
        fan,
        compute: (place) => createMathStage({ channels: math.channels, ...place }),
      }),
    ),
    alarms,
    jobs,
    simulator,
    keeper,
    timeoutMs: () => board.state.settings.timeoutMs,
    load: loader.load,
    attach: loader.attach,
  };
  scope.use(new AutoThin({ clock, board, events, jobs, library, recorded: parts.recorded, trash: trashRecording }));
  const answers = new AnswerTable(clock);
  const handlers: Handlers = obeyLocks(
    {
      ...createBenchCalls(parts),
      ...createInstrumentCalls(parts),
      ...createDiscoveryCalls(parts),
      ...createDoctorCalls(parts),
      ...createSafetyCalls(parts),
      ...createConsoleCalls(parts),
      ...createSampleCalls(parts),
      ...createRecordingCalls(parts),
      ...createShelfCalls(parts),
      ...createImportCalls(parts),
      ...createSessionCalls(parts),
      ...createFlightCalls(parts),
      ...createPreflightCalls(parts),
      ...createPlanCalls(parts),
      ...createMathCalls(parts),
      ...createReplayCalls(parts),
      ...createUploadCalls(parts),
      ...createServerCalls(parts),
      ...createServerRecordingCalls(parts),
      ...createLockCalls(parts),
      ...createShareCalls(parts),
      ...createDriverCalls(definitions),
    },
    parts,
  );
  if (problem) events.add({ kind: 'status', severity: 'warning', text: problem });
  await emergency.open();
  // Before the first screen: whatever it changes then, it changes in the bench of last time.
  await uploads.open();
  const uploadChoice = scope.use(new UploadChoice({ clock, board, library, uploads }));
  await servers.open();
  const restored = await keeper.restore();
  if (restored.problem) events.add({ kind: 'status', severity: 'error', text: restored.problem.message });
  loader.prepare(restored.document);
  const begun = begin(parts).catch((error: unknown) => {
    events.add({ kind: 'status', severity: 'error', text: LabError.from(error).message });
  });
  // Behind what a crash left behind, which the start has begun to finish.
  uploadChoice.look();
  scope.defer(() => begun);

  let nextScreen = 1;
  return {
    id: parts.id,
    get isRecording() {
      return recording.isRecording;
    },
    serve(link, { rights, trusted = false }) {
      const limit = options.maxScreens ?? 32;
      if (screens.size >= limit) {
        link.end(`This engine serves ${limit} screens already. Close one, then try again.`);
        throw new LabError('call.limit', `This engine serves ${limit} screens already. Close one, then try again.`);
      }
      const served = serve(link, handlers, {
        id: nextScreen++,
        rights,
        trusted,
        orders: { clock, answers },
        // The hub calls for all its clients, and holds each to a limit of its own.
        ...(trusted ? { maxCalls: TRUSTED_CALLS } : {}),
        onFault: (error) => events.add({ kind: 'status', severity: 'error', text: error.message }),
      });
      screens.add(served);
      traces.join(served);
      void served.closed.then(() => screens.delete(served));
      return served;
    },
    announce: (at) => folder.announce(at),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

/** What an engine does by itself at start: the recording a crash cut off, the simulated bench, the instruments of last time. */
async function begin({
  attach,
  board,
  events,
  flight,
  library,
  recording,
  share,
  simulator,
}: EngineParts): Promise<void> {
  share.follow();
  // Old files without end must not keep the instruments waiting.
  void flight.start();
  try {
    // Before anyone lists them; and before the instruments, so that nothing of them is missing.
    await library.during(endThinnings(board, events, library.folder));
  } catch (error) {
    events.add({ kind: 'status', severity: 'error', text: LabError.from(error).message });
  }
  try {
    await recording.prepare();
    await recording.resume(await library.recover());
  } catch (error) {
    events.add({ kind: 'status', severity: 'error', text: LabError.from(error).message });
  }
  if (board.state.settings.startSimulator) await simulator.start().catch(() => undefined);
  await attach();
}

/** Of recordings that were being thinned when the engine ended. */
async function endThinnings(board: StateBoard, events: EventLog, folder: string): Promise<void> {
  for (const root of new Set([folder, board.state.settings.fallbackFolder])) {
    if (root === '') continue;
    for (const text of await recoverSwaps(systemDisk, root, trashRecording)) {
      events.add({ kind: 'status', severity: 'error', text });
    }
  }
}

function showRates(instruments: InstrumentTable, channels: ChannelBook, rates: Rates): void {
  channels.measured(rates.byChannel);
  for (const attachment of instruments.all) {
    attachment.measured(rates.byInstrument.get(attachment.id) ?? { rateHz: 0, lost: 0 });
  }
}

/** The recording of the bench as plans see it. */
function planRecorder(recording: RecordingDesk): PlanRecorder {
  return {
    get isRecording() {
      return recording.isRecording;
    },
    start: async ({ name, notes, tags, preTriggerS }, why) => {
      await recording.start({ name, notes, tags, preTriggerS }, `plan “${name}”: ${why}`);
    },
    stop: async (why) => {
      const { error } = await recording.stop(why);
      if (error) throw error;
    },
  };
}
