import { join } from 'node:path';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { FlightState, LabEvent, RecordingRow } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { channelId, measuredColumns } from '../../core/stream-info.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import { aboutBench } from '../bench/about-bench.ts';
import type { JobTable } from '../bench/job-table.ts';
import type { PreTrigger } from '../bench/recording-desk.ts';
import type { History } from '../history/history.ts';
import type { Disk } from '../recording/disk.ts';
import { systemDisk } from '../recording/disk.ts';
import { openRecording } from '../recording/recording.ts';
import { recordingRow } from '../recording/recording-row.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { FlightLimits } from './flight-options.ts';
import { FlightRecorder } from './flight-recorder.ts';
import { FlightShelf } from './flight-shelf.ts';
import { LiveHistory } from './live-history.ts';
import { writePast } from './past-part.ts';
import { saveLast } from './save-last.ts';
import { spanText } from './span-text.ts';

export interface FlightDeskParts {
  dataFolder: string;
  version: string;
  clock: Clock;
  fan: SampleFan;
  events: EventLog;
  board: StateBoard;
  jobs: JobTable;
  history: History;
  disk?: Disk | undefined;
  limits?: Partial<FlightLimits> | undefined;
}

export interface SaveLastRequest {
  minutes: number;
  name?: string | undefined;
  notes?: string | undefined;
  tags?: readonly string[] | undefined;
  /** Default: that of the settings. */
  operator?: string | undefined;
}

/** The last rows are still in the open batches of their sources: they come out within 16 ms. */
const LAST_ROWS_MS = 40;
/** The recorder writes these itself, with row numbers, or they are of another recording. */
const OWN_EVENTS = new Set(['start', 'stop', 'gap']);

/** The flight recorder in its engine: what it hears, what it follows, and what is made of it. */
export class FlightDesk implements AsyncDisposable {
  readonly flight: FlightRecorder;
  /** The live streams beyond memory. */
  readonly history: LiveHistory;
  /** For recordings that begin before they were started. */
  readonly preTrigger: PreTrigger;
  readonly #parts: FlightDeskParts;
  readonly #disk: Disk;
  readonly #shelf: FlightShelf;
  readonly #taps: Disposable[];
  #shown = '';

  constructor(parts: FlightDeskParts) {
    const { dataFolder, clock, fan, events, board } = parts;
    this.#parts = parts;
    this.#disk = parts.disk ?? systemDisk;
    this.flight = new FlightRecorder({
      folder: join(dataFolder, 'flight'),
      clock,
      settings: () => board.state.settings,
      about: () => aboutBench(board.state, parts.version, ''),
      onChange: (state) => this.#show(state),
      tell: (event) => void events.add(event),
      disk: this.#disk,
      limits: parts.limits,
    });
    this.#shelf = new FlightShelf(this.flight, this.#disk, clock);
    this.history = new LiveHistory(parts.history, this.#shelf);
    this.preTrigger = { write: (request) => this.#writePast(request) };
    this.#taps = [
      fan.add(this.flight),
      events.onEvent((event: LabEvent) => {
        if (!OWN_EVENTS.has(event.kind)) this.flight.event(event);
      }),
      board.onChange(({ event }) => {
        if (event === 'settings.changed') void this.flight.apply();
      }),
    ];
  }

  /** Begins, with what earlier runs left. Never rejects. */
  start(): Promise<void> {
    return this.flight.start();
  }

  exchange(exchange: ExchangeRecord): void {
    this.flight.exchange(exchange);
  }

  /**
   * Makes a recording of the last minutes, in the recordings folder. Less than asked is said in `reason` and in its notes.
   * @throws LabError flight.unavailable, call.limit, call.cancelled, recording.disk-full, recording.denied, recording.failed
   */
  saveLast(request: SaveLastRequest): Promise<RecordingRow> {
    const { clock, jobs, board } = this.#parts;
    const toNs = clock.nowNs();
    const span = spanText(request.minutes * 60);
    const name = request.name?.trim() || `${board.state.bench.name} last ${span} ${dateText(toNs)}`;
    return new Promise((resolve, reject) => {
      try {
        jobs.start({
          kind: 'save-last',
          label: name,
          path: board.state.settings.recordingsFolder,
          run: ({ signal, progress }) => {
            const saving = this.#save({ ...request, name }, toNs, signal, progress);
            saving.then(resolve, reject);
            return saving;
          },
        });
      } catch (error) {
        reject(error);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tap of this.#taps) tap[Symbol.dispose]();
    // Neither waits for the other where the disk hangs.
    await Promise.all([this.#shelf[Symbol.asyncDispose](), this.flight[Symbol.asyncDispose]()]);
  }

  async #save(
    { minutes, name, notes, tags, operator }: SaveLastRequest & { name: string },
    toNs: bigint,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<RecordingRow> {
    const { clock, board, events, version } = this.#parts;
    const { recordingsFolder, diskReserveBytes } = board.state.settings;
    const about = aboutBench(board.state, version, notes ?? '');
    const unsettled = await this.#settle(signal);
    const saved = await saveLast({
      ring: this.flight.ring,
      disk: this.#disk,
      clock,
      folder: recordingsFolder,
      name,
      about: { ...about, operator: operator ?? about.operator },
      tags: tags ?? [],
      fromNs: toNs - BigInt(Math.round(minutes * 60e9)),
      toNs,
      unsettled,
      reserveBytes: diskReserveBytes,
      signal,
      onProgress,
    });
    events.add({ kind: 'status', text: `Saved from the flight recorder: ${name}`, data: { recording: saved.id } });
    await using recording = await openRecording(saved.path, { disk: this.#disk });
    const row = recordingRow(recording);
    return saved.shortfall === '' ? row : { ...row, reason: row.reason ?? saved.shortfall };
  }

  /** All that came until now is in finished files; gives what is not. */
  async #settle(signal?: AbortSignal): Promise<string> {
    await delay(this.#parts.clock, LAST_ROWS_MS, signal);
    return this.flight.settle(signal);
  }

  async #writePast(request: Parameters<PreTrigger['write']>[0]): ReturnType<PreTrigger['write']> {
    const { clock, board } = this.#parts;
    // Before anything is awaited: what comes from here on is the other part's.
    const liveStarts = this.flight.ends;
    const left = new Set(board.state.channels.filter(({ recorded }) => !recorded).map(({ id }) => id));
    const unsettled = await this.flight.settle();
    const { state } = this.flight.state;
    return writePast({
      ...request,
      unsettled: state === 'off' ? 'The flight recorder is off: what came since is missing.' : unsettled,
      ring: this.flight.ring,
      disk: this.#disk,
      clock,
      liveStarts,
      records: (info) => measuredColumns(info).some(({ channel }) => !left.has(channelId(info.instrument, channel))),
    });
  }

  #show(flight: FlightState): void {
    const text = JSON.stringify(flight);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#parts.board.publish('flight.changed', { flight });
  }
}

/** Local time, as a person looks for it in a list. */
function dateText(timeNs: bigint): string {
  const time = new Date(Number(timeNs / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}.${two(time.getMinutes())}.${two(time.getSeconds())}`;
}
