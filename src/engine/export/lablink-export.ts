import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { Message } from '../recording/message-log/message-format.ts';
import { eventMessage, isToldByRow, messagesOf } from '../recording/message-log/sample-messages.ts';
import { ChunkSource } from './chunk-source.ts';
import { cutRows } from './cut-rows.ts';
import type { FormatJob } from './format-writer.ts';
import { copyValues, moveBase } from './merged-rows.ts';
import { eventsIn } from './recording-facts.ts';
import { RowProgress } from './row-progress.ts';
import type { StreamCursor } from './stream-cursor.ts';
import type { TablePlan, TableSource } from './table.ts';
import { openCursors } from './table.ts';
import { keptColumns, keptInfo } from './told-in-order.ts';

/** A message, and the time of what it tells; ns since 1970. */
export interface TimedMessage {
  message: Message;
  tNs: bigint;
}

/**
 * A range of a recording as the messages a session would have had, in the order of time: samples with the scale of their channels, and between them what happened.
 * Of streams told batch by batch, a message stands at the time of its first row. Tells the job how far it is.
 */
export async function* messagesInTime(job: FormatJob, plan: TablePlan): AsyncGenerator<TimedMessage> {
  const happened = new Happened(job, plan);
  const base = { ns: plan.fromNs };
  const cursors = await openCursors(plan, base, new ChunkSource(plan.recording));
  const tellers = plan.sources.map((source) => new Teller(source));
  const progress = new RowProgress(plan.sources, job.tick);
  for (;;) {
    moveBase(base, cursors);
    const [index, nextNs] = earliest(cursors);
    const [cursor, teller] = [cursors[index], tellers[index]];
    const batch = cursor?.batch;
    if (!cursor || !batch || !teller) break;
    const { row, timeNs } = cursor;
    yield* happened.until(base.ns + BigInt(timeNs));
    const untilNs = Math.min(nextNs, happened.nextNs === undefined ? nextNs : Number(happened.nextNs - base.ns));
    const end = teller.isByRow ? rowsBefore(cursor, untilNs) : cursor.end;
    let at = row;
    for (const message of teller.messages(batch, row, end)) {
      yield { message, tNs: base.ns + BigInt(cursor.times[at++] as number) };
    }
    cursor.row = end;
    progress.add(end - row);
    if (end >= cursor.end) await cursor.load();
  }
  yield* happened.until(undefined);
}

/** The cursor whose row comes first, -1 if all are at their end, and the time of the first row of the others. */
function earliest(cursors: readonly StreamCursor[]): [number, number] {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  let second = Number.POSITIVE_INFINITY;
  for (const [index, { timeNs }] of cursors.entries()) {
    if (timeNs < least) {
      second = least;
      least = timeNs;
      found = index;
    } else if (timeNs < second) second = timeNs;
  }
  return [found, second];
}

/** End of the rows before a time; one at least. */
function rowsBefore({ times, row, end }: StreamCursor, untilNs: number): number {
  let at = row + 1;
  while (at < end && (times[at] as number) < untilNs) at++;
  return at;
}

/** Rows of one stream as messages: the chosen channels with their scale, and what is recorded with them but is no channel. */
class Teller {
  readonly isByRow: boolean;
  readonly #info: StreamInfo;
  readonly #columns: number[];
  readonly #source: TableSource;

  constructor(source: TableSource) {
    this.#columns = keptColumns(source);
    this.#info = keptInfo(source);
    this.#source = source;
    this.isByRow = isToldByRow(this.#info);
  }

  messages(batch: Batch, from: number, to: number): Generator<Message> {
    const cut = cutRows(batch, from, to, this.#columns, this.#info.kind === 'segment');
    for (const field of this.#source.fields) {
      const column = cut.columns[this.#columns.indexOf(field.from)];
      if (field.isScaled && column) copyValues(column, 0, column, 0, cut.rows, field);
    }
    return messagesOf(cut, this.#info);
  }
}

/** Gaps and events of the range, told before the rows that come after them. */
class Happened {
  readonly #told: TimedMessage[];
  #next = 0;

  constructor({ recording, range }: FormatJob, { sources }: TablePlan) {
    const streams = new Map(sources.map(({ stream }) => [stream.info.key, stream.info]));
    const told = eventsIn(recording.info.events, range).flatMap((event) => {
      const message = messageOfEvent(event, streams);
      return message ? [{ message, tNs: BigInt(event.t) }] : [];
    });
    this.#told = told.sort((a, b) => (a.tNs < b.tNs ? -1 : a.tNs > b.tNs ? 1 : 0));
  }

  get nextNs(): bigint | undefined {
    return this.#told[this.#next]?.tNs;
  }

  /** Undefined: all that is left. */
  *until(untilNs: bigint | undefined): Generator<TimedMessage> {
    for (let told = this.#told[this.#next]; told; told = this.#told[++this.#next]) {
      if (untilNs !== undefined && told.tNs > untilNs) return;
      yield told;
    }
  }
}

/** A gap as a session tells it; of a stream that is not exported it is none. */
function messageOfEvent(event: LabEvent, streams: ReadonlyMap<string, StreamInfo>): Message | undefined {
  const { kind, data, text } = event;
  if (kind !== 'gap' || typeof data?.stream !== 'string') return eventMessage(event);
  const info = streams.get(data.stream);
  if (!info) return undefined;
  const { stream, seq, lost } = data;
  return { type: 'gap', equipment_id: info.instrument, stream, seq, lost, reason: text };
}
