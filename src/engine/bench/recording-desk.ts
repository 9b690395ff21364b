import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { LabEvent, RecordingState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { identityText } from '../acquisition/instrument-id.ts';
import { LogThinner } from '../acquisition/log-thinner.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { HostServices } from '../host-services.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recorder, RecordingResult } from '../recording/recorder-options.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';
import type { RecoveredFile } from '../recording/recovery.ts';
import { atomicWrite } from '../state/atomic-write.ts';
import { emptyState } from '../state/empty-state.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';

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

/** What is needed to go on after a crash of the engine; in `recording.json` of the data folder while a recording runs. */
const underway = z.object({
  id: z.string(),
  name: z.string(),
  folder: z.string(),
  notes: z.string(),
  startedNs: z.string(),
  part: z.int(),
});

/** Events that far back are in the recording: the alarm that started it. */
const CAUSE_NS = 1_000_000_000n;

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
}

/**
 * Starts, stops and continues the recording of all attached streams. While it runs it stands first in the fan, keeps the system awake,
 * and notes in the data folder that it runs, so that the next engine goes on with it.
 */
export class RecordingDesk implements AsyncDisposable {
  readonly #parts: RecordingDeskParts;
  #running: Running | undefined;
  #failure: RecordingState | undefined;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(parts: RecordingDeskParts) {
    this.#parts = parts;
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
    const text = await readFile(this.#note, 'utf8').catch(() => undefined);
    if (text === undefined) return false;
    const parsed = underway.safeParse(parseJson(text));
    if (!parsed.success) {
      await rm(this.#note, { force: true });
      return false;
    }
    const { id, name, folder, notes, startedNs, part: notedPart } = parsed.data;
    const parts = recovered.flatMap(({ recording }) => (recording?.id === id ? [recording.part] : []));
    const part = Math.max(notedPart, ...parts);
    return this.#serially(async () => {
      await this.#open({ name, folder, notes }, { continues: { id, startedNs: BigInt(startedNs), part: part + 1 } });
      this.#parts.events.add({
        kind: 'interrupted',
        severity: 'error',
        text: `The engine had ended while recording “${name}”. Recording continues in a new part; what lies between is missing.`,
      });
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
    running.recorder.describe(this.#about(running.notes));
    if (running.recorder.stats.part === running.part) return;
    running.part = running.recorder.stats.part;
    void this.#keepNote(running).catch(() => undefined);
    this.#show();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changing.catch(() => undefined);
    if (this.#running) await this.#close(this.#running, 'Labwire was closed');
  }

  get #note(): string {
    return join(this.#parts.dataFolder, 'recording.json');
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
    running.tap[Symbol.dispose]();
    running.eventTap[Symbol.dispose]();
    running.recorder.describe(this.#about(running.notes));
    const result = await running.recorder.stop(reason);
    if (this.#running === running) this.#running = undefined;
    this.#parts.host.blockSleep(false);
    await rm(this.#note, { force: true });
    this.#show();
    return result;
  }

  #failed(running: Running, error: LabError): void {
    if (this.#running !== running) return;
    this.#failure = { ...this.state, state: 'failed', error: error.toJSON() };
    void this.#serially(() => this.#close(running, error.message));
    this.#parts.events.add({
      kind: 'stop',
      severity: 'critical',
      text: `Recording ended by itself: ${error.message}`,
      data: { code: error.code },
    });
    this.#parts.host.notify({ title: 'Recording ended', text: error.message, severity: 'critical' });
  }

  #about(notes: string): RecordingAbout {
    const { instruments, channels } = this.#parts.board.state;
    return {
      appVersion: this.#parts.version,
      clockSource: 'system clock, read once at start, then the monotonic clock',
      notes,
      instruments: instruments.map((instrument) => ({
        id: instrument.id,
        idn: identityText(instrument.identity),
        resource: instrument.resource,
        role: instrument.role,
        label: instrument.label,
        settings: settingsOf(instrument),
      })),
      channels: channels.map(({ id, label, shownUnit, scale, rateAskedHz, rateGotHz }) => ({
        id,
        label,
        shownUnit,
        scale,
        rateAskedHz,
        rateGotHz,
      })),
    };
  }

  async #keepNote({ recorder, folder, notes, part }: Running): Promise<void> {
    const note: z.infer<typeof underway> = {
      id: recorder.id,
      name: recorder.name,
      folder,
      notes,
      startedNs: String(recorder.startedNs),
      part,
    };
    await atomicWrite(this.#note, JSON.stringify(note));
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

function settingsOf(instrument: BenchState['instruments'][number]): Record<string, number | string | boolean> {
  return Object.fromEntries(
    Object.entries(instrument.values).flatMap(([id, { readBack }]) =>
      readBack === undefined ? [] : [[id, readBack] as const],
    ),
  );
}

/** `Bench 1 2026-11-20 14.12.05`, local time: what a person looks for in a list. */
function defaultName(bench: string, nowNs: bigint): string {
  const now = new Date(Number(nowNs / 1_000_000n));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${bench} ${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
