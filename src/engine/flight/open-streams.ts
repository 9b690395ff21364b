import { BATCH_FLAG, type Batch, createBatch, rowTimeNs } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
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
    this.#streams.set(info.id, { info, endRow: 0, missed: undefined });
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
    stream.endRow = batch.seq + batch.rows;
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
    stream.endRow = batch.seq + batch.rows;
    const toNs = batch.rows > 0 ? rowTimeNs(batch, batch.rows - 1) : batch.t0Ns;
    stream.missed ??= { rows: 0, fromNs: batch.t0Ns, toNs };
    stream.missed.rows += batch.rows + batch.lost;
    stream.missed.toNs = toNs;
  }
}

function withLost(batch: Batch, lost: number): Batch {
  const copy = createBatch({ ...batch, lost, flags: batch.flags | BATCH_FLAG.gap });
  if (batch.times) copy.times?.set(batch.times);
  for (const [index, column] of batch.columns.entries()) copy.columns[index]?.set(column);
  return copy;
}
