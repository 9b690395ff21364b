import type { LabEvent, RecordingState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { LogThinner } from '../acquisition/log-thinner.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { HostServices } from '../host-services.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recorder, RecordingResult } from '../recording/recorder-options.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';
import type { RecoveredFile } from '../recording/recovery.ts';
import { emptyState } from '../state/empty-state.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { aboutBench } from './about-bench.ts';
import { RecordingNote } from './recording-note.ts';

export interface RecordingDeskParts {
  dataFolder: string;
  version: string;
  clock: Clock;
  fan: SampleFan;
  registry: StreamRegistry;
  events: EventLog;
  board: StateBoard;
  host: HostServices;
}

export interface RecordingRequest {
  name?: string | undefined;
  folder?: string | undefined;
  notes?: string | undefined;
}

/** Events that far back are in the recording: the alarm that started it. */
const CAUSE_NS = 1_000_000_000n;

/** A disk that spins up takes some seconds; one that takes longer is told. */
const STALL_MS = 10_000;

/** The recorder writes these itself, with row numbers. */
const OWN_EVENTS = new Set(['start', 'stop', 'gap']);

interface Running {
  recorder: Recorder;
  thinner: LogThinner;
  folder: string;
  notes: string;
  tap: Disposable;
  eventTap: Disposable;
  part: number;
  isStallTold: boolean;
}

/**
 * Starts, stops and continues the recording of all attached streams. While it runs it stands first in the fan, keeps the system awake,
 * and notes in the data folder that it runs, so that the next engine goes on with it.
 */
