import type { LabEvent, RecordingState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LogChoice } from '../acquisition/log-thinner.ts';
import { LogThinner } from '../acquisition/log-thinner.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { Disk } from '../recording/disk.ts';
import { systemDisk } from '../recording/disk.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';
import { openRecorder } from '../recording/recorder.ts';
import { almostFull } from '../recording/recorder-errors.ts';
import type { Recorder, RecorderOptions, RecordingResult } from '../recording/recorder-options.ts';
import { RECORDER_LIMITS } from '../recording/recorder-options.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';
import { UnopenedRecorder } from '../recording/unopened-recorder.ts';
import type { SampleSink } from '../sample-sink.ts';

/** First wait before the next try, doubled to the greatest; ms. */
export interface RetryLimits {
  firstMs: number;
  mostMs: number;
  /** A part that lived this long went well: when it fails, the next one is tried at once. */
  steadyMs: number;
  /** How long one disk may take over a question or the next part, before the next folder is asked. */
  answerMs: number;
}

export const RETRY_LIMITS: RetryLimits = { firstMs: 2000, mostMs: 60_000, steadyMs: 10_000, answerMs: 10_000 };

/** How long a disk may take to finish a recording that is stopped. */
const STOP_MS = 30_000;
/** How long a disk may take to begin the next part of a recording that is resumed, before it counts as waiting. */
const RESUME_MS = 5000;

export interface RunningOptions {
  /** For every part; the folder of the first. */
  recorder: Omit<RecorderOptions, 'about' | 'continues'>;
  continues?: RecorderOptions['continues'];
  /**
   * It goes on with a recording whose engine ended: its folder is never made, and where no disk takes the next part it begins by waiting.
   * `isOnOwnDrive`: as it was noted.
   */
  resumes?: { isOnOwnDrive: boolean } | undefined;
  /** A folder on the disk of the system: that of the recording on the same disk, where it was on another, is a drive that is not there. */
  home?: string | undefined;
  /** An earlier part that is written elsewhere, or never: without it the recording lacks nothing. */
  mayLack?: number | undefined;
  clock: Clock;
  registry: StreamRegistry;
  choiceOf(channel: string): LogChoice;
  about(): RecordingAbout;
  /** Where it may go on when its folder takes nothing; '' for nowhere. Asked at each try. */
  fallback(): string;
  retry?: Partial<RetryLimits> | undefined;
  /** It goes on in a new part, waits for the disk, or has changed otherwise. */
  changed(): void;
  /** For the events of the bench and the notice of the host. */
  tell(news: { severity: 'info' | 'warning' | 'error' | 'critical'; text: string; code?: string }): void;
}

/** The next part being opened in a folder. One that comes too late is nobody's: it is removed. */
interface Opening {
  failed: Recorder;
  recorder: Promise<Recorder>;
  isDiscarded: boolean;
}

/**
 * Starts the first part. One that `resumes` starts it where it can, and waits where it cannot.
 * @throws LabError what `openRecorder` throws, unless it resumes
 */
export async function openRunning(options: RunningOptions): Promise<RunningRecording> {
  const { continues, mayLack, resumes, home } = options;
  const { folder, name, clock, limits, disk = systemDisk } = options.recorder;
  if (resumes && continues) {
    const { queueBytes } = { ...RECORDER_LIMITS, ...limits };
    const unopened = new UnopenedRecorder({ name, clock, continues, queueBytes, error: notThere(folder) });
    const recording = new RunningRecording(options, unopened, resumes.isOnOwnDrive);
    await recording.resume();
    return recording;
  }
  const startText = mayLack === undefined ? undefined : 'Recording started';
  const recorder = await openRecorder({ ...options.recorder, about: options.about(), continues, startText });
  if (mayLack !== undefined) recorder.adopt({ parts: [{ part: mayLack, fromByte: 0 }], streams: [], items: [] });
  return new RunningRecording(options, recorder, home !== undefined && !(await isOnDiskOf(disk, folder, home)));
}

