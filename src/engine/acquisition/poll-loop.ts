import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { Driver, DriverRow } from '../driver/driver.ts';
import type { SampleSink } from '../sample-sink.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { TimedStream } from './timed-stream.ts';

interface Group {
  rateHz: number;
  columns: ColumnInfo[];
  /** Where its columns stand in the driver's row. */
  indices: number[];
  stream: TimedStream;
  dueMs: number;
}

export interface PollHost {
  registry: StreamRegistry;
  sink: SampleSink;
  clock: Clock;
  instrument: string;
  /** Rate asked of a channel, Hz. */
  rateOf(channel: string): number;
  maxPollHz: number;
  /** A stream carries these channels from now on. */
  carries(stream: string, columns: ColumnInfo[], rateHz: number): void;
  /** Channels that a setting of the instrument has taken away. */
  dropped(channels: string[]): void;
  /** A round failed (timeout, rejected, malformed); the loop goes on. `transport.closed` ends it instead. */
  failed(error: LabError): void;
  succeeded(): void;
  /** Between rounds, at most once a second: lamps and read-backs. */
  between(signal: AbortSignal): Promise<void>;
}

const BETWEEN_MS = 1000;
/** Longest that lamps wait while rounds follow each other without a pause. */
const BETWEEN_MOST_MS = 3000;

/**
 * Polls one instrument: one round answers all groups that are due; channels of one rate are a group and a stream. A round that takes longer than
 * the interval is followed at once by the next; missed rounds are not made up for: the rate got is what is reported. Streams open with the
 * first row, live across reconnects (the gap is marked), and change when the driver says that other channels are active.
 */
export class PollLoop implements Disposable {
  readonly #host: PollHost;
  readonly #polled: ColumnInfo[];
  #active: ReadonlySet<string> | undefined;
  #groups: Group[] = [];
  #gapReason: string | undefined;
  #lookMs = 0;
  #isAsking = false;
  /** The rates changed while a round was under way: its row still belongs to the streams of before. */
  #isReplanDue = false;
  #isDisposed = false;

  constructor(host: PollHost, polled: ColumnInfo[]) {
    this.#host = host;
    this.#polled = polled;
  }

  /** Rates have changed: takes effect with the next round. Groups whose columns stay the same keep their stream. */
  replan(): void {
    if (this.#isAsking) this.#isReplanDue = true;
    else if (this.#active && !this.#isDisposed) this.#plan();
  }

  /** The wire was away: the first row of every stream after this is marked. */
  markGap(reason: string): void {
    this.#gapReason = reason;
  }

  /** Runs until the signal aborts (resolves) or the wire ends (throws `transport.closed` and the like). */
  async run(driver: Pick<Driver, 'poll'>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    let betweenMs = clock.monotonicMs();
    if (this.#gapReason !== undefined) {
      for (const group of this.#groups) group.stream.markGap(this.#gapReason);
      this.#gapReason = undefined;
    }
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      const waitMs = this.#nextMs - nowMs;
      const betweenInMs = betweenMs + (waitMs > 0 ? BETWEEN_MS : BETWEEN_MOST_MS) - nowMs;
      try {
        if (betweenInMs <= 0) {
          betweenMs = nowMs;
          await this.#host.between(signal);
        } else if (waitMs > 0) await delay(clock, Math.min(waitMs, betweenInMs), signal);
        else await this.#round(driver, nowMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#judge(error);
      }
    }
  }

  /** When the next round is due; while nothing is measured, when to look again. */
  get #nextMs(): number {
    return this.#groups.length === 0 ? this.#lookMs : Math.min(...this.#groups.map((group) => group.dueMs));
  }

  /** A round that is under way ends without a row. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const group of this.#groups) group.stream[Symbol.dispose]();
    this.#groups = [];
  }

  async #round(driver: Pick<Driver, 'poll'>, nowMs: number, signal: AbortSignal): Promise<void> {
    const due = this.#groups.filter((group) => group.dueMs <= nowMs);
    this.#lookMs = nowMs + BETWEEN_MS;
    for (const group of due) group.dueMs = Math.max(group.dueMs + 1000 / group.rateHz, nowMs);
    const isWhole = due.length === this.#groups.length;
    const channels = isWhole ? undefined : due.flatMap((group) => group.columns.map(({ channel }) => channel));
    this.#isAsking = true;
    try {
      const row = await driver.poll?.(signal, channels);
      if (!row || this.#isDisposed) return;
      if (isWhole) this.#activate(row);
      const receivers = isWhole ? this.#groups : due;
      for (const { stream, indices } of receivers) {
        stream.add(
          indices.map((index) => row.values[index] ?? Number.NaN),
          row.sentNs,
          row.receivedNs,
        );
      }
      this.#host.succeeded();
    } catch (error) {
      const reason = LabError.from(error).code === 'transport.timeout' ? 'no answer' : 'no value';
      if (!signal.aborted) for (const group of due) group.stream.markGap(reason);
      throw error;
    } finally {
      this.#isAsking = false;
      if (this.#isReplanDue) {
        this.#isReplanDue = false;
        this.replan();
      }
    }
  }

  #activate({ active }: DriverRow): void {
    const next = new Set(active ?? this.#polled.map(({ channel }) => channel));
    const known = this.#active;
    if (known && known.size === next.size && [...next].every((channel) => known.has(channel))) return;
    this.#active = next;
    this.#plan();
    const dropped = [...(known ?? [])].filter((channel) => !next.has(channel));
    if (dropped.length > 0) this.#host.dropped(dropped);
  }

  #plan(): void {
    const byRate = new Map<number, number[]>();
    this.#polled.forEach((column, index) => {
      if (!this.#active?.has(column.channel)) return;
      const rateHz = Math.min(this.#host.rateOf(column.channel), this.#host.maxPollHz);
      byRate.set(rateHz, [...(byRate.get(rateHz) ?? []), index]);
    });
    const wanted = new Set([...byRate.values()].map((indices) => indices.join()));
    const living = this.#groups.filter((group) => wanted.has(group.indices.join()));
    for (const group of this.#groups) if (!living.includes(group)) group.stream[Symbol.dispose]();
    this.#groups = [];
    for (const [rateHz, indices] of byRate) {
      const same = living.find((group) => group.indices.join() === indices.join());
      const dueMs = this.#host.clock.monotonicMs() + 1000 / rateHz;
      const group = same
        ? { ...same, rateHz, dueMs: Math.min(same.dueMs, dueMs) }
        : this.#open(rateHz, indices, [...living, ...this.#groups]);
      this.#groups.push(group);
      this.#host.carries(group.stream.info.key, group.columns, rateHz);
    }
  }

  #open(rateHz: number, indices: number[], others: readonly Group[]): Group {
    const taken = new Set(others.map((group) => group.stream.info.key));
    const { instrument } = this.#host;
    let stream = 'poll';
    for (let number = 2; taken.has(`${instrument}/${stream}`); number++) stream = `poll.${number}`;
    const columns = indices.flatMap((index) => this.#polled[index] ?? []);
    const opened = new TimedStream(this.#host, { instrument, stream, columns, rateHz });
    return { rateHz, indices, columns, stream: opened, dueMs: this.#host.clock.monotonicMs() + 1000 / rateHz };
  }

  /** What ends the session ends the loop; everything else is one bad round. */
  #judge(thrown: unknown): void {
    const error = LabError.from(thrown);
    if (error.code === 'transport.closed' || error.code === 'instrument.detached' || error.code === 'internal.failed')
      throw error;
    this.#host.failed(error);
  }
}