export class RecordingDesk implements AsyncDisposable {
  readonly #parts: RecordingDeskParts;
  readonly #note: RecordingNote;
  #running: Running | undefined;
  #failure: RecordingState | undefined;
  /** Recordings that ended by themselves and whose files are being finished; a disk that hangs must not hold up the next one. */
  readonly #ending = new Set<Promise<void>>();
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: RecordingDeskParts) {
    this.#parts = parts;
    this.#note = new RecordingNote(parts.dataFolder);
  }

  get isRecording(): boolean {
    return this.#running !== undefined;
  }

  get state(): RecordingState {
    const running = this.#running;
    if (!running) return this.#failure ?? emptyState(this.#parts.dataFolder).recording;
    const { recorder } = running;
    const { stats } = recorder;
    return {
      state: 'recording',
      recording: recorder.id,
      name: recorder.name,
      path: recorder.paths.at(-1) ?? '',
      startedNs: String(recorder.startedNs),
      bytes: stats.bytes,
      rows: stats.rows,
      samples: stats.samples,
      lost: stats.lost,
      part: stats.part,
      diskSecondsLeft: stats.secondsLeft ?? null,
      error: null,
      retryNs: null,
    };
  }

  /** Throws recording.running, recording.empty, recording.denied, recording.disk-full, recording.failed. */
  start(request: RecordingRequest, who: string): Promise<RecordingState> {
    const causeNs = this.#parts.clock.nowNs() - CAUSE_NS;
    return this.#serially(async () => {
      if (this.#running)
        throw new LabError(
          'recording.running',
          `“${this.#running.recorder.name}” is being recorded already and goes on. Stop it first to start another.`,
        );
      if (this.#parts.board.state.instruments.length === 0) {
        throw new LabError(
          'recording.empty',
          'Nothing is attached, so there is nothing to record. Attach an instrument, then press record.',
        );
      }
      const name = request.name?.trim() || defaultName(this.#parts.board.state.bench.name, this.#parts.clock.nowNs());
      const folder = request.folder ?? this.#parts.board.state.settings.recordingsFolder;
      await this.#open({ name, folder, notes: request.notes ?? '' }, { causeNs });
      this.#parts.events.add({ kind: 'start', text: `Recording started: ${name}`, data: { who } });
      return this.state;
    });
  }

  /** Throws recording.idle. */
  stop(reason: string): Promise<RecordingResult> {
    return this.#serially(async () => {
      const running = this.#running;
      if (!running) throw new LabError('recording.idle', 'No recording is running. There is nothing to stop.');
      this.#parts.events.add({ kind: 'stop', text: `Recording stopped: ${running.recorder.name}`, data: { reason } });
      return this.#close(running, reason);
    });
  }

  /**
   * After a crash: goes on with what was being recorded then, in a new part behind those that were recovered. Gives whether there was
   * something. Throws recording.denied, recording.disk-full, recording.failed.
   */
  async resume(recovered: readonly RecoveredFile[]): Promise<boolean> {
    const note = await this.#note.read();
    if (!note) return false;
    const { id, name, folder, notes, startedNs, part: notedPart } = note;
    const parts = recovered.flatMap(({ recording }) => (recording?.id === id ? [recording.part] : []));
    const part = Math.max(notedPart, ...parts);
    return this.#serially(async () => {
      await this.#open({ name, folder, notes }, { continues: { id, startedNs: BigInt(startedNs), part: part + 1 } });
      const text = `The engine had ended while recording “${name}”. Recording continues in a new part; what lies between is missing.`;
      this.#parts.events.add({ kind: 'interrupted', severity: 'error', text });
      this.#parts.host.notify({ title: 'Recording was interrupted', text, severity: 'error' });
      return true;
    });
  }

  /** What is recorded of a channel, or how often, has changed. */
  reconsider(stream: string): void {
    const info = this.#parts.fan.streams.find(({ key }) => key === stream);
    if (info) this.#running?.thinner.reconsider(info);
  }

  /** About once a second: the state goes to the screens with the pulse; the part number is kept for `resume`. */
  tick(): void {
    const running = this.#running;
    if (!running) return;
    const { error } = running.recorder;
    if (error) {
      this.#failed(running, error);
      return;
    }
    this.#watchDisk(running);
    running.recorder.describe(this.#about(running.notes));
    if (running.recorder.stats.part === running.part) return;
    running.part = running.recorder.stats.part;
    void this.#keepNote(running).catch(() => undefined);
    this.#show();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changing.catch(() => undefined);
    if (this.#running) await this.#close(this.#running, 'Labwire was closed');
    await Promise.all(this.#ending);
  }

  async #open(
    what: { name: string; folder: string; notes: string },
    why: { causeNs?: bigint; continues?: { id: string; startedNs: bigint; part: number } },
  ): Promise<void> {
    const { clock, fan, registry, events, board, host } = this.#parts;
    const { partBytes, diskReserveBytes } = board.state.settings;
    const limits = { partBytes, reserveBytes: diskReserveBytes };
    const recorder = await openRecorder({
      folder: what.folder,
      name: what.name,
      clock,
      about: this.#about(what.notes),
      limits,
      continues: why.continues,
    });
    const thinner = new LogThinner(recorder, registry, (id) => {
      const channel = board.state.channels.find((candidate) => candidate.id === id);
      return { recorded: channel?.recorded ?? true, logIntervalS: channel?.logIntervalS ?? null };
    });
    const write = (event: LabEvent): void => {
      if (!OWN_EVENTS.has(event.kind)) recorder.event(event);
    };
    if (why.causeNs !== undefined) events.between(why.causeNs, clock.nowNs()).forEach(write);
    const running: Running = {
      recorder,
      thinner,
      folder: what.folder,
      notes: what.notes,
      tap: fan.add(thinner, 'first'),
      eventTap: events.onEvent(write),
      part: recorder.stats.part,
      isStallTold: false,
    };
    this.#running = running;
    this.#failure = undefined;
    void recorder.failed.then((error) => this.#failed(running, error));
    host.blockSleep(true);
    await this.#keepNote(running).catch(() => undefined);
    this.#show();
  }

  async #close(running: Running, reason: string): Promise<RecordingResult> {
    // The last rows are still in the open batches of their sources: they come out within 16 ms.
    await new Promise<void>((resolve) => void this.#parts.clock.after(40, resolve));
    untap(running);
    running.recorder.describe(this.#about(running.notes));
    const result = await running.recorder.stop(reason);
    if (this.#running === running) this.#running = undefined;
    this.#parts.host.blockSleep(false);
    await this.#note.remove();
    this.#show();
    return result;
  }

  /**
   * The recording ended by itself: told at once, and its file finished behind that. `error` may come twice, when the disk breaks while what
   * was waiting is written.
   */
  #failed(running: Running, error: LabError): void {
    const { recorder } = running;
    if (this.#running === running) {
      this.#failure = { ...this.state, state: 'failed', error: error.toJSON() };
      this.#running = undefined;
      untap(running);
      this.#parts.host.blockSleep(false);
      const ending = this.#finishFailed(recorder).finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    } else if (this.#failure?.recording === recorder.id && this.#failure.error?.code !== error.code) {
      this.#failure = { ...this.#failure, error: error.toJSON() };
    } else return;
    this.#show();
    this.#parts.events.add({
      kind: 'stop',
      severity: 'critical',
      text: `Recording ended by itself: ${error.message}`,
      data: { code: error.code },
    });
    this.#parts.host.notify({ title: 'Recording ended', text: error.message, severity: 'critical' });
  }

  async #finishFailed(recorder: Recorder): Promise<void> {
    // Before the next one can leave its own.
    void this.#serially(() => this.#note.remove()).catch(() => undefined);
    const { paths, error } = await recorder.stop('');
    if (this.#failure?.recording !== recorder.id || !error) return;
    this.#failure = { ...this.#failure, path: paths.at(-1) ?? this.#failure.path };
    this.#show();
  }

  #watchDisk(running: Running): void {
    const { stalledMs, queueBytes } = running.recorder.stats;
    const isStalled = stalledMs > STALL_MS;
    if (isStalled === running.isStallTold) return;
    running.isStallTold = isStalled;
    const mebibytes = Math.ceil(queueBytes / 2 ** 20);
    this.#parts.events.add({
      kind: 'status',
      severity: isStalled ? 'error' : 'info',
      text: isStalled
        ? `The disk has taken nothing for ${Math.round(stalledMs / 1000)} s: up to ${mebibytes} MiB of “${running.recorder.name}” wait in memory, and the recording ends if it stays so. Check the drive or the network folder.`
        : `The disk takes the recording “${running.recorder.name}” again. Nothing is missing.`,
    });
  }

  #about(notes: string): RecordingAbout {
    return aboutBench(this.#parts.board.state, this.#parts.version, notes);
  }

  #keepNote({ recorder, folder, notes, part }: Running): Promise<void> {
    const { id, name, startedNs } = recorder;
    return this.#note.write({ id, name, folder, notes, startedNs: String(startedNs), part });
  }

  #show(): void {
    this.#parts.board.publish('recording.changed', { recording: this.state });
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#changing.catch(() => undefined).then(work);
    this.#changing = next;
    return next;
  }
}

/** It hears nothing any more. */
function untap({ tap, eventTap }: Running): void {
  tap[Symbol.dispose]();
  eventTap[Symbol.dispose]();
}

/** `Bench 1 2026-11-20 14.12.05`, local time: what a person looks for in a list. */
function defaultName(bench: string, nowNs: bigint): string {
  const now = new Date(Number(nowNs / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${bench} ${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
}
