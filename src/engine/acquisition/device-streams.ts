import type { Clock } from '../../core/clock.ts';
import type { ColumnInfo, StreamInfo } from '../../core/stream-info.ts';
import type { StreamOutlet, StreamRows } from '../driver/driver.ts';
import type { SampleSink } from '../sample-sink.ts';
import { ArrivalStream } from './arrival-stream.ts';
import { RegularStream } from './regular-stream.ts';
import { sleepReason } from './sleep-watch.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** A device that gives nothing for that long is silent, or for three of its rows if that is longer; ms. */
const STREAM_SILENT_MS = 2000;
/** A device without a rate may pause as it likes: it is silent when it paused ten times as long as between rows so far, and at least so long; ms. */
const FREE_SILENT_MS = 10_000;

export interface DeviceStreamsHost {
  readonly clock: Clock;
  readonly registry: StreamRegistry;
  readonly sink: SampleSink;
  /** A stream was opened: its channels are known. */
  carries(info: StreamInfo, columns: ColumnInfo[], rateHz: number): void;
  /** Rows came. */
  came(): void;
}

/** The streams of one device that talks by itself: one at a fixed rate, or several that come when they come (Teleplot has one for each variable). */
export class DeviceStreams implements Disposable {
  /** Bad lines or frames so far. */
  malformed = 0;
  readonly #instrument: string;
  readonly #host: DeviceStreamsHost;
  readonly #open = new Map<string, RegularStream | ArrivalStream>();
  /** Where each stream before ended, and why. */
  readonly #pauses = new Map<string, { endNs: bigint; reason: string }>();
  /** Streams whose source says that it gives nothing now. */
  readonly #silent = new Set<string>();
  #last: string | undefined;
  #rowsMs: number;
  #longestMs = 0;

  constructor(instrument: string, host: DeviceStreamsHost) {
    this.#instrument = instrument;
    this.#host = host;
    this.#rowsMs = host.clock.monotonicMs();
  }

  /** For the driver. */
  readonly outlet: StreamOutlet = {
    opened: (info) => this.#opened(info),
    rows: (rows) => this.#rows(rows),
    gap: ({ stream, ...gap }) => {
      const open = this.#open.get(stream);
      if (open instanceof ArrivalStream) open.gap(gap);
    },
    silent: (stream) => void this.#silent.add(stream),
    malformed: (count) => {
      this.malformed = count;
    },
  };

  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** Rate the device streams at; 0: none it could be held to. */
  get rateHz(): number {
    return Math.max(0, ...[...this.#open.values()].map(({ info }) => info.rateHz));
  }

  /** Drift of its clock, ppm; NaN where it is not known. */
  get driftPpm(): number {
    return [...this.#open.values()].find(({ driftPpm }) => !Number.isNaN(driftPpm))?.driftPpm ?? Number.NaN;
  }

  /** Nothing has come for so long that the device owes an explanation. */
  get isSilent(): boolean {
    if (!this.isOpen) return false;
    if (this.#silent.size >= this.#open.size) return true;
    const { rateHz } = this;
    const limitMs =
      rateHz > 0 ? Math.max(STREAM_SILENT_MS, 3000 / rateHz) : Math.max(FREE_SILENT_MS, 10 * this.#longestMs);
    return this.#host.clock.monotonicMs() - this.#rowsMs > limitMs;
  }

  /** The device is gone or starts anew; what it streams then follows a gap of that reason. */
  end(reason: string): void {
    for (const name of [...this.#open.keys()]) this.#end(name, reason);
    this.#last = undefined;
  }

  [Symbol.dispose](): void {
    for (const stream of this.#open.values()) stream[Symbol.dispose]();
    this.#open.clear();
  }

  #opened({ stream: name, columns, rateHz, float64 }: Parameters<StreamOutlet['opened']>[0]): void {
    this.#end(name, 'restarted');
    const shape = { instrument: this.#instrument, stream: name, columns, after: this.#pauseOf(name) };
    const opened =
      rateHz > 0 ? new RegularStream(this.#host, { ...shape, rateHz, float64 }) : new ArrivalStream(this.#host, shape);
    this.#open.set(name, opened);
    this.#last = name;
    this.#rowsMs = this.#host.clock.monotonicMs();
    const measured = columns.filter(({ channel }) => !channel.startsWith('~'));
    this.#host.carries(opened.info, measured, rateHz);
  }

  /** What ended because the system slept, or while it did, says so. */
  #pauseOf(name: string): { endNs: bigint; reason: string } | undefined {
    const pause = this.#pauses.get(name);
    const sleep = this.#host.clock.lastSleep;
    return pause && sleep && sleep.toNs > pause.endNs ? { ...pause, reason: sleepReason(sleep, pause.reason) } : pause;
  }

  #rows(rows: StreamRows): void {
    const name = rows.stream ?? this.#last;
    if (name === undefined) return;
    this.#silent.delete(name);
    this.#open.get(name)?.add(rows);
    const nowMs = this.#host.clock.monotonicMs();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#rowsMs);
    this.#rowsMs = nowMs;
    this.#host.came();
  }

  #end(name: string, reason: string): void {
    const stream = this.#open.get(name);
    if (!stream) return;
    this.#open.delete(name);
    this.#silent.delete(name);
    if (stream.endNs !== undefined) this.#pauses.set(name, { endNs: stream.endNs, reason });
    stream[Symbol.dispose]();
  }
}
