import type { Batch } from '../../core/batch.ts';
import { measuredColumns, type StreamInfo } from '../../core/stream-info.ts';
import { copyWithLost, ownBatch } from './own-batch.ts';
import type { RefusedRows, Unwritten, UnwrittenItem } from './unwritten.ts';

interface RecordedStream {
  info: StreamInfo;
  isOpen: boolean;
  /** Number of the first row counted here; undefined: none was. */
  firstRow: number | undefined;
  /** Rows of it were recorded before by another recorder: what is lost between is lost while recording. */
  isContinued: boolean;
  /** Refused before the next batch. */
  refused: number;
}

/** The streams of a recorder, and what it was offered of them. */
export class StreamBook {
  readonly #streams = new Map<number, RecordedStream>();
  #rows = 0;
  #samples = 0;
  #lost = 0;

  get rows(): number {
    return this.#rows;
  }

  get samples(): number {
    return this.#samples;
  }

  get lost(): number {
    return this.#lost;
  }

  get infos(): StreamInfo[] {
    return [...this.#streams.values()].map(({ info }) => info);
  }

  /** Whether it is a new one. */
  open(info: StreamInfo, isContinued = false): boolean {
    const known = this.#streams.get(info.id);
    if (known && known.info.epoch === info.epoch) {
      known.isOpen = true;
      return false;
    }
    this.#streams.set(info.id, { info, isOpen: true, firstRow: undefined, isContinued, refused: 0 });
    return true;
  }

  close(stream: number): void {
    this.#streams.delete(stream);
  }

  infoOf(stream: number): StreamInfo | undefined {
    return this.#streams.get(stream)?.info;
  }

  /** Counts a batch and gives it in a buffer that holds nothing else, with what was refused before it as lost. */
  take(batch: Batch): Batch | undefined {
    const stream = this.#streams.get(batch.stream);
    if (!stream) return undefined;
    const owned = stream.refused > 0 ? copyWithLost(batch, batch.lost + stream.refused) : ownBatch(batch);
    stream.refused = 0;
    this.#rows += batch.rows;
    this.#samples += batch.rows * measuredColumns(stream.info).length;
    if (isLostWhileRecording(stream, owned)) this.#lost += owned.lost;
    stream.firstRow ??= batch.seq;
    return owned;
  }

  /** Takes back what `take` counted of batches that go elsewhere. */
  giveBack(items: readonly UnwrittenItem[]): void {
    for (const item of items) {
      if (item.kind !== 'batch') continue;
      const { info, batch } = item;
      const stream = this.#streams.get(info.id);
      this.#rows -= batch.rows;
      this.#samples -= batch.rows * measuredColumns(info).length;
      const isFirst = stream !== undefined && stream.firstRow === batch.seq && !stream.isContinued;
      if (!isFirst || batch.seq === batch.lost) this.#lost -= batch.lost;
      if (isFirst) stream.firstRow = undefined;
    }
  }

  /** Its streams, for another recorder. */
  handOver(): Unwritten['streams'] {
    return [...this.#streams.values()].map(({ info, isOpen, isContinued, firstRow }) => ({
      info,
      isOpen,
      hasRows: isContinued || firstRow !== undefined,
    }));
  }

  refuse({ info, rows }: Pick<RefusedRows, 'info' | 'rows'>): void {
    const stream = this.#streams.get(info.id);
    if (stream) stream.refused += rows;
  }

  /** Takes out what was refused of streams of which nothing has come since. */
  takeRefused(): UnwrittenItem[] {
    const items: UnwrittenItem[] = [];
    for (const stream of this.#streams.values()) {
      if (stream.refused > 0) items.push({ kind: 'lost', info: stream.info, rows: stream.refused });
      stream.refused = 0;
    }
    return items;
  }
}

/** What was lost before the first batch was lost before the recording, unless the stream began with it. */
function isLostWhileRecording(stream: RecordedStream, batch: Batch): boolean {
  return stream.isContinued || stream.firstRow !== undefined || batch.seq === batch.lost;
}
