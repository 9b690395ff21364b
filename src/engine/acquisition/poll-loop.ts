import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { Driver } from '../driver/driver.ts';
import type { SampleSink } from '../sample-sink.ts';
import type { StreamRegistry } from './stream-registry.ts';
import { TimedStream } from './timed-stream.ts';

export interface PollPlan {
  /** Rate asked per channel name, Hz. Channels of one rate are one stream. */
  rates: ReadonlyMap<string, number>;
  maxPollHz: number;
}

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
  /** A round failed (timeout, rejected, malformed); the loop goes on. `transport.closed` ends it instead. */
  failed(error: LabError): void;
  succeeded(): void;
  /** Between rounds, at most once a second: lamps and read-backs. */
  between(signal: AbortSignal): Promise<void>;
}

/**
 * Polls one instrument: one round answers all groups that are due. A round that takes longer than the interval is followed at once by the next;
 * missed rounds are not made up for: the rate got is what is reported. Streams live across reconnects; the gap is marked.
 */
export class PollLoop implements Disposable {
  readonly #host: PollHost;
  readonly #polled: ColumnInfo[];
  #groups: Group[] = [];
  #gapReason: string | undefined;

  constructor(host: PollHost, polled: ColumnInfo[]) {
    this.#host = host;
    this.#polled = polled;
  }

  /** Streams of the plan, keyed by channel name: which stream carries it. */
  get streamOf(): Map<string, string> {
    return new Map(
      this.#groups.flatMap(({ columns, stream }) =>
        columns.map(({ channel }): [string, string] => [channel, stream.info.key]),
      ),
    );
  }

  /** Takes effect with the next round. Groups whose columns stay the same keep their stream. */
  plan({ rates, maxPollHz }: PollPlan): void {
    const byRate = new Map<number, number[]>();
    this.#polled.forEach((column, index) => {
      const rateHz = Math.min(rates.get(column.channel) ?? 1, maxPollHz);
      byRate.set(rateHz, [...(byRate.get(rateHz) ?? []), index]);
    });
    const kept = new Map(this.#groups.map((group) => [group.indices.join(), group]));
    for (const indices of byRate.values()) if (kept.has(indices.join())) kept.delete(indices.join());
    for (const group of kept.values()) group.stream[Symbol.dispose]();
    const living = this.#groups.filter((group) => !kept.has(group.indices.join()));
    this.#groups = [];
    for (const [rateHz, indices] of byRate) {
      const same = living.find((group) => group.indices.join() === indices.join());
      this.#groups.push(
        same ? { ...same, rateHz, dueMs: 0 } : this.#open(rateHz, indices, [...living, ...this.#groups]),
      );
    }
  }

  #open(rateHz: number, indices: number[], others: readonly Group[]): Group {
    const taken = new Set(others.map((group) => group.stream.info.key));
    const { instrument } = this.#host;
    let stream = 'poll';
    for (let number = 2; taken.has(`${instrument}/${stream}`); number++) stream = `poll.${number}`;
    const columns = indices.flatMap((index) => this.#polled[index] ?? []);
    return {
      rateHz,
      indices,
      columns,
      stream: new TimedStream(this.#host, { instrument, stream, columns, rateHz }),
      dueMs: 0,
    };
  }

  /** The wire was away: the first row of every stream after this is marked. */
  markGap(reason: string): void {
    this.#gapReason = reason;
  }

  /** Runs until the signal aborts (resolves) or the wire ends (throws `transport.closed` and the like). */
  async run(driver: Driver, signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    let betweenMs = Number.NEGATIVE_INFINITY;
    if (this.#gapReason !== undefined) {
      for (const group of this.#groups) group.stream.markGap(this.#gapReason);
      this.#gapReason = undefined;
    }
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      const due = this.#groups.filter((group) => group.dueMs <= nowMs);
      if (due.length === 0) {
        const next = Math.min(...this.#groups.map((group) => group.dueMs), nowMs + 1000);
        try {
          if (nowMs - betweenMs >= 1000) {
            betweenMs = nowMs;
            await this.#host.between(signal);
          } else await delay(clock, next - nowMs, signal);
        } catch (error) {
          if (signal.aborted) return;
          this.#judge(error);
        }
        continue;
      }
      for (const group of due) group.dueMs = Math.max(group.dueMs + 1000 / group.rateHz, nowMs);
      await this.#round(driver, due, signal);
      if (clock.monotonicMs() - betweenMs >= 3000) {
        betweenMs = clock.monotonicMs();
        await this.#host.between(signal).catch((error: unknown) => signal.aborted || this.#judge(error));
      }
    }
  }

  async #round(driver: Driver, due: Group[], signal: AbortSignal): Promise<void> {
    const whole = due.length === this.#groups.length;
    const channels = whole ? undefined : due.flatMap((group) => group.columns.map(({ channel }) => channel));
    try {
      const row = await driver.poll?.(signal, channels);
      if (!row) return;
      for (const group of due) {
        group.stream.add(
          group.indices.map((index) => row.values[index] ?? Number.NaN),
          row.sentNs,
          row.receivedNs,
        );
      }
      this.#host.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      for (const group of due)
        group.stream.markGap(LabError.from(error).code === 'transport.timeout' ? 'no answer' : 'no value');
      this.#judge(error);
    }
  }

  /** What ends the session ends the loop; everything else is one bad round. */
  #judge(thrown: unknown): void {
    const error = LabError.from(thrown);
    if (error.code === 'transport.closed' || error.code === 'instrument.detached' || error.code === 'internal.failed')
      throw error;
    this.#host.failed(error);
  }

  [Symbol.dispose](): void {
    for (const group of this.#groups) group.stream[Symbol.dispose]();
    this.#groups = [];
  }
}
