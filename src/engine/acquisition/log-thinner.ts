import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** How a channel is to be recorded; from the channel book. */
export interface LogChoice {
  recorded: boolean;
  /** Shortest time between recorded rows, s; null: every sample. */
  logIntervalS: number | null;
}

/** A part of a stream's columns that is recorded at one interval. */
interface Lane {
  info: StreamInfo;
  columns: number[];
  intervalNs: bigint;
  nextNs: bigint;
  seq: number;
  /** Something was missing since its last row, which may lie in a batch none of whose rows was due. */
  isAfterGap: boolean;
}

interface Split {
  info: StreamInfo;
  lanes: Lane[];
}

/**
 * Stands before the recorder: leaves out channels that are not recorded, and thins those with a logging interval. What is recorded whole
 * passes untouched (the same bytes, the same row numbers). Where channels are left out, the others keep row numbers and losses of the
 * source. A thinned part becomes a timed stream `…/log-5s` of its own, with its own row numbers: the first row of each interval, as
 * measured, nothing averaged; rows lost in between were not due, so its gaps have a reason and no count.
 */
export class LogThinner implements SampleSink {
  readonly #recorder: SampleSink;
  readonly #registry: StreamRegistry;
  readonly #choiceOf: (channel: string) => LogChoice;
  readonly #splits = new Map<number, Split>();

  constructor(recorder: SampleSink, registry: StreamRegistry, choiceOf: (channel: string) => LogChoice) {
    this.#recorder = recorder;
    this.#registry = registry;
    this.#choiceOf = choiceOf;
  }

  streamOpened(info: StreamInfo): void {
    const lanes = this.#split(info);
    if (!lanes) {
      this.#recorder.streamOpened(info);
      return;
    }
    this.#splits.set(info.id, { info, lanes });
    for (const lane of lanes) this.#recorder.streamOpened(lane.info);
  }

  batch(batch: Batch): void {
    const split = this.#splits.get(batch.stream);
    if (!split) this.#recorder.batch(batch);
    else for (const lane of split.lanes) this.#thin(lane, batch);
  }

  gap(gap: StreamGap): void {
    const split = this.#splits.get(gap.stream);
    if (!split) this.#recorder.gap(gap);
    else {
      for (const lane of split.lanes) {
        const own = lane.intervalNs === 0n ? {} : { seq: lane.seq, lost: 0 };
        this.#recorder.gap({ ...gap, stream: lane.info.id, ...own });
      }
    }
  }

  streamClosed(stream: number): void {
    const split = this.#splits.get(stream);
    this.#splits.delete(stream);
    if (!split) this.#recorder.streamClosed(stream);
    else for (const lane of split.lanes) this.#recorder.streamClosed(lane.info.id);
  }

  /** The choices for its channels have changed while it is open. What was whole and becomes thinned, or back, goes on as another stream. */
  reconsider(info: StreamInfo): void {
    const old = this.#splits.get(info.id);
    const lanes = this.#split(info, old !== undefined);
    if (!lanes) return;
    if (old) for (const lane of old.lanes) this.#recorder.streamClosed(lane.info.id);
    else this.#recorder.streamClosed(info.id);
    this.#splits.set(info.id, { info, lanes });
    for (const lane of lanes) this.#recorder.streamOpened(lane.info);
  }

  /** Undefined when every channel is recorded whole. Columns of provenance (`~…`) follow the first channel. */
  #split(info: StreamInfo, always = false): Lane[] | undefined {
    const first = info.columns[0];
    const choices = info.columns.map(({ channel }) =>
      this.#choiceOf(channelId(info.instrument, channel.startsWith('~') && first ? first.channel : channel)),
    );
    const whole = choices.every(({ recorded, logIntervalS }) => recorded && logIntervalS === null);
    if (info.kind === 'segment' || (whole && !always)) return undefined;
    const byInterval = new Map<number, number[]>();
    choices.forEach(({ recorded, logIntervalS }, column) => {
      if (!recorded) return;
      const intervalS = logIntervalS ?? 0;
      byInterval.set(intervalS, [...(byInterval.get(intervalS) ?? []), column]);
    });
    return [...byInterval].map(([intervalS, columns]) => {
      const suffix = intervalS === 0 ? 'log' : `log-${intervalS}s`;
      const lane = this.#registry.describe({
        instrument: info.instrument,
        stream: `${info.key.slice(info.instrument.length + 1)}/${suffix}`,
        kind: 'timed',
        columns: columns.flatMap((column) => info.columns[column] ?? []),
        rateHz: intervalS === 0 ? info.rateHz : Math.min(info.rateHz, 1 / intervalS),
      });
      return {
        info: lane,
        columns,
        intervalNs: BigInt(Math.round(intervalS * 1e9)),
        nextNs: 0n,
        seq: 0,
        isAfterGap: false,
      };
    });
  }

  #thin(lane: Lane, batch: Batch): void {
    const rows: number[] = [];
    lane.isAfterGap ||= (batch.flags & BATCH_FLAG.gap) !== 0;
    for (let row = 0; row < batch.rows; row++) {
      const timeNs = rowTimeNs(batch, row);
      // Source time that steps back by more than jitter begins a new grid, else nothing would be due until the old time is passed.
      if (lane.nextNs - timeNs > 2n * lane.intervalNs) lane.nextNs = timeNs;
      if (timeNs < lane.nextNs) {
        row += this.#skippable(lane, batch, timeNs);
        continue;
      }
      // The grid of intervals is kept unless the source was away for longer than one.
      lane.nextNs = lane.nextNs + lane.intervalNs > timeNs ? lane.nextNs + lane.intervalNs : timeNs + lane.intervalNs;
      rows.push(row);
    }
    const start = rows[0];
    if (start === undefined) return;
    const t0Ns = rowTimeNs(batch, start);
    const gap = lane.isAfterGap ? BATCH_FLAG.gap : 0;
    const flags = (batch.flags & BATCH_FLAG.float64) | gap | BATCH_FLAG.timed;
    lane.isAfterGap = false;
    const channels = lane.columns.length;
    const { arrivedNs } = batch;
    const thin = createBatch({
      stream: lane.info.id,
      rows: rows.length,
      channels,
      flags,
      ...(lane.intervalNs === 0n ? { seq: batch.seq, lost: batch.lost } : { seq: lane.seq, lost: 0 }),
      t0Ns,
      arrivedNs,
      dtS: 0,
      xOriginS: 0,
    });
    rows.forEach((row, index) => {
      if (thin.times) thin.times[index] = Number(rowTimeNs(batch, row) - t0Ns) / 1e9;
      lane.columns.forEach((column, place) => {
        const to = thin.columns[place];
        if (to) to[index] = batch.columns[column]?.[row] ?? Number.NaN;
      });
    });
    lane.seq += rows.length;
    this.#recorder.batch(thin);
  }

  /** Rows of a regular stream that are surely before the next due time: they need no look. */
  #skippable(lane: Lane, batch: Batch, timeNs: bigint): number {
    if (batch.times || batch.dtS <= 0) return 0;
    return Math.max(0, Math.floor(Number(lane.nextNs - timeNs) / 1e9 / batch.dtS) - 2);
  }
}
