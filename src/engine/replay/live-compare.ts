import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { cutBatch, rowsUntil, segmentEndNs } from './cut-batch.ts';
import { type ReplayStage, streamName } from './replay-stage.ts';

export interface LiveCompareOptions {
  /** The live streams. */
  fan: SampleFan;
  clock: Clock;
  stage: ReplayStage;
  /** Channels of the recording (`instrument/channel`): live streams that carry one of them come along. */
  channels: ReadonlySet<string>;
  /** Time of the recording that is now; now is shown there. */
  placeNs: bigint;
  /** More came than is waited for; nothing more is taken. */
  overrun: () => void;
  limitBytes?: number;
}

type Rows = { batch: Batch; row: number; isSegment: boolean };
type Item = Rows | { gap: StreamGap } | { closed: number };

/** What waits for the replay to come to it: a beat's worth, unless the replay stands still for the disk. */
const LIMIT_BYTES = 16 << 20;

/**
 * Live streams beside a replay, their times shifted so that what is measured now lies where the replay is. They are streams of instruments `live:ID`.
 * Rows wait until the replay has come to their time. The live batches are borrowed, never changed.
 */
export class LiveCompare implements SampleSink, Disposable {
  readonly #options: LiveCompareOptions;
  readonly #shiftNs: bigint;
  /** Streams of the replay, by the number of the live one. */
  readonly #own = new Map<number, StreamInfo>();
  readonly #joined: Disposable;
  #queue: Item[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(options: LiveCompareOptions) {
    this.#options = options;
    this.#shiftNs = options.placeNs - options.clock.nowNs();
    this.#joined = options.fan.add(this);
  }

  /** Live streams that came along. */
  get count(): number {
    return this.#own.size;
  }

  streamOpened(info: StreamInfo): void {
    const { instrument, kind, columns, rateHz } = info;
    if (!columns.some(({ channel }) => this.#options.channels.has(channelId(instrument, channel)))) return;
    const shape = { instrument: `live:${instrument}`, stream: streamName(info), kind, columns, rateHz };
    this.#own.set(info.id, this.#options.stage.open(shape));
  }

  batch(batch: Batch): void {
    const own = this.#own.get(batch.stream);
    if (!own || this.#isOver || batch.rows === 0) return;
    const shifted = {
      ...batch,
      stream: own.id,
      t0Ns: batch.t0Ns + this.#shiftNs,
      arrivedNs: batch.arrivedNs + this.#shiftNs,
    };
    // Both begin together: what was measured before is left out.
    const isSegment = own.kind === 'segment';
    const row = isSegment ? 0 : rowsUntil(shifted, 0, this.#options.placeNs - 1n);
    if (row === batch.rows) return;
    this.#queue.push({ batch: shifted, row, isSegment });
    this.#bytes += batch.buffer.byteLength;
    if (this.#bytes <= (this.#options.limitBytes ?? LIMIT_BYTES)) return;
    this.#isOver = true;
    this.#options.overrun();
  }

  gap(gap: StreamGap): void {
    const own = this.#own.get(gap.stream);
    if (!own) return;
    const fromNs = gap.fromNs + this.#shiftNs;
    this.#queue.push({ gap: { ...gap, stream: own.id, fromNs, toNs: gap.toNs + this.#shiftNs } });
  }

  streamClosed(stream: number): void {
    const own = this.#own.get(stream);
    this.#own.delete(stream);
    if (own) this.#queue.push({ closed: own.id });
  }

  /** Gives what is not later than a time of the recording, in the order it came. */
  give(untilNs: bigint): void {
    const { fan } = this.#options.stage;
    for (let item = this.#queue[0]; item; item = this.#queue[0]) {
      if ('gap' in item) fan.gap(item.gap);
      else if ('closed' in item) fan.streamClosed(item.closed);
      else if (!this.#giveRows(item, untilNs, fan)) return;
      this.#queue.shift();
    }
  }

  /** Closes its streams; what waits is not given any more. */
  [Symbol.dispose](): void {
    this.#joined[Symbol.dispose]();
    const { fan } = this.#options.stage;
    for (const item of this.#queue.splice(0)) if ('closed' in item) fan.streamClosed(item.closed);
    for (const { id } of this.#own.values()) fan.streamClosed(id);
    this.#own.clear();
  }

  /** Whether all rows of the batch are given. */
  #giveRows(item: Rows, untilNs: bigint, fan: SampleFan): boolean {
    const { batch, row, isSegment } = item;
    const segmentTo = segmentEndNs(batch) <= untilNs ? batch.rows : row;
    const to = isSegment ? segmentTo : rowsUntil(batch, row, untilNs);
    if (to > row) fan.batch(row === 0 && to === batch.rows ? batch : cutBatch(batch, row, to));
    item.row = to;
    if (to < batch.rows) return false;
    this.#bytes -= batch.buffer.byteLength;
    return true;
  }
}
