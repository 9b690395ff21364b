import { mkdir, rename, rm } from 'node:fs/promises';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { readExchanges } from '../recording/recorded-exchanges.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';
import { ChunkSource } from './chunk-source.ts';
import { cutRows } from './cut-rows.ts';
import { FedRecorder } from './fed-recorder.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { moveBase } from './merged-rows.ts';
import { eventsIn, isoNs } from './recording-facts.ts';
import { RowProgress } from './row-progress.ts';
import type { StreamCursor } from './stream-cursor.ts';
import type { TablePlan, TableSource } from './table.ts';
import { openCursors, planTable } from './table.ts';

/** A copy of a range in our own format (docs/file-format.md), as a recording of its own: samples, times, row numbers and events as they are. */
export async function writeMcap(job: FormatJob): Promise<Written> {
  const { recording, channels, range, options, path } = job;
  const { info } = recording;
  const plan = planTable(recording, channels, range, false);
  await mkdir(path);
  const startNs = range.fromNs ?? info.startedNs;
  await using fed = await FedRecorder.open(
    {
      folder: path,
      name: info.name,
      about: aboutOf(job),
      labels: { operator: info.operator, tags: info.tags, thinned: info.thinned },
      limits: { partBytes: Number.POSITIVE_INFINITY, indexBytes: Number.POSITIVE_INFINITY },
      compression: options.compression,
      plainMessages: options.plainMessages,
      startText: `Copied from the recording “${info.name}” (${info.id}): ${isoNs(plan.fromNs)} to ${isoNs(plan.toNs)}`,
    },
    startNs,
  );
  const rows = await feedRows(job, plan, fed);
  fed.timeNs = plan.toNs;
  const { paths } = await fed.finish('end of the copy');
  // The recorder makes its file in a folder under its own name; the file takes the place of the folder.
  await rename(paths[0] ?? '', `${path}.mcap`);
  await rm(path, { recursive: true });
  await rename(`${path}.mcap`, path);
  return { rows, notes: [] };
}

function aboutOf({ recording, channels }: FormatJob): RecordingAbout {
  const { info } = recording;
  const instruments = new Set(channels.map(({ instrument }) => instrument));
  return {
    appVersion: info.appVersion,
    clock: info.clock,
    notes: info.notes,
    operator: info.operator,
    bench: info.bench,
    instruments: info.instruments.filter(({ id }) => instruments.has(id)),
    channels: info.channels
      .filter(({ id }) => channels.some((channel) => channel.id === id))
      .map(({ id, label, shownUnit, scale, rateAskedHz, rateGotHz, range }) => {
        return { id, label, shownUnit, scale, rateAskedHz, rateGotHz, range };
      }),
  };
}

/** Batches in the order of their times, and between them what happened. */
async function feedRows(job: FormatJob, plan: TablePlan, fed: FedRecorder): Promise<number> {
  const base = { ns: plan.fromNs };
  const cursors = await openCursors(plan, base, new ChunkSource(plan.recording));
  const columns = plan.sources.map(columnsOf);
  for (const [index, source] of plan.sources.entries()) {
    if (source.chunks.length > 0) fed.recorder.streamOpened(infoOf(source, columns[index] ?? []));
  }
  const progress = new RowProgress(plan.sources, job.tick);
  const happened = new Happened(job, plan);
  for (;;) {
    moveBase(base, cursors);
    const index = earliest(cursors);
    const cursor = cursors[index];
    const batch = cursor?.batch;
    if (!cursor || !batch) break;
    await happened.tell(fed, base.ns + BigInt(cursor.timeNs));
    const { row, end, stream } = cursor;
    const isWhole = row === 0 && end === batch.rows && columns[index]?.length === batch.channels;
    fed.recorder.batch(
      isWhole ? batch : cutRows(batch, row, end, columns[index] ?? [], stream.info.kind === 'segment'),
    );
    progress.add(end - row);
    await fed.room();
    await cursor.load();
  }
  await happened.tell(fed, undefined);
  return progress.rows;
}

/** Columns kept: the chosen channels and what is recorded with them but is no channel. */
function columnsOf({ stream, fields }: TableSource): number[] {
  const chosen = new Set(fields.map(({ from }) => from));
  return stream.info.columns.flatMap(({ channel }, index) =>
    chosen.has(index) || channel.startsWith('~') ? [index] : [],
  );
}

function infoOf({ stream }: TableSource, columns: readonly number[]): StreamInfo {
  return { ...stream.info, columns: stream.info.columns.filter((_, index) => columns.includes(index)) };
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

/** Events and exchanges of the range, told before the rows that come after them. */
class Happened {
  readonly #events: readonly LabEvent[];
  #nextEvent = 0;
  readonly #exchanges: AsyncGenerator<ExchangeRecord>;
  readonly #instruments: ReadonlySet<string>;
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
  async tell(fed: FedRecorder, untilNs: bigint | undefined): Promise<void> {
    for (let event = this.#events[this.#nextEvent]; event; event = this.#events[++this.#nextEvent]) {
      if (untilNs !== undefined && BigInt(event.t) > untilNs) break;
      fed.timeNs = BigInt(event.t);
      fed.recorder.event(event);
    }
    if (!this.#isBegun) await this.#next();
    while (this.#exchange && (untilNs === undefined || BigInt(this.#exchange.at) <= untilNs)) {
      if (this.#instruments.has(this.#exchange.instrument)) fed.recorder.exchange(this.#exchange);
      await fed.room();
      await this.#next();
    }
  }

  async #next(): Promise<void> {
    this.#isBegun = true;
    const { value, done } = await this.#exchanges.next();
    this.#exchange = done ? undefined : value;
  }
}
