import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry, type StreamShape } from '../acquisition/stream-registry.ts';
import { History } from '../history/history.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { ReplayAlarms, type ReplayAlarmsOptions } from './replay-alarms.ts';
import { ReplayClock } from './replay-clock.ts';

/** Computes streams of its own from those on a fan, and puts them on it. */
export type ComputedStage = SampleSink & Disposable;

/** Where a computed stage reads and writes. */
export interface ComputedPlace {
  sink: SampleFan;
  registry: StreamRegistry;
  /** As it was recorded: shown value = gain × sample + offset. */
  scaleOf(channel: string): { gain: number; offset: number };
}

export interface ReplayStageOptions {
  /** Number of the first stream: other than any live stream and any stream of another replay. */
  firstStream: number;
  /** Real time, for the epochs of streams that begin anew. */
  clock: Clock;
  historyBytes: number;
  channelOf: ReplayAlarmsOptions['channelOf'];
  /** The rules of the bench. */
  rules(): readonly AlarmRule[];
  changed(): void;
  /** Math channels: made for each run, and anew when they are others. */
  compute?: ((place: ComputedPlace) => ComputedStage) | undefined;
}

/**
 * What rows of a replay come to: a fan of its own, history, rules. Nothing of the live bench hangs on it.
 *
 *     tape ─┐        ┌─▶ history ─▶ hubs of the screens
 *           ├─▶ fan ─┼─▶ alarms
 *     live ─┘    ▲   └─▶ math ─┐
 *                └─────────────┘
 *
 * A run goes from one place on. With the next one everything begins anew, under other numbers and epochs, so that no screen draws a line from the one
 * to the other; the first run keeps the epochs of the recording.
 */
export class ReplayStage implements SampleSink, Disposable {
  readonly fan = new SampleFan();
  readonly history: History;
  readonly #options: ReplayStageOptions;
  readonly #registry: StreamRegistry;
  /** Streams of the recording, by their number there. */
  readonly #own = new Map<number, StreamInfo>();
  #opened: StreamInfo[] = [];
  #joined: Disposable[] = [];
  #clock = new ReplayClock(0n);
  #alarms: ReplayAlarms | undefined;
  #computed: { stage: ComputedStage; joined: Disposable } | undefined;
  #run = 0;

  constructor(options: ReplayStageOptions) {
    this.#options = options;
    this.history = new History({ sizeBytes: options.historyBytes });
    this.#registry = new StreamRegistry(this.fan, options.clock, 0, () => {}, options.firstStream);
    this.fan.add({
      streamOpened: (info) => {
        this.#opened = [...this.streams, info];
      },
      batch: () => {},
      gap: () => {},
      streamClosed: () => {},
    });
  }

  /** Runs begun. */
  get run(): number {
    return this.#run;
  }

  /** The time of the recording. */
  get clock(): ReplayClock {
    return this.#clock;
  }

  get alarms(): ReplayAlarms | undefined {
    return this.#alarms;
  }

  /** Streams of this run that are remembered. */
  get streams(): StreamInfo[] {
    return this.#opened.filter(({ id }) => this.history.stream(id) ?? this.history.segmentStream(id));
  }

  /** Ends the run and begins another at a time: no stream is open, nothing is remembered, all rules are normal. */
  begin(atNs: bigint): void {
    this.#end();
    this.#run++;
    this.#clock = new ReplayClock(atNs);
    const { changed } = this.#options;
    this.#alarms = new ReplayAlarms({ clock: this.#clock, channelOf: (channel) => this.#channelOf(channel), changed });
    this.#joined = [this.history, this.#alarms].map((sink) => this.fan.add(sink));
    this.applyMath();
    this.applyRules();
  }

  /** The rules of the bench are others now. */
  applyRules(): void {
    const isComputed = (channel: string): boolean => this.#options.compute !== undefined && channel.startsWith('math/');
    const has = (channel: string): boolean => this.#options.channelOf(channel) !== undefined || isComputed(channel);
    this.#alarms?.setRules(this.#options.rules().filter(({ channel }) => has(channel)));
  }

  /** The computed channels of the bench are others now: they begin anew from here on. */
  applyMath(): void {
    this.#endMath();
    const scaleOf = (channel: string): { gain: number; offset: number } =>
      this.#channelOf(channel)?.scale ?? { gain: 1, offset: 0 };
    const stage = this.#options.compute?.({ sink: this.fan, registry: this.#registry, scaleOf });
    // Behind the others: what is computed comes after what it was computed from.
    if (stage) this.#computed = { stage, joined: this.fan.add(stage) };
  }

  /** A stream beside those of the recording. */
  open(shape: StreamShape): StreamInfo {
    return this.#registry.open(shape);
  }

  streamOpened(info: StreamInfo): void {
    const { key, instrument, kind, columns, rateHz, epoch } = info;
    const described = this.#registry.describe({ instrument, stream: streamName(info), kind, columns, rateHz });
    const own = { ...described, key, epoch: this.#run === 1 ? epoch : described.epoch };
    this.#own.set(info.id, own);
    this.fan.streamOpened(own);
  }

  /** Takes the batch for good: it is renumbered. */
  batch(batch: Batch): void {
    const own = this.#own.get(batch.stream);
    if (!own) return;
    batch.stream = own.id;
    this.fan.batch(batch);
  }

  gap(gap: StreamGap): void {
    const own = this.#own.get(gap.stream);
    if (own) this.fan.gap({ ...gap, stream: own.id });
  }

  streamClosed(stream: number): void {
    const own = this.#own.get(stream);
    if (own) this.fan.streamClosed(own.id);
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #end(): void {
    this.#endMath();
    for (const { id } of this.fan.streams) this.fan.streamClosed(id);
    for (const joined of this.#joined.splice(0)) joined[Symbol.dispose]();
    this.#alarms?.[Symbol.dispose]();
    this.#own.clear();
    this.#opened = [];
    this.history.clear();
  }

  #endMath(): void {
    this.#computed?.stage[Symbol.dispose]();
    this.#computed?.joined[Symbol.dispose]();
    this.#computed = undefined;
  }

  /** As recorded; of a channel that is computed or live: as its stream says. */
  #channelOf(channel: string): ReturnType<ReplayAlarmsOptions['channelOf']> {
    const recorded = this.#options.channelOf(channel);
    if (recorded) return recorded;
    for (const { instrument, columns } of this.fan.streams) {
      const column = columns.find((each) => channelId(instrument, each.channel) === channel);
      if (column) return { scale: { gain: 1, offset: 0 }, unit: column.unit };
    }
    return undefined;
  }
}

/** Name of a stream within its instrument. */
export function streamName({ key, instrument }: Pick<StreamInfo, 'key' | 'instrument'>): string {
  return key.startsWith(`${instrument}/`) ? key.slice(instrument.length + 1) : key;
}
