import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { readExchanges } from '../recording/recorded-exchanges.ts';
import { ChunkSource } from './chunk-source.ts';
import { cutRows } from './cut-rows.ts';
import type { FormatJob } from './format-writer.ts';
import { moveBase } from './merged-rows.ts';
import { eventsIn } from './recording-facts.ts';
import { RowProgress } from './row-progress.ts';
import type { StreamCursor } from './stream-cursor.ts';
import type { TablePlan, TableSource } from './table.ts';
import { openCursors } from './table.ts';

/** What a recording tells, one after the other. */
export type Told =
  | { kind: 'batch'; batch: Batch; info: StreamInfo; rows: number }
  | { kind: 'event'; event: LabEvent }
  | { kind: 'exchange'; exchange: ExchangeRecord };

/**
 * The batches of a range (of the chosen channels and what is recorded with them but is no channel) in the order of their first rows, and between them
 * what happened. Tells the job how far it is.
 */
export async function* toldInOrder(job: FormatJob, plan: TablePlan): AsyncGenerator<Told> {
  const base = { ns: plan.fromNs };
  const cursors = await openCursors(plan, base, new ChunkSource(plan.recording));
  const infos = plan.sources.map(keptInfo);
  const columns = plan.sources.map(keptColumns);
  const progress = new RowProgress(plan.sources, job.tick);
  const happened = new Happened(job, plan);
  for (;;) {
    moveBase(base, cursors);
    const index = earliest(cursors);
    const cursor = cursors[index];
    const batch = cursor?.batch;
    const info = infos[index];
    if (!cursor || !batch || !info) break;
    yield* happened.until(base.ns + BigInt(cursor.timeNs));
    const { row, end } = cursor;
    const kept = columns[index] ?? [];
    const isWhole = row === 0 && end === batch.rows && kept.length === batch.channels;
    const cut = isWhole ? batch : cutRows(batch, row, end, kept, info.kind === 'segment');
    yield { kind: 'batch', batch: cut, info, rows: end - row };
    progress.add(end - row);
    await cursor.load();
  }
  yield* happened.until(undefined);
}

/** The stream with the columns that are kept. */
export function keptInfo(source: TableSource): StreamInfo {
  const { info } = source.stream;
  const kept = keptColumns(source);
  return { ...info, columns: info.columns.filter((_, index) => kept.includes(index)) };
}

/** Columns of the chosen channels, and what is recorded with them but is no channel. */
export function keptColumns({ stream, fields }: TableSource): number[] {
  const chosen = new Set(fields.map(({ from }) => from));
  return stream.info.columns.flatMap(({ channel }, index) =>
    chosen.has(index) || channel.startsWith('~') ? [index] : [],
  );
}

/** The cursor whose row comes first; -1 if all are at their end. */
function earliest(cursors: readonly StreamCursor[]): number {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, { timeNs }] of cursors.entries()) {
    if (timeNs >= least) continue;
    least = timeNs;
    found = index;
  }
  return found;
}

/** Events and exchanges of the range, in order. */
class Happened {
  readonly #events: readonly LabEvent[];
  readonly #exchanges: AsyncGenerator<ExchangeRecord>;
  readonly #instruments: ReadonlySet<string>;
  #nextEvent = 0;
  #exchange: ExchangeRecord | undefined;
  #isBegun = false;

  constructor({ recording, range, channels }: FormatJob, { sources }: TablePlan) {
    const keys = new Set(sources.map(({ stream }) => stream.info.key));
    // A gap of a stream that is not in the copy is none of its own.
    this.#events = eventsIn(recording.info.events, range).filter(
      ({ kind, data }) => kind !== 'gap' || typeof data?.stream !== 'string' || keys.has(data.stream),
    );
    const toNs = range.toNs === undefined ? undefined : range.toNs - 1n;
    this.#exchanges = readExchanges(recording, { fromNs: range.fromNs, toNs });
    this.#instruments = new Set(channels.map(({ instrument }) => instrument));
  }

  /** Undefined: all that is left. */
  async *until(timeNs: bigint | undefined): AsyncGenerator<Told> {
    for (let event = this.#events[this.#nextEvent]; event; event = this.#events[++this.#nextEvent]) {
      if (timeNs !== undefined && BigInt(event.t) > timeNs) break;
      yield { kind: 'event', event };
    }
    if (!this.#isBegun) await this.#next();
    while (this.#exchange && (timeNs === undefined || BigInt(this.#exchange.at) <= timeNs)) {
      if (this.#instruments.has(this.#exchange.instrument)) yield { kind: 'exchange', exchange: this.#exchange };
      await this.#next();
    }
  }

  async #next(): Promise<void> {
    this.#isBegun = true;
    const { value, done } = await this.#exchanges.next();
    this.#exchange = done ? undefined : value;
  }
}
