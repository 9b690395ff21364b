import type { MathChannel } from '../../contract/math-schema.ts';
import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import { Computer } from './compute.ts';
import type { Expression } from './expression.ts';
import { HeldValues } from './held-values.ts';

/** The instrument that computed channels belong to. */
export const MATH_INSTRUMENT = 'math';

export interface MathPlace {
  sink: SampleSink;
  registry: StreamRegistry;
  /** Shown value = gain * sample + offset: expressions are about what a person sees. */
  scaleOf(channel: string): { gain: number; offset: number };
}

interface Input {
  channel: string;
  stream: number;
  column: number;
  /** Of another stream than the rows. */
  held: HeldValues | undefined;
}

/**
 * One computed channel. It has a row for each row of the fastest stream among its inputs, at the same time; inputs of other streams are held from sample to
 * sample.
 *
 *     waiting ── a stream for every input is open ──→ open ── one of them closes ──→ waiting
 */
export class MathLane {
  readonly channel: MathChannel;
  readonly #expression: Expression;
  readonly #place: MathPlace;
  #inputs: Input[] = [];
  #driver: StreamInfo | undefined;
  #info: StreamInfo | undefined;
  #computer: Computer;
  #originNs: bigint | undefined;
  #isAfterGap = true;

  constructor(channel: MathChannel, expression: Expression, place: MathPlace) {
    this.channel = channel;
    this.#expression = expression;
    this.#place = place;
    this.#computer = new Computer(expression);
  }

  /** Why it gives nothing; '' if it does. */
  problem(streams: Iterable<StreamInfo>): string {
    if (this.#info) return '';
    if (this.#expression.channels.length === 0) return 'It names no channel, so it has no rows. Name one in braces.';
    const open = [...streams];
    const missing = this.#expression.channels.filter((channel) => !findColumn(open, channel));
    return missing.length > 0
      ? `No data yet from ${missing.join(', ')}. It begins when they come.`
      : 'Waveforms cannot be computed with; choose channels over time.';
  }

  /** Which streams are open has changed. */
  connect(streams: readonly StreamInfo[]): void {
    const found = this.#expression.channels.map((channel) => ({ channel, at: findColumn(streams, channel) }));
    const infos = found.flatMap(({ at }) => at?.info ?? []);
    const driver = infos.reduce<StreamInfo | undefined>(
      (best, info) => (!best || info.rateHz > best.rateHz ? info : best),
      undefined,
    );
    const own = channelId(MATH_INSTRUMENT, this.channel.name);
    // A recording that plays again may hold what was computed then: that is what is shown.
    const isThere = streams.some(({ id, key }) => key === own && id !== this.#info?.id);
    const isComplete = driver !== undefined && infos.length === found.length && !isThere;
    const isSame =
      isComplete &&
      driver.id === this.#driver?.id &&
      found.every(({ at }, index) => at?.info.id === this.#inputs[index]?.stream);
    if (isSame) return;
    this.close();
    if (!isComplete) return;
    this.#driver = driver;
    this.#inputs = found.flatMap(({ channel, at }) =>
      at
        ? [
            {
              channel,
              stream: at.info.id,
              column: at.column,
              held: at.info.id === driver.id ? undefined : new HeldValues(),
            },
          ]
        : [],
    );
    const { name, unit } = this.channel;
    const { kind, rateHz } = driver;
    this.#info = this.#place.registry.open({
      instrument: MATH_INSTRUMENT,
      stream: name,
      kind,
      columns: [{ channel: name, unit }],
      rateHz,
    });
  }

  batch(batch: Batch): void {
    if (!this.#info) return;
    for (const { stream, column, held } of this.#inputs) if (held && stream === batch.stream) held.add(batch, column);
    if (batch.stream === this.#driver?.id && batch.rows > 0) this.#compute(batch, this.#info.id);
  }

  gap(gap: StreamGap): void {
    if (!this.#info || gap.stream !== this.#driver?.id) return;
    this.#isAfterGap = true;
    this.#place.sink.gap({ ...gap, stream: this.#info.id });
  }

  /** Closes what is open. */
  close(): void {
    if (this.#info) this.#place.registry.close(this.#info);
    this.#info = undefined;
    this.#driver = undefined;
    this.#inputs = [];
    this.#isAfterGap = true;
  }

  #compute(batch: Batch, stream: number): void {
    this.#originNs ??= batch.t0Ns;
    const originNs = this.#originNs;
    const shiftS = Number(batch.t0Ns - originNs) / 1e9;
    const { times, dtS, rows } = batch;
    const isAfterGap = this.#isAfterGap || batch.lost > 0 || (batch.flags & BATCH_FLAG.gap) !== 0;
    const values = this.#computer.compute({
      rows,
      columns: this.#inputs.map((input) => this.#column(input, batch)),
      timeOf: times ? (row) => (times[row] ?? 0) + shiftS : (row) => row * dtS + shiftS,
      isAfterGap,
    });
    this.#isAfterGap = false;
    const { seq, lost, t0Ns, arrivedNs } = batch;
    const kept = batch.flags & (BATCH_FLAG.timed | BATCH_FLAG.gap);
    const result = createBatch({
      stream,
      rows,
      channels: 1,
      flags: kept | BATCH_FLAG.float64,
      seq,
      lost,
      t0Ns,
      arrivedNs,
      dtS,
      xOriginS: 0,
    });
    if (times) result.times?.set(times);
    result.columns[0]?.set(values);
    this.#place.sink.batch(result);
  }

  #column({ channel, column, held }: Input, batch: Batch): ArrayLike<number> {
    const { gain, offset } = this.#place.scaleOf(channel);
    const isPlain = gain === 1 && offset === 0;
    const own = batch.columns[column];
    if (!held && isPlain && own) return own;
    const values = new Float64Array(batch.rows);
    for (let row = 0; row < batch.rows; row++) {
      const value = held ? held.at(rowTimeNs(batch, row)) : (own?.[row] ?? Number.NaN);
      values[row] = isPlain ? value : gain * value + offset;
    }
    return values;
  }
}

function findColumn(streams: readonly StreamInfo[], channel: string): { info: StreamInfo; column: number } | undefined {
  for (const info of streams.toReversed()) {
    if (info.kind === 'segment') continue;
    const column = info.columns.findIndex((one) => channelId(info.instrument, one.channel) === channel);
    if (column >= 0) return { info, column };
  }
  return undefined;
}
