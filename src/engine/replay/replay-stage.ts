import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { SampleFan } from '../acquisition/sample-fan.ts';
import { StreamRegistry, type StreamShape } from '../acquisition/stream-registry.ts';
import { History } from '../history/history.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { ReplayAlarms, type ReplayAlarmsOptions } from './replay-alarms.ts';
import { ReplayClock } from './replay-clock.ts';

/** Computes streams of its own from those on the fan, and puts them on it. */
export type ComputedStage = SampleSink & Disposable;

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
  /** Math channels: made for each run, between fan and history. `clock` is the time of the recording. */
  compute?: ((fan: SampleFan, registry: StreamRegistry, clock: Clock) => ComputedStage) | undefined;
}

/**
 * What rows of a replay come to: a fan of its own, history, rules. Nothing of the live bench hangs on it.
 *
 *     tape ─┐
 *           ├─▶ fan ─▶ math ─▶ history ─▶ hubs of the screens
 *     live ─┘      └──────────▶ alarms
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
  #cleanups: Disposable[] = [];
  #clock = new ReplayClock(0n);
  #alarms: ReplayAlarms | undefined;
  #run = 0;

  constructor(options: ReplayStageOptions) {
    this.#options = options;
    this.history = new History({ sizeBytes: options.historyBytes });
    this.#registry = new StreamRegistry(this.fan, options.clock, 0, () => {}, options.firstStream);
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
    const { channelOf, changed, compute } = this.#options;
    this.#clock = new ReplayClock(atNs);
    const alarms = new ReplayAlarms({ clock: this.#clock, channelOf, changed });
    this.#alarms = alarms;
    const computed = compute?.(this.fan, this.#registry, this.#clock);
    const sinks: SampleSink[] = [...(computed ? [computed] : []), this.history, alarms];
    this.#cleanups = [...sinks.map((sink) => this.fan.add(sink)), ...(computed ? [computed] : []), alarms];
    this.applyRules();
  }

  /** The rules of the bench are others now. */
  applyRules(): void {
    const has = (channel: string): boolean =>
      this.#options.channelOf(channel) !== undefined ||
      (this.#options.compute !== undefined && channel.startsWith('math/'));
    this.#alarms?.setRules(this.#options.rules().filter(({ channel }) => has(channel)));
  }

  /** A stream beside those of the recording. */
  open(shape: StreamShape): StreamInfo {
    const info = this.#registry.open(shape);
    this.#opened.push(info);
    return info;
  }

  streamOpened(info: StreamInfo): void {
    const { key, instrument, kind, columns, rateHz, epoch } = info;
    const described = this.#registry.describe({ instrument, stream: streamName(info), kind, columns, rateHz });
    const own = { ...described, key, epoch: this.#run === 1 ? epoch : described.epoch };
    this.#own.set(info.id, own);
    this.#opened.push(own);
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
    for (const { id } of this.fan.streams) this.fan.streamClosed(id);
    for (const cleanup of this.#cleanups.splice(0)) cleanup[Symbol.dispose]();
    this.#own.clear();
    this.#opened = [];
    this.history.clear();
  }
}

/** Name of a stream within its instrument. */
export function streamName({ key, instrument }: Pick<StreamInfo, 'key' | 'instrument'>): string {
  return key.startsWith(`${instrument}/`) ? key.slice(instrument.length + 1) : key;
}
