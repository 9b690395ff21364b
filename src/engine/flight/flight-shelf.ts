import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import type { Disk } from '../recording/disk.ts';
import { openPart, type PartIndex } from '../recording/part-index.ts';
import { RecordedRows } from '../recording/recorded-rows.ts';
import { Recording } from '../recording/recording.ts';
import type { RecordedStream } from '../recording/recording-info.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { openFlightPart } from './open-flight.ts';

/** Some neighbouring files of the flight recorder, looked at by row. */
export class FlightView {
  readonly recording: Recording;
  /** What it is made of, in one word. */
  readonly key: string;
  readonly #rows = new Map<number, RecordedRows>();

  constructor(key: string, recording: Recording) {
    this.key = key;
    this.recording = recording;
  }

  rowsOf(stream: RecordedStream): RecordedRows {
    const known = this.#rows.get(stream.info.id) ?? new RecordedRows(this.recording, stream);
    this.#rows.set(stream.info.id, known);
    return known;
  }
}

/** A stretch of the ring. `toNs`: where the files of the view end; undefined: with what there is. */
export interface Looked {
  view: FlightView;
  toNs: bigint | undefined;
}

export interface FlightShelfLimits {
  /** Files open at once. */
  files: number;
  /** A file that is being written is opened anew when what is open is older. */
  staleMs: number;
  /** How long the end may wait for a disk that hangs. */
  closeMs: number;
}

const LIMITS: FlightShelfLimits = { files: 256, staleMs: 1000, closeMs: 10_000 };
/** Combinations of files that are kept as they are: a screen asks for the same ones again. */
const MOST_VIEWS = 4;

interface Opened {
  part: PartIndex;
  /** Of one that is being written: when it was opened. */
  passingMs: number | undefined;
}

/**
 * The files of the flight recorder that screens look into, kept open between reads, the least recently read closed first. Reads come one after the other,
 * so between them every file may be closed: those about to be removed are.
 */
export class FlightShelf implements AsyncDisposable {
  readonly #flight: FlightRecorder;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #limits: FlightShelfLimits;
  /** By path, least recently read first. */
  readonly #open = new Map<string, Opened>();
  #views: FlightView[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(flight: FlightRecorder, disk: Disk, clock: Clock, limits: Partial<FlightShelfLimits> = {}) {
    this.#flight = flight;
    this.#disk = disk;
    this.#clock = clock;
    this.#limits = { ...LIMITS, ...limits };
    flight.ring.onRemove = (path) => this.#serially(() => this.#close(path));
  }

  /** Whether there is anything in [fromNs, toNs] on disk. */
  has(fromNs: bigint, toNs: bigint): boolean {
    const { ring, running } = this.#flight;
    return (running !== undefined && running.fromNs <= toNs) || ring.within(fromNs, toNs).length > 0;
  }

  /** Looks into the files with anything in [fromNs, toNs], as many as may be open; they stay open until `work` is done. */
  read<T>(fromNs: bigint, toNs: bigint, work: (looked: Looked) => Promise<T>): Promise<T> {
    return this.#serially(async () => {
      const { ring, running } = this.#flight;
      const all = ring.within(fromNs, toNs);
      const parts = all.slice(0, this.#limits.files);
      const next = all[parts.length];
      const opened: PartIndex[] = [];
      for (const part of parts) {
        const index = await this.#take(part.path, () => openFlightPart(this.#disk, part, ring.parts));
        if (index) opened.push(index);
      }
      if (!next && running && running.fromNs <= toNs && !parts.some(({ path }) => path === running.path)) {
        const index = await this.#take(running.path, () => openPart(this.#disk, running.path, { isRunning: true }));
        if (index) opened.push(index);
      }
      try {
        return await work({ view: this.#viewOf(opened), toNs: next?.fromNs });
      } finally {
        await this.#tidy();
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#serially(async () => {
      for (const path of [...this.#open.keys()]) await this.#close(path);
    });
    const late = createDeferred<void>();
    using _ = this.#clock.after(this.#limits.closeMs, () => late.resolve());
    await Promise.race([closed, late.promise]);
  }

  /** Undefined if it cannot be read: removed meanwhile, or broken. */
  async #take(path: string, open: () => Promise<PartIndex>): Promise<PartIndex | undefined> {
    const known = this.#open.get(path);
    const nowMs = this.#clock.monotonicMs();
    if (known?.passingMs !== undefined && nowMs - known.passingMs >= this.#limits.staleMs) await this.#close(path);
    let opened = this.#open.get(path);
    if (!opened) {
      const part = await open().catch(() => undefined);
      if (!part) return undefined;
      opened = { part, passingMs: part.isFinished ? undefined : nowMs };
    }
    this.#open.delete(path);
    this.#open.set(path, opened);
    return opened.part;
  }

  #viewOf(parts: readonly PartIndex[]): FlightView {
    const key = parts.map(({ path, sizeBytes }) => `${path}:${sizeBytes}`).join('\n');
    const known = this.#views.find((view) => view.key === key);
    if (known) return known;
    const view = new FlightView(key, new Recording([...parts], false));
    this.#views = [view, ...this.#views].slice(0, MOST_VIEWS);
    return view;
  }

  async #tidy(): Promise<void> {
    for (const path of [...this.#open.keys()]) {
      if (this.#open.size <= this.#limits.files) return;
      await this.#close(path);
    }
  }

  async #close(path: string): Promise<void> {
    const opened = this.#open.get(path);
    if (!opened) return;
    this.#open.delete(path);
    this.#views = this.#views.filter(({ recording }) => !recording.parts.includes(opened.part));
    await opened.part.file.close().catch(() => undefined);
  }

  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
