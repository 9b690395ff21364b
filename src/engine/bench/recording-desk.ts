import { randomUUID } from 'node:crypto';
import type { LabEvent, RecordingChoices, RecordingState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { lastRowsOut } from '../acquisition/last-rows.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import { durationText } from '../acquisition/sleep-watch.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { HostServices } from '../host-services.ts';
import { type Disk, systemCode } from '../recording/disk.ts';
import type { RecordingResult } from '../recording/recorder-options.ts';
import type { RecordingAbout, RecordingLabels } from '../recording/recording-about.ts';
import type { RecoveredFile } from '../recording/recovery.ts';
import { emptyState } from '../state/empty-state.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { aboutBench } from './about-bench.ts';
import { RecordingNote, type Underway } from './recording-note.ts';
import { openRunning, type RetryLimits, type RunningRecording } from './running-recording.ts';

/** How long a recording that is stopped waits for its seconds before the start; ms. */
const PAST_MS = 20_000;

/** Rows from before a recording was started, as its first part. */
export interface PreTrigger {
  /**
   * Called in the same breath in which the recording begins to hear: what came before is its business, what comes after is not. Resolves when part 1 is written;
   * `fromNs` undefined: nothing of that time was there, and no file was made. `shortfall`: what was asked for and is missing, in sentences; '' if nothing is.
   * Rejects with a LabError; the recording goes on without.
   */
  write(request: {
    folder: string;
    name: string;
    id: string;
    startedNs: bigint;
    seconds: number;
    about: RecordingAbout;
    labels: Partial<RecordingLabels>;
  }): Promise<{ fromNs: bigint | undefined; shortfall: string }>;
}

export interface RecordingDeskParts {
  dataFolder: string;
  version: string;
  clock: Clock;
  fan: SampleFan;
  registry: StreamRegistry;
  events: EventLog;
  board: StateBoard;
  host: Pick<HostServices, 'notify' | 'blockSleep'>;
  preTrigger?: PreTrigger | undefined;
  /** What is recorded of the clock. */
  timesRestOn?: (() => RecordingAbout['clock']) | undefined;
  /** A part is whole and under its final name. */
  partFinished?: ((part: { recording: string; name: string; path: string; part: number }) => void) | undefined;
  disk?: Disk | undefined;
  retry?: Partial<RetryLimits> | undefined;
  /** Once less time than that is left until the disk is full, it is told; s. Default 30 min. */
  spaceWarnS?: number | undefined;
}

export interface RecordingRequest {
  name?: string | undefined;
  folder?: string | undefined;
  notes?: string | undefined;
  operator?: string | undefined;
  tags?: readonly string[] | undefined;
  options?: Partial<RecordingChoices> | undefined;
  /** Seconds of the past, from the flight recorder. */
  preTriggerS?: number | undefined;
}

/** What stays the same over all parts, and over a crash. */
type What = Omit<Underway, 'id' | 'startedNs' | 'part' | 'isOnOwnDrive'>;

/** Events that far back are in the recording: the alarm that started it. */
const CAUSE_NS = 1_000_000_000n;

/** Less time than that left on the disk is told; s. */
const SPACE_WARN_S = 1800;
/** It is told when it has been so for that long, as the pace of the first seconds says little; ms. */
const SPACE_SURE_MS = 10_000;

/** A disk that spins up takes some seconds; one that takes longer is told. */
const STALL_MS = 10_000;

/** The recorder writes these itself, with row numbers. */
const OWN_EVENTS = new Set(['start', 'stop', 'gap']);

interface Running {
  recording: RunningRecording;
  what: What;
  tap: Disposable;
  eventTap: Disposable;
  part: number;
  isStallTold: boolean;
  /** Since when there has been little space left, ms of the monotonic clock; and that it was told. */
  littleSinceMs?: number | undefined;
  isSpaceTold: boolean;
  /** Of the seconds before: resolves when they are written, or cannot be. */
  past?: Promise<void>;
}

/**
 * Starts, stops and continues the recording of all attached streams. While it runs it stands first in the fan, keeps the system awake,
 * and notes in the data folder that it runs, so that the next engine goes on with it.
 */
export class RecordingDesk implements AsyncDisposable {
  readonly #parts: RecordingDeskParts;
  readonly #note: RecordingNote;
  #isNoteUnread = false;
  #running: Running | undefined;
  #failure: RecordingState | undefined;
  #changing: Promise<unknown> = Promise.resolve();
  readonly #folders = new Map<string, Set<string>>();

  constructor(parts: RecordingDeskParts) {
    this.#parts = parts;
    this.#note = new RecordingNote(parts.dataFolder);
  }

  get isRecording(): boolean {
    return this.#running !== undefined;
  }

  /** Where this engine recorded, and the one before it that was cut off, with the ids of the recordings. */
  get folders(): { path: string; recordings: ReadonlySet<string> }[] {
    return [...this.#folders].map(([path, recordings]) => ({ path, recordings }));
  }

  get state(): RecordingState {
    return this.#running?.recording.state ?? this.#failure ?? emptyState(this.#parts.dataFolder).recording;
  }

  /** Throws call.invalid, recording.running, recording.empty, recording.denied, recording.disk-full, recording.failed. */
  start(request: RecordingRequest, who: string): Promise<RecordingState> {
    const causeNs = this.#parts.clock.nowNs() - CAUSE_NS;
    return this.#serially(async () => {
      const { board, clock, events } = this.#parts;
      this.#refuse(request);
      const { settings, bench } = board.state;
      const { options } = request;
      const what: What = {
        name: request.name?.trim() || defaultName(bench.name, clock.nowNs()),
        folder: request.folder ?? settings.recordingsFolder,
        notes: request.notes ?? '',
        operator: request.operator ?? settings.operator,
        tags: [...(request.tags ?? [])],
        compression: options?.compression ?? settings.recordingCompression,
        plainMessages: options?.plainMessages ?? settings.plainMessages,
      };
      await this.#open(what, { causeNs, preTriggerS: request.preTriggerS ?? 0 });
      events.add({ kind: 'start', text: `Recording started: ${what.name}`, data: { who } });
      return this.state;
    });
  }

  /** Throws recording.idle. */
  stop(reason: string): Promise<RecordingResult> {
    return this.#serially(async () => {
      const running = this.#running;
      if (!running) throw new LabError('recording.idle', 'No recording is running. There is nothing to stop.');
      this.#parts.events.add({ kind: 'stop', text: `Recording stopped: ${running.what.name}`, data: { reason } });
      return this.#close(running, reason);
    });
  }

  /** Before what was cut off is looked for: where that is. */
  async prepare(): Promise<void> {
    const note = await this.#readNote();
    if (note) this.#noteFolder(note.folder, note.id);
  }

  /**
   * After a crash: goes on with what was being recorded then, in a new part behind those that were recovered; while no disk takes it, it waits and holds
   * what comes. Gives whether there was something.
   */
  async resume(recovered: readonly RecoveredFile[]): Promise<boolean> {
    const note = await this.#readNote();
    if (!note) return false;
    const { id, startedNs, part: notedPart, isOnOwnDrive, ...what } = note;
    const parts = recovered.flatMap(({ recording }) => (recording?.id === id ? [recording.part] : []));
    const part = Math.max(notedPart, ...parts);
    return this.#serially(async () => {
      const continues = { id, startedNs: BigInt(startedNs), part: part + 1 };
      const { isWaiting } = await this.#open(what, { continues, resumes: { isOnOwnDrive } });
      const on = isWaiting ? 'Recording waits for its disk' : 'Recording continues in a new part';
      const text = `The engine had ended while recording “${what.name}”. ${on}; what lies between is missing.`;
      this.#parts.events.add({ kind: 'interrupted', severity: 'error', text });
      this.#parts.host.notify({ title: 'Recording was interrupted', text, severity: 'error' });
      return true;
    });
  }

  /** One that cannot be read is told once: what was recorded is safe, but nobody goes on with it. */
  async #readNote(): Promise<Underway | undefined> {
    if (this.#isNoteUnread) return undefined;
    try {
      return await this.#note.read();
    } catch (error) {
      this.#isNoteUnread = true;
      const text = `Whether a recording was cut off cannot be read (${systemCode(error) || error}). What was recorded is kept; start recording again if it should go on.`;
      this.#parts.events.add({ kind: 'interrupted', severity: 'error', text });
      return undefined;
    }
  }

  /** What is recorded of a channel, or how often, has changed. */
  reconsider(stream: string): void {
    const info = this.#parts.fan.streams.find(({ key }) => key === stream);
    if (info) this.#running?.recording.reconsider(info);
  }

  /** About once a second: the state goes to the screens with the pulse; the part number is kept for `resume`. */
  tick(): void {
    const running = this.#running;
    if (!running) return;
    const { recording } = running;
    recording.check();
    this.#watchDisk(running);
    this.#watchSpace(running);
    recording.describe(this.#about(running.what.notes));
    if (recording.part !== running.part) this.#partChanged(running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changing.catch(() => undefined);
    if (this.#running) await this.#close(this.#running, 'Labwire was closed');
  }

  #refuse({ options }: RecordingRequest): void {
    if (options?.format !== undefined && options.format !== 'labwire') {
      throw new LabError(
        'call.invalid',
        `${options.format} holds messages, not samples. Start a session in that format, or record and export afterwards.`,
      );
    }
    if (this.#running)
      throw new LabError(
        'recording.running',
        `“${this.#running.what.name}” is being recorded already and goes on. Stop it first to start another.`,
      );
    if (this.#parts.board.state.instruments.length === 0) {
      throw new LabError(
        'recording.empty',
        'Nothing is attached, so there is nothing to record. Attach an instrument, then press record.',
      );
    }
  }

  async #open(
    what: What,
    why: {
      causeNs?: bigint;
      preTriggerS?: number;
      continues?: { id: string; startedNs: bigint; part: number };
      resumes?: { isOnOwnDrive: boolean };
    },
  ): Promise<RunningRecording> {
    const { clock, fan, registry, events, board, host, preTrigger, disk, retry } = this.#parts;
    const { partBytes, diskReserveBytes } = board.state.settings;
    const { name, folder, operator, tags, compression, plainMessages, notes } = what;
    const labels = { operator, tags };
    const before =
      preTrigger && why.preTriggerS ? { id: `rec-${randomUUID()}`, startedNs: clock.nowNs(), part: 2 } : undefined;
    const recording: RunningRecording = await openRunning({
      recorder: {
        folder,
        name,
        clock,
        labels,
        compression,
        plainMessages,
        limits: { partBytes, reserveBytes: diskReserveBytes },
        disk,
        onPart: (path, part) => this.#parts.partFinished?.({ recording: recording.id, name, path, part }),
      },
      continues: why.continues ?? before,
      resumes: why.resumes,
      home: this.#parts.dataFolder,
      mayLack: before && 1,
      clock,
      registry,
      choiceOf: (id) => {
        const channel = board.state.channels.find((candidate) => candidate.id === id);
        return { recorded: channel?.recorded ?? true, logIntervalS: channel?.logIntervalS ?? null };
      },
      about: () => this.#about(notes),
      fallback: () => board.state.settings.fallbackFolder,
      retry,
      changed: () => {
        // One that is being opened is nobody's yet.
        const running = this.#running;
        if (running && running.recording === recording) this.#partChanged(running);
      },
      tell: ({ severity, text, code }) => {
        events.add({ kind: 'status', severity, text, ...(code ? { data: { code } } : {}) });
        host.notify({
          title: severity === 'critical' ? 'Recording waits for a disk' : 'Recording goes on',
          text,
          severity,
        });
      },
    });
    const write = (event: LabEvent): void => {
      if (!OWN_EVENTS.has(event.kind)) recording.event(event);
    };
    if (why.causeNs !== undefined) events.between(why.causeNs, clock.nowNs()).forEach(write);
    const running: Running = {
      recording,
      what,
      tap: fan.add(recording.sink, 'first'),
      eventTap: events.onEvent(write),
      part: recording.part,
      isStallTold: false,
      isSpaceTold: false,
    };
    this.#running = running;
    this.#noteFolder(recording.folder, recording.id);
    this.#failure = undefined;
    if (preTrigger && before) {
      const about = this.#about(notes);
      const { id, startedNs } = before;
      running.past = this.#fetchPast(
        preTrigger.write({ folder, name, id, startedNs, seconds: why.preTriggerS ?? 0, about, labels }),
        name,
      );
    }
    host.blockSleep(true);
    await this.#keepNote(running).catch(() => undefined);
    this.#show();
    return recording;
  }

  /** The past is written while the present is recorded. */
  async #fetchPast(writing: ReturnType<PreTrigger['write']>, name: string): Promise<void> {
    const tell = (text: string): void => {
      this.#parts.events.add({ kind: 'status', severity: 'warning', text, data: { code: 'flight.unavailable' } });
    };
    try {
      const { fromNs, shortfall } = await writing;
      if (fromNs === undefined)
        tell(`“${name}” is recorded from its start on; the seconds before are missing: ${shortfall}`);
      else if (shortfall !== '') tell(`Of the seconds before the start of “${name}” not all is there: ${shortfall}`);
    } catch (thrown) {
      const { message } = LabError.from(thrown);
      tell(`“${name}” is recorded from its start on; the seconds before are missing: ${message}`);
    }
  }

  /** Who stops a recording finds it whole, unless the disk hangs. */
  async #pastWritten({ past }: Running): Promise<void> {
    if (!past) return;
    let timer: Disposable | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#parts.clock.after(PAST_MS, resolve);
    });
    await Promise.race([past, late]);
    timer?.[Symbol.dispose]();
  }

  async #close(running: Running, reason: string): Promise<RecordingResult> {
    await lastRowsOut(this.#parts.clock);
    const { recording, what } = running;
    const last = recording.state;
    running.tap[Symbol.dispose]();
    running.eventTap[Symbol.dispose]();
    recording.describe(this.#about(what.notes));
    const result = await recording.stop(reason);
    await this.#pastWritten(running);
    if (this.#running === running) this.#running = undefined;
    if (result.error) {
      const error = result.error.toJSON();
      this.#failure = { ...last, state: 'failed', path: result.paths.at(-1) ?? last.path, error, retryNs: null };
    }
    this.#parts.host.blockSleep(false);
    await this.#note.remove();
    this.#show();
    return result;
  }

  #noteFolder(folder: string, id: string): void {
    this.#folders.set(folder, new Set([...(this.#folders.get(folder) ?? []), id]));
  }

  #partChanged(running: Running): void {
    this.#noteFolder(running.recording.folder, running.recording.id);
    running.part = running.recording.part;
    void this.#keepNote(running).catch(() => undefined);
    this.#show();
  }

  #watchDisk(running: Running): void {
    const { ms, bytes } = running.recording.stalled;
    const isStalled = ms > STALL_MS;
    if (isStalled === running.isStallTold) return;
    running.isStallTold = isStalled;
    // It waits for another disk: that was said.
    if (running.recording.isWaiting) return;
    const mebibytes = Math.ceil(bytes / 2 ** 20);
    this.#parts.events.add({
      kind: 'status',
      severity: isStalled ? 'error' : 'info',
      text: isStalled
        ? `The disk has taken nothing for ${Math.round(ms / 1000)} s: up to ${mebibytes} MiB of “${running.what.name}” wait in memory, and rows are lost if it stays so. Check the drive or the network folder.`
        : `The disk takes the recording “${running.what.name}” again. Nothing is missing.`,
    });
  }

  /** Before it is full: while there is something to do about it. Told again when it is a disk with enough space meanwhile. */
  #watchSpace(running: Running): void {
    const { clock, spaceWarnS = SPACE_WARN_S, board, events, host } = this.#parts;
    const { recording, what } = running;
    const leftS = recording.isWaiting ? null : recording.state.diskSecondsLeft;
    if (leftS === null || leftS >= spaceWarnS) {
      running.littleSinceMs = undefined;
      if (leftS !== null && leftS > 2 * spaceWarnS) running.isSpaceTold = false;
      return;
    }
    running.littleSinceMs ??= clock.monotonicMs();
    if (running.isSpaceTold || clock.monotonicMs() - running.littleSinceMs < SPACE_SURE_MS) return;
    running.isSpaceTold = true;
    const { fallbackFolder } = board.state.settings;
    const then =
      fallbackFolder === '' || fallbackFolder === recording.folder
        ? 'Then it waits for space, and rows are lost when the memory is full.'
        : `Then it goes on in ${fallbackFolder}.`;
    const text = `About ${durationText(leftS)} are left until the disk of ${recording.folder} is full, at the pace of “${what.name}”. ${then} Free space, or record less.`;
    events.add({ kind: 'status', severity: 'warning', text, data: { secondsLeft: leftS } });
    host.notify({ title: 'The disk is almost full', text, severity: 'warning' });
  }

  #about(notes: string): RecordingAbout {
    const { board, version, timesRestOn } = this.#parts;
    return aboutBench(board.state, version, notes, timesRestOn?.());
  }

  #keepNote({ recording, what }: Running): Promise<void> {
    const { id, startedNs, part, isOnOwnDrive } = recording;
    return this.#note.write({ ...what, id, startedNs: String(startedNs), part, isOnOwnDrive });
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

/** `Bench 1 2026-11-20 14.12.05`, local time: what a person looks for in a list. */
function defaultName(bench: string, nowNs: bigint): string {
  const now = new Date(Number(nowNs / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${bench} ${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
}
