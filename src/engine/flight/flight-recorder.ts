import { randomUUID } from 'node:crypto';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { FlightState, LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { type Disk, diskError, systemDisk } from '../recording/disk.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recorder } from '../recording/recorder-options.ts';
import type { RepeatedPart } from '../recording/recording-about.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { FLIGHT_LIMITS, type FlightLimits, type FlightOptions, partLimits } from './flight-options.ts';
import { FLIGHT_STEM, FlightRing } from './flight-ring.ts';
import { OpenStreams } from './open-streams.ts';
import { pauseCause, WHILE_PAUSED } from './pause-cause.ts';

/** The state is shown that often though nothing but sizes has changed. */
const SHOW_TICKS = 10;
/** What ran this long goes on. */
const STEADY_MS = 10_000;
/** What ran this long counts as well again. */
const WELL_MS = 60_000;

/**
 * Records everything all the time into a ring of files: every stream as it comes, every event and exchange.
 *
 *     off ── switched on ──→ opening ──→ recording ── disk fails, cannot keep up, is almost full ──→ paused
 *      ↑                        ↑                                                                      │ after 2 s … 60 s
 *      └───── switched off ─────┴──────────────────────────────────────────────────────────────────────┘
 *
 * It never throws and never waits for anyone, and it gives way: to acquisition, to a recording, to whoever needs the last of the disk. What it
 * misses meanwhile it says in its files, as a gap with the reason.
 */
export class FlightRecorder implements SampleSink, AsyncDisposable {
  readonly ring: FlightRing;
  readonly #options: FlightOptions;
  readonly #limits: FlightLimits;
  readonly #disk: Disk;
  readonly #streams = new OpenStreams();
  /** Recorders that may still write, with the number of their first file. */
  readonly #writers = new Map<object, number>();
  #mode: 'off' | 'opening' | 'recording' | 'paused' = 'off';
  #reason = '';
  /** Takes what comes; after a failure it holds what it can. */
  #recorder: Recorder | undefined;
  /** What it calls its files, for as long as it lives, and the number of the last one. */
  #id: string | undefined;
  #lastPart = 0;
  /** Files of a recorder that was given up, and where they surely end. */
  #doubtful: RepeatedPart[] = [];
  /** Bytes of the recorder in files that are finished, and since when the running one is written. */
  #finishedBytes = 0;
  #partSinceMs = 0;
  /** The file the disk is at; the recorder may be at the next one already. */
  #runningPart = 1;
  #hasNew = false;
  /** Of the file being written: its first row. */
  #runningFromNs: bigint | undefined;
  #missing = 'The flight recorder was off';
  #retryMs: number;
  #openedMs: number | undefined;
  #ticks = 0;
  #timer: Disposable | undefined;
  #retry: Disposable | undefined;
  #isKeeping = false;
  #isPauseTold = false;
  #rotation: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** Goes up when it is switched off: work of the disk that hung over that counts no more. */
  #era = 0;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: FlightOptions) {
    this.#options = options;
    this.#limits = { ...FLIGHT_LIMITS, ...options.limits };
    this.#disk = options.disk ?? systemDisk;
    this.#retryMs = this.#limits.retryMs;
    this.ring = new FlightRing(options.folder, this.#disk, options.clock, () =>
      Math.min(Number.POSITIVE_INFINITY, ...this.#writers.values()),
    );
  }

  get state(): FlightState {
    const fromNs = this.ring.parts[0]?.fromNs ?? this.#runningFromNs;
    return {
      state: this.#mode === 'opening' ? 'paused' : this.#mode,
      bytes: this.ring.bytes + this.#runningBytes,
      limitBytes: this.#options.settings().flightBytes,
      fromNs: fromNs === undefined ? null : String(fromNs),
      reason: this.#reason,
    };
  }

  /** Number after the last row of each open stream, by `streamName`: what comes later is not in the files of now. */
  get ends(): Map<string, number> {
    return this.#streams.ends();
  }

  /** Takes up the files of earlier runs and begins, if it is switched on; else it removes them. Never rejects. */
  start(): Promise<void> {
    this.#timer ??= this.#options.clock.after(this.#limits.tickMs, () => this.#tick());
    return this.#serially(async () => {
      if (this.#options.settings().flight) return this.#open();
      await this.ring.read().catch(() => undefined);
      while (await this.ring.removeOldest());
      this.#show();
    });
  }

  /** The settings have changed. Switching off takes no longer than `closeMs`. Never rejects. */
  async apply(): Promise<void> {
    const isOff = (): boolean => !this.#options.settings().flight;
    const byMs = this.#options.clock.monotonicMs() + this.#limits.closeMs;
    const isEnding = isOff() && this.#mode !== 'off';
    if (isEnding) void this.#switchOff('it was switched off', isOff);
    const done = this.#serially(async () => {
      if (!isOff() && this.#mode === 'off') await this.#open();
      await this.#keepHouse();
      this.#show();
    });
    await (isEnding ? this.#within(byMs - this.#options.clock.monotonicMs(), done) : done);
  }

  /** Ends the file being written. Gives what of all that came is not in finished files then, in a sentence; '' if nothing is missing. Never rejects. */
  async settle(signal?: AbortSignal): Promise<string> {
    this.#rotate();
    const isDone = await this.#within(this.#limits.closeMs, this.#rotation, signal);
    const isRead = await this.#within(this.#limits.closeMs, this.ring.retry(), signal);
    if (this.#mode === 'paused')
      return 'The flight recorder is paused: what came since, and shortly before, is missing.';
    if (isDone && isRead) return '';
    return `The disk had not finished the last file within ${this.#limits.closeMs / 1000} s: what is in it is missing.`;
  }

  /** The file being written and the time of its first row; undefined while there is none. */
  get running(): { path: string; fromNs: bigint } | undefined {
    const path = this.#recorder?.paths.at(-1);
    return path === undefined || this.#runningFromNs === undefined ? undefined : { path, fromNs: this.#runningFromNs };
  }

  streamOpened(info: StreamInfo): void {
    this.#streams.open(info);
    this.#recorder?.streamOpened(info);
  }

  batch(batch: Batch): void {
    const recorder = this.#recorder;
    if (!recorder) {
      this.#streams.miss(batch);
      return;
    }
    const taken = this.#streams.write(batch, this.#missing);
    if (!taken) return;
    this.#hasNew = true;
    if (this.#runningFromNs === undefined || batch.t0Ns < this.#runningFromNs) this.#runningFromNs = batch.t0Ns;
    if (taken.gap) recorder.gap(taken.gap);
    recorder.batch(taken.batch);
  }

  gap(gap: StreamGap): void {
    this.#recorder?.gap(gap);
  }

  streamClosed(stream: number): void {
    this.#streams.close(stream);
    this.#recorder?.streamClosed(stream);
  }

  event(event: LabEvent): void {
    this.#hasNew = true;
    this.#recorder?.event(event);
  }

  exchange(exchange: ExchangeRecord): void {
    this.#hasNew = true;
    this.#recorder?.exchange(exchange);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#retry?.[Symbol.dispose]();
    await this.#switchOff('Labwire was closed', () => true);
  }

  /** Since it was opened last. */
  get #runningMs(): number {
    return this.#openedMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#openedMs;
  }

  get #runningBytes(): number {
    return Math.max(0, (this.#recorder?.stats.bytes ?? 0) - this.#finishedBytes);
  }

  async #open(): Promise<void> {
    if (this.#isClosed || this.#mode === 'recording' || !this.#options.settings().flight) return;
    const { folder, clock, about } = this.#options;
    const before = this.#recorder;
    const opening = {};
    const era = this.#era;
    if (this.#mode === 'off') {
      if (this.#openedMs === undefined) this.#missing = 'The flight recorder was being opened';
      this.#set('opening', 'It is being opened.');
    }
    try {
      await this.#disk.makeFolder(folder).catch((error: unknown) => {
        throw diskError(error, folder);
      });
      await this.ring.read();
      if (era !== this.#era) return;
      if (!(await this.#makeRoom(this.#limits.partBytes))) throw almostFull(folder);
      if (era !== this.#era) return;
      const { partBytes, queueBytes, recorder: others } = this.#limits;
      const part = Math.max(this.ring.nextPart, (before?.stats.part ?? this.#lastPart) + 1);
      let isTaken = false;
      this.#id ??= this.ring.id ?? `flight-${randomUUID()}`;
      this.#writers.set(opening, part);
      const recorder = await openRecorder({
        folder,
        name: FLIGHT_STEM,
        clock,
        about: about(),
        title: 'Flight recorder',
        disk: this.#disk,
        limits: { partBytes, queueBytes, reserveBytes: 0, ...others },
        continues: {
          id: this.#id,
          startedNs: clock.nowNs(),
          part,
        },
        onPart: (path, ended) => {
          if (isTaken) this.#partEnded(path, ended);
        },
      });
      if (era !== this.#era) {
        this.#discard(recorder, part);
        return;
      }
      isTaken = true;
      // No await from here on: what comes goes to one or the other.
      if (before) recorder.adopt(before.takeUnwritten());
      else if (this.#doubtful.length > 0) recorder.adopt({ parts: this.#doubtful, streams: [], items: [] });
      this.#doubtful = [];
      for (const info of this.#streams.infos) recorder.streamOpened(info);
      this.#recorder = recorder;
      this.#writers.set(recorder, part);
      this.#finishedBytes = 0;
      this.#runningPart = part;
      this.#partSinceMs = clock.monotonicMs();
      this.#openedMs = clock.monotonicMs();
      void recorder.failed.then((error) => this.#failed(recorder, error));
      this.#set('recording', '');
    } catch (error) {
      if (era !== this.#era) return;
      this.#pause(LabError.from(error));
      this.#retryLater();
    } finally {
      this.#writers.delete(opening);
    }
  }

  /** One that the disk gave when it was switched off already: nothing is in it. */
  #discard(recorder: Recorder, part: number): void {
    this.#writers.set(recorder, part);
    void recorder
      .stop('')
      .then(async ({ paths }) => {
        for (const path of paths) {
          await this.#disk.remove(path);
          await this.#disk.remove(pyramidPath(path));
        }
      })
      .catch(() => undefined)
      .finally(() => this.#writers.delete(recorder));
  }

  /** It ended by itself: told at once. What waits may still be written; only when that is over another can take the rest. */
  #failed(recorder: Recorder, error: LabError): void {
    if (recorder !== this.#recorder || this.#mode !== 'recording') return;
    this.#pause(error);
    void recorder.failed.then(() => {
      this.#writers.delete(recorder);
      this.#retryLater();
    });
  }

  #pause(error: LabError): void {
    const cause = pauseCause(error, this.#options.folder);
    const reason = `${cause} ${WHILE_PAUSED}`;
    this.#missing = `The flight recorder was paused. ${cause}`;
    this.#set('paused', reason);
    if (!this.#isPauseTold) this.#options.tell({ kind: 'status', severity: 'warning', text: reason });
    this.#isPauseTold = true;
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    if (this.#runningMs > WELL_MS) this.#retryMs = this.#limits.retryMs;
    this.#retry?.[Symbol.dispose]();
    this.#retry = this.#options.clock.after(this.#retryMs, () => {
      this.#retry = undefined;
      void this.#serially(() => this.#open());
    });
    this.#retryMs = Math.min(this.#limits.longestRetryMs, this.#retryMs * 2);
  }

  /** Goes off within `closeMs`, before what hangs in the queue, if that is still wanted when its turn comes. Never rejects. */
  #switchOff(reason: string, isWanted: () => boolean): Promise<void> {
    const { closeMs } = this.#limits;
    const byMs = this.#options.clock.monotonicMs() + closeMs;
    const turn = this.#within(closeMs / 2, this.#changing).then(async () => {
      if (isWanted()) await this.#close('off', reason, byMs);
    });
    this.#changing = turn.catch(() => undefined);
    return turn;
  }

  /** Stops writing and finishes the file, as far as the disk does by `byMs` of the monotonic clock; what comes from now on is missed. */
  async #close(mode: 'off' | 'paused', reason: string, byMs: number): Promise<void> {
    const { clock } = this.#options;
    const recorder = this.#recorder;
    if (mode === 'off') this.#era++;
    this.#recorder = undefined;
    this.#runningFromNs = undefined;
    if (mode === 'off') this.#missing = 'The flight recorder was off';
    this.#retry?.[Symbol.dispose]();
    if (mode === 'off') this.#set('off', '');
    if (recorder) {
      this.#lastPart = recorder.stats.part;
      const stopping = recorder.stop(reason).then(() => this.#writers.delete(recorder));
      const isStopped = await this.#within(byMs - clock.monotonicMs(), stopping);
      // What it could not write is missing; if the disk has some of it all the same, that does not count. At the end of the program nobody could say so.
      if (isStopped || !this.#isClosed) {
        const { items, parts } = recorder.takeUnwritten();
        this.#streams.giveUp(items);
        this.#doubtful.push(...parts);
      }
    }
    await this.#within(byMs - clock.monotonicMs(), this.ring.idle());
    this.#finishedBytes = 0;
  }

  #partEnded(path: string, part: number): void {
    this.#runningPart = part + 1;
    // The next file is not begun yet: all its bytes are in finished ones.
    this.#finishedBytes = this.#recorder?.stats.bytes ?? 0;
    this.#partSinceMs = this.#options.clock.monotonicMs();
    this.#runningFromNs = undefined;
    void this.ring.add(path).then(() => {
      this.#show();
      return this.#trim();
    });
  }

  /** Ends the file being written, if there is anything new in it. */
  #rotate(): void {
    if (!this.#hasNew || this.#mode !== 'recording' || !this.#recorder) return;
    this.#hasNew = false;
    this.#rotation = this.#recorder.rotateNow().then(
      (path) => this.ring.add(path),
      () => undefined,
    );
  }

  #tick(): void {
    const { clock, about } = this.#options;
    this.#timer = clock.after(this.#limits.tickMs, () => this.#tick());
    const recorder = this.#recorder;
    if (recorder?.error) this.#failed(recorder, recorder.error);
    if (this.#mode === 'recording') recorder?.describe(about());
    this.#tellGoingOn();
    if (++this.#ticks % SHOW_TICKS === 0) this.#show();
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    void this.#serially(() => this.#keepHouse()).finally(() => {
      this.#isKeeping = false;
    });
  }

  /** A disk that takes the first bytes and not the next is no news each time. */
  #tellGoingOn(): void {
    if (this.#mode !== 'recording' || !this.#isPauseTold || this.#runningMs < STEADY_MS) return;
    this.#isPauseTold = false;
    this.#options.tell({ kind: 'status', severity: 'info', text: 'The flight recorder goes on.' });
  }

  /** Ends a file that is large or old enough, removes what is too much, and gives way when others need the disk. */
  async #keepHouse(): Promise<void> {
    const { clock, folder, settings } = this.#options;
    const { flightBytes } = settings();
    const era = this.#era;
    const part = partLimits(settings(), this.#limits);
    const isFull = this.#runningBytes >= part.bytes;
    const isOld = clock.monotonicMs() - this.#partSinceMs >= part.seconds * 1000;
    if ((isFull || isOld) && this.#recorder?.stats.part === this.#runningPart) {
      this.#rotate();
      await this.#within(this.#limits.closeMs, this.#rotation);
    }
    const isWithin = await this.#trim();
    if (this.#mode !== 'recording' || era !== this.#era) return;
    if (!isWithin && !this.ring.isHeld && this.ring.bytes > 2 * flightBytes) await this.#stopFor(cannotRemove(folder));
    else if (!(await this.#makeRoom(0)) && era === this.#era) {
      await this.#stopFor(almostFull(folder));
      await this.#makeRoom(0);
      this.#show();
    }
  }

  /** Removes what is too much or too old; gives whether that was possible. */
  async #trim(): Promise<boolean> {
    const { clock, settings } = this.#options;
    const { flightBytes, flightHours } = settings();
    const beforeNs = flightHours > 0 ? clock.nowNs() - BigInt(Math.round(flightHours * 3600e9)) : 0n;
    const before = this.ring.parts.length;
    const isWithin = await this.ring.trim(flightBytes - this.#runningBytes, beforeNs);
    if (this.ring.parts.length !== before) this.#show();
    return isWithin;
  }

  async #stopFor(error: LabError): Promise<void> {
    this.#pause(error);
    await this.#close('paused', error.message, this.#options.clock.monotonicMs() + this.#limits.closeMs);
    this.#retryLater();
  }

  /** Removes the oldest files until the disk has what others want and `bytes` more; gives whether it has. */
  async #makeRoom(bytes: number): Promise<boolean> {
    const { folder, settings } = this.#options;
    const wanted = settings().diskReserveBytes + this.#limits.headroomBytes + bytes;
    for (;;) {
      const free = await this.#disk.freeBytes(folder).catch(() => undefined);
      if (free === undefined || free >= wanted) return true;
      if (!(await this.ring.removeOldest())) return false;
    }
  }

  #set(mode: 'off' | 'opening' | 'recording' | 'paused', reason: string): void {
    this.#mode = mode;
    this.#reason = reason;
    this.#show();
  }

  #show(): void {
    this.#options.onChange(this.state);
  }

  /** Waits for work of the disk, but not for one that hangs; gives whether it is done. Never rejects. */
  async #within(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<boolean> {
    let stop = (): void => undefined;
    const late = new Promise<boolean>((resolve) => {
      const giveUp = (): void => resolve(false);
      const timer = this.#options.clock.after(ms, giveUp);
      signal?.addEventListener('abort', giveUp, { once: true });
      stop = () => {
        timer[Symbol.dispose]();
        signal?.removeEventListener('abort', giveUp);
      };
    });
    const isDone = await Promise.race([work.catch(() => undefined).then(() => true), late]);
    stop();
    return isDone;
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#changing.then(work, work);
    this.#changing = next.catch(() => undefined);
    return next;
  }
}

function almostFull(folder: string): LabError {
  return new LabError('recording.disk-full', `The disk of ${folder} is almost full.`, { folder });
}

function cannotRemove(folder: string): LabError {
  return new LabError('recording.denied', `Old files in ${folder} cannot be removed.`, { folder });
}
