import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { UnwrittenItem } from '../recording/unwritten.ts';
import type { StreamGap } from '../sample-sink.ts';

interface Missed {
  /** Rows nobody wrote, those lost before and between them included. */
  rows: number;
  fromNs: bigint;
  toNs: bigint;
}

interface OpenStream {
  info: StreamInfo;
  /** Number after the last row that came. */
  endRow: number;
  /** Time of that row. */
  lastNs: bigint;
  missed: Missed | undefined;
}

/** Names a stream for ever. */
export function streamName({ key, epoch }: Pick<StreamInfo, 'key' | 'epoch'>): string {
  return `${key}#${epoch}`;
}

/** The streams that are open, up to which row each has come, and what of it was not written. */
export class OpenStreams {
  readonly #streams = new Map<number, OpenStream>();

  get infos(): StreamInfo[] {
    return [...this.#streams.values()].map(({ info }) => info);
  }

  open(info: StreamInfo): void {
    this.#streams.set(info.id, { info, endRow: 0, lastNs: 0n, missed: undefined });
  }

  close(stream: number): void {
    this.#streams.delete(stream);
  }

  /** For each open stream, by name, the number after its last row. */
  ends(): Map<string, number> {
    return new Map([...this.#streams.values()].map(({ info, endRow }) => [streamName(info), endRow]));
  }

  /** Notes a batch that is written. Gives it as it is to be written, after what was missed before it; undefined if its stream is not open. */
  write(batch: Batch, reason: string): { batch: Batch; gap: StreamGap | undefined } | undefined {
    const stream = this.#streams.get(batch.stream);
    if (!stream) return undefined;
    passed(stream, batch);
    const { missed } = stream;
    if (!missed) return { batch, gap: undefined };
    stream.missed = undefined;
    const { fromNs, toNs, rows } = missed;
    return {
      batch: withLost(batch, batch.lost + rows),
      gap: { stream: batch.stream, seq: batch.seq, fromNs, toNs, lost: rows, reason },
    };
  }

  /** Notes a batch that is not. */
  miss(batch: Batch): void {
    const stream = this.#streams.get(batch.stream);
    if (!stream) return;
    passed(stream, batch);
    add(stream, { rows: batch.rows + batch.lost, fromNs: batch.t0Ns, toNs: lastTimeNs(batch) });
  }

  /** Notes what a recorder had taken and not written. */
  giveUp(items: readonly UnwrittenItem[]): void {
    for (const item of items) {
      if (item.kind === 'event' || item.kind === 'exchange') continue;
      const stream = this.#streams.get(item.info.id);
      if (!stream || stream.info.epoch !== item.info.epoch) continue;
      if (item.kind === 'batch') {
        const { batch } = item;
        add(stream, { rows: batch.rows + batch.lost, fromNs: batch.t0Ns, toNs: lastTimeNs(batch) });
      } else if (item.kind === 'refused') add(stream, item);
      // Said before, with its time.
      else add(stream, { rows: item.rows, fromNs: stream.lastNs, toNs: stream.lastNs });
    }
  }
}

function passed(stream: OpenStream, batch: Batch): void {
  stream.endRow = batch.seq + batch.rows;
  stream.lastNs = lastTimeNs(batch);
}

function add(stream: OpenStream, { rows, fromNs, toNs }: Missed): void {
  const { missed } = stream;
  if (!missed) {
    stream.missed = { rows, fromNs, toNs };
    return;
  }
  missed.rows += rows;
  if (fromNs < missed.fromNs) missed.fromNs = fromNs;
  if (toNs > missed.toNs) missed.toNs = toNs;
}

function lastTimeNs(batch: Batch): bigint {
  return batch.rows > 0 ? rowTimeNs(batch, batch.rows - 1) : batch.t0Ns;
}

function withLost(batch: Batch, lost: number): Batch {
  const copy = createBatch({ ...batch, lost, flags: batch.flags | BATCH_FLAG.gap });
  if (batch.times) copy.times?.set(batch.times);
  for (const [index, column] of batch.columns.entries()) copy.columns[index]?.set(column);
  return copy;
}