/**
 * A recording that outlives its disk. As a sink it stands before the recorder of the present part; when that one fails, what it had not written is held in memory
 * (bounded) and goes into the next part, written as soon as a disk takes it.
 *
 *     recording ── the disk fails ──→ waiting ── the folder, or the fallback, takes a new part ──→ recording
 *         │                             │  └── no, or it took the part before and not what went into it: after 2 s, doubled to 60 s, again
 *         └────────── stop() ───────────┴──→ stopped
 */
export class RunningRecording {
  readonly sink: SampleSink;
  readonly id: string;
  readonly name: string;
  readonly startedNs: bigint;
  readonly #options: RunningOptions;
  readonly #disk: Disk;
  readonly #thinner: LogThinner;
  readonly #stopping = new AbortController();
  /** Paths of parts of recorders before the present one, and their numbers. */
  readonly #before: { paths: string[]; bytes: number; rows: number; samples: number; lost: number } = {
    paths: [],
    bytes: 0,
    rows: 0,
    samples: 0,
    lost: 0,
  };
  readonly #limits: RetryLimits;
  /** Recorders that failed and are being finished, and where. */
  readonly #ending = new Map<Promise<unknown>, { recorder: Recorder; folder: string }>();
  /** By folder; no second one while a disk does not answer: each would keep a thread of the process waiting. */
  readonly #openings = new Map<string, Opening>();
  /** What the last recorder gave when it was stopped. */
  #last: RecordingResult | undefined;
  /** Its folder lies on another disk than the system. */
  readonly isOnOwnDrive: boolean;
  #recorder: Recorder;
  #folder: string;
  /** Why the last try came to nothing. */
  #refusal: LabError | undefined;
  #error: LabError | undefined;
  #retryNs: bigint | undefined;
  /** When it went on last, ms of the monotonic clock, and how long it waits before the next try. */
  #wentOnMs = Number.NEGATIVE_INFINITY;
  #waitMs = 0;
  #isWaiting = false;
  #going: Promise<void> | undefined;
  #trying: Promise<boolean> | undefined;

  constructor(options: RunningOptions, recorder: Recorder, isOnOwnDrive: boolean) {
    this.#options = options;
    this.isOnOwnDrive = isOnOwnDrive;
    this.#disk = options.recorder.disk ?? systemDisk;
    this.#limits = { ...RETRY_LIMITS, ...options.retry };
    this.#recorder = recorder;
    this.#folder = options.recorder.folder;
    this.id = recorder.id;
    this.name = recorder.name;
    this.startedNs = recorder.startedNs;
    // The recorder of the moment: streams go over to the next one with what was not written.
    const slot: SampleSink = {
      streamOpened: (info) => this.#recorder.streamOpened(info),
      batch: (batch) => this.#recorder.batch(batch),
      gap: (gap) => this.#recorder.gap(gap),
      streamClosed: (stream) => this.#recorder.streamClosed(stream),
    };
    this.#thinner = new LogThinner(slot, options.registry, options.choiceOf);
    this.sink = this.#thinner;
    this.#guard(recorder);
  }

  get folder(): string {
    return this.#folder;
  }

  get part(): number {
    return this.#recorder.stats.part;
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Of the present recorder. */
  get stalled(): { ms: number; bytes: number } {
    const { stalledMs, queueBytes } = this.#recorder.stats;
    return { ms: this.#isWaiting ? 0 : stalledMs, bytes: queueBytes };
  }

  get state(): RecordingState {
    const { stats } = this.#recorder;
    const { bytes, rows, samples, lost } = this.#before;
    return {
      state: this.#isWaiting ? 'waiting' : 'recording',
      recording: this.id,
      name: this.name,
      path: this.#recorder.paths.at(-1) ?? this.#before.paths.at(-1) ?? '',
      startedNs: String(this.startedNs),
      bytes: bytes + stats.bytes,
      rows: rows + stats.rows,
      samples: samples + stats.samples,
      lost: lost + stats.lost,
      part: stats.part,
      diskSecondsLeft: this.#isWaiting ? 0 : (stats.secondsLeft ?? null),
      error: this.#error?.toJSON() ?? null,
      retryNs: this.#retryNs === undefined ? null : String(this.#retryNs),
    };
  }

  event(event: LabEvent): void {
    this.#recorder.event(event);
  }

  /** What is recorded of a stream, or how often, has changed. */
  reconsider: LogThinner['reconsider'] = (info) => this.#thinner.reconsider(info);

  describe(about: RecordingAbout): void {
    this.#recorder.describe(about);
  }

  /** Once, of one that resumes: goes on in a new part, or waits. A disk that does not answer is not waited for. */
  async resume(): Promise<void> {
    const unopened = this.#recorder;
    const isOpen = await this.#within(RESUME_MS, this.#try(unopened));
    if (!isOpen) this.#goOn(unopened, this.#refusal ?? notThere(this.#options.recorder.folder), true);
  }

  /** What is wrong is looked at: a recorder that failed is told here before its file is finished. */
  check(): void {
    const { error } = this.#recorder;
    if (error) this.#goOn(this.#recorder, error);
  }

  /**
   * Ends it. What still waits for a disk is tried once more; `error` says if it could not be written. No disk holds it up for longer than 30 s, and one that hangs after that for `answerMs`.
   */
  async stop(reason: string): Promise<RecordingResult> {
    this.check();
    const ended = await this.#within(STOP_MS, this.#end(reason));
    const result = ended ?? this.#hung();
    this.#discardOpenings();
    const { paths, bytes, rows, samples, lost } = this.#before;
    const { stats } = result;
    const all = [...paths, ...result.paths];
    return {
      ...result,
      paths: ended ? await this.#present(all) : all,
      stats: {
        ...stats,
        bytes: bytes + stats.bytes,
        rows: rows + stats.rows,
        samples: samples + stats.samples,
        lost: lost + stats.lost,
      },
    };
  }

  /** A part of which nothing was written is removed with its disk's failure. What a disk does not tell in time counts as there. */
  async #present(paths: readonly string[]): Promise<string[]> {
    const isThere = (path: string): Promise<boolean> =>
      this.#disk.stat(path).then(
        (entry) => entry !== undefined,
        () => false,
      );
    const found = await Promise.all(paths.map((path) => this.#within(this.#limits.answerMs, isThere(path))));
    return paths.filter((_, index) => found[index] ?? true);
  }

  /** What comes within `ms`; undefined if it is late: whatever becomes of it then is for others. */
  async #within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
    let timer: Disposable | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = this.#options.clock.after(ms, () => resolve(undefined));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      timer?.[Symbol.dispose]();
    }
  }

  async #end(reason: string): Promise<RecordingResult> {
    if (this.#isWaiting) await this.#try(this.#recorder);
    this.#stopping.abort();
    await this.#going;
    this.#last = await this.#recorder.stop(reason);
    await Promise.all(this.#ending.keys());
    return this.#last;
  }

  /** The disk does not even refuse: whoever stops the recording is not held up by it. */
  #hung(): RecordingResult {
    this.#stopping.abort();
    const [old] = this.#ending.values();
    for (const { recorder } of this.#ending.values()) this.#count(recorder);
    const { id, paths, stats } = this.#recorder;
    // The present part is whole; the disk that failed before it is the one that hangs.
    const isOld = this.#last !== undefined && old !== undefined;
    const folder = isOld ? old.folder : this.#folder;
    const missing = isOld
      ? 'The part in it is finished at the next start.'
      : 'What it took is intact; what waited in memory may be missing.';
    const error = new LabError(
      'recording.failed',
      `The disk of ${folder} has not answered for ${STOP_MS / 1000} s. ${missing} Check the drive or the network folder.`,
      { folder },
    );
    return { id, paths, stats, error: this.#last?.error ?? error };
  }

  #guard(recorder: Recorder): void {
    void recorder.failed.then((error) => this.#goOn(recorder, error));
  }

  #goOn(failed: Recorder, error: LabError, isTried = false): void {
    if (failed !== this.#recorder || this.#isWaiting || this.#stopping.signal.aborted) return;
    this.#isWaiting = true;
    this.#error = waits(error, this.#folder);
    this.#options.tell({
      severity: 'critical',
      code: error.code,
      text: `“${this.name}” cannot be written. ${this.#error.message}`,
    });
    this.#options.changed();
    this.#going = this.#wait(failed, isTried).catch(() => undefined);
  }

  async #wait(failed: Recorder, wasTried: boolean): Promise<void> {
    const { clock } = this.#options;
    const { firstMs, mostMs, steadyMs } = this.#limits;
    // A disk that takes a new file and not what goes into it would be tried without end.
    const isSteady = clock.monotonicMs() - this.#wentOnMs >= steadyMs;
    if (isSteady) this.#waitMs = firstMs;
    let isTried = wasTried || !isSteady;
    while (!this.#stopping.signal.aborted) {
      if (!isTried && (await this.#try(failed))) return;
      isTried = false;
      this.#retryNs = clock.nowNs() + BigInt(Math.round(this.#waitMs * 1e6));
      this.#options.changed();
      const waitMs = this.#waitMs;
      this.#waitMs = Math.min(mostMs, waitMs * 2);
      await delay(clock, waitMs, this.#stopping.signal);
    }
  }

  /** Goes on in a new part, in its folder or the fallback; false if none takes it. Asked twice at once, it tries once. */
  #try(failed: Recorder): Promise<boolean> {
    this.#trying ??= this.#tryFolders(failed).finally(() => {
      this.#trying = undefined;
    });
    return this.#trying;
  }

  async #tryFolders(failed: Recorder): Promise<boolean> {
    const { recorder, clock, fallback } = this.#options;
    const { answerMs } = this.#limits;
    // A slow disk still writes what it was given: taking it away writes it twice (`repeats` says so). One that hangs is not waited for.
    if (failed.error?.code === 'recording.overrun') await this.#within(answerMs, failed.failed);
    for (const folder of new Set([recorder.folder, fallback()])) {
      if (folder === '' || failed !== this.#recorder) continue;
      try {
        const next = await this.#openInTime(failed, folder);
        const isLate = this.#isWaiting;
        this.#swap(failed, next, folder);
        const seconds = Math.round(Number(clock.nowNs() - this.#sinceNs(failed)) / 1e9);
        if (isLate)
          this.#tellOn(`in a new part in ${folder}, ${seconds} s after its disk failed. What was held is in it.`);
        else if (folder !== recorder.folder)
          this.#tellOn(`in a new part in ${folder}: ${this.#refusal?.message ?? recorder.folder}`);
        this.#options.changed();
        return true;
      } catch (thrown) {
        this.#refusal = LabError.from(thrown);
        this.#error = waits(this.#refusal, folder);
      }
    }
    return false;
  }

  /** The next part in a folder. @throws LabError also when it takes longer than `answerMs`: it is asked for again at the next try. */
  async #openInTime(failed: Recorder, folder: string): Promise<Recorder> {
    let opening = this.#openings.get(folder);
    if (!opening) {
      opening = this.#startOpening(failed, folder);
      this.#openings.set(folder, opening);
    }
    const { answerMs } = this.#limits;
    const isOurs = opening.failed === failed && !opening.isDiscarded;
    const next = isOurs ? await this.#within(answerMs, opening.recorder) : undefined;
    if (next && failed === this.#recorder && !this.#stopping.signal.aborted) {
      this.#openings.delete(folder);
      return next;
    }
    throw new LabError('recording.failed', `The disk of ${folder} has not answered for ${answerMs / 1000} s.`, {
      folder,
    });
  }

  #startOpening(failed: Recorder, folder: string): Opening {
    const { recorder } = this.#options;
    const continues = { id: this.id, startedNs: this.startedNs, part: failed.stats.part + 1 };
    const onPart = (path: string, part: number): void => {
      if (!opening.isDiscarded) recorder.onPart?.(path, part);
    };
    const opening: Opening = { failed, recorder: this.#openIn(folder, { continues, onPart }), isDiscarded: false };
    // One that could not be opened can be tried again.
    opening.recorder.catch(() => this.#openings.delete(folder));
    return opening;
  }

  async #openIn(folder: string, own: Pick<RecorderOptions, 'continues' | 'onPart'>): Promise<Recorder> {
    const { recorder, about } = this.#options;
    const reserveBytes = recorder.limits?.reserveBytes ?? 0;
    // A folder that is gone is not made anew: in the place of a drive that was pulled it would lie on the wrong disk.
    if (!(await this.#isThere(folder))) throw notThere(folder);
    const free = await this.#disk.freeBytes(folder).catch(() => undefined);
    if (free !== undefined && free < reserveBytes) throw almostFull(folder, reserveBytes);
    return openRecorder({ ...recorder, ...own, folder, makesFolder: false, about: about() });
  }

  /** Parts that were asked for and are not wanted any more go when they come: another has their number. */
  #discardOpenings(): void {
    for (const [folder, opening] of this.#openings) {
      if (opening.isDiscarded) continue;
      opening.isDiscarded = true;
      void opening.recorder
        .then(async (recorder) => {
          const { paths } = await recorder.stop('');
          for (const path of paths) {
            await this.#disk.remove(path);
            await this.#disk.remove(pyramidPath(path));
          }
        })
        .catch(() => undefined)
        .finally(() => this.#openings.delete(folder));
    }
  }

  #tellOn(where: string): void {
    this.#options.tell({ severity: 'warning', text: `“${this.name}” goes on ${where}` });
  }

  /** Whether a folder is there; its own: not only the place where its drive belongs. */
  async #isThere(folder: string): Promise<boolean> {
    const { recorder, home } = this.#options;
    if (!(await this.#disk.stat(folder).catch(() => undefined))) return false;
    if (folder !== recorder.folder || !this.isOnOwnDrive || home === undefined) return true;
    return !(await isOnDiskOf(this.#disk, folder, home));
  }

  /** In one breath: nothing comes between taking from the one and giving to the other. */
  #swap(failed: Recorder, next: Recorder, folder: string): void {
    next.adopt(failed.takeUnwritten());
    const from = this.#folder;
    this.#recorder = next;
    this.#folder = folder;
    this.#isWaiting = false;
    this.#error = undefined;
    this.#retryNs = undefined;
    this.#wentOnMs = this.#options.clock.monotonicMs();
    const ending = failed
      .stop('')
      .then(() => this.#count(failed))
      .finally(() => this.#ending.delete(ending));
    this.#ending.set(ending, { recorder: failed, folder: from });
    this.#discardOpenings();
    this.#guard(next);
  }

  #count({ paths, stats }: Recorder): void {
    this.#before.paths.push(...paths);
    this.#before.bytes += stats.bytes;
    this.#before.rows += stats.rows;
    this.#before.samples += stats.samples;
    this.#before.lost += stats.lost;
  }

  #sinceNs(failed: Recorder): bigint {
    return failed.startedNs + BigInt(Math.round(failed.stats.durationS * 1e9));
  }
}

function notThere(folder: string): LabError {
  return new LabError('recording.folder-gone', `${folder} is not there.`, { folder });
}

/** Whether two folders lie on one disk; true where that cannot be told. */
async function isOnDiskOf(disk: Disk, folder: string, other: string): Promise<boolean> {
  const [one, two] = await Promise.all([folder, other].map((path) => disk.stat(path).catch(() => undefined)));
  return !one || !two || one.device === two.device;
}

/** Why a disk takes nothing, for a recording that is not over. */
function waits(error: LabError, folder: string): LabError {
  const reasons: Partial<Record<LabError['code'], string>> = {
    'recording.disk-full': `The disk of ${folder} is full. Free space, or set a second folder.`,
    'recording.folder-gone': `${folder}, or the file in it, is gone. Bring the folder back, or set a second one.`,
    'recording.denied': `The system does not permit writing to ${folder}. Allow it, or set a second folder.`,
    'recording.overrun': `The disk of ${folder} cannot keep up. Record less, or to a faster disk.`,
  };
  const reason = reasons[error.code] ?? error.message;
  return new LabError(
    error.code,
    `${reason} What is measured is held in memory meanwhile; the recording goes on in a new part as soon as a disk takes it.`,
    error.details,
    { cause: error },
  );
}
