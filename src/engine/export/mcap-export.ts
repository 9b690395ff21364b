import { mkdir, rename, rm } from 'node:fs/promises';
import type { RecordingAbout } from '../recording/recording-about.ts';
import { FedRecorder } from './fed-recorder.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { isoNs } from './recording-facts.ts';
import type { TablePlan } from './table.ts';
import { planTable } from './table.ts';
import { keptInfo, toldInOrder } from './told-in-order.ts';

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

async function feedRows(job: FormatJob, plan: TablePlan, fed: FedRecorder): Promise<number> {
  for (const source of plan.sources) if (source.chunks.length > 0) fed.recorder.streamOpened(keptInfo(source));
  let rows = 0;
  for await (const told of toldInOrder(job, plan)) {
    if (told.kind === 'batch') {
      fed.recorder.batch(told.batch);
      rows += told.rows;
    } else if (told.kind === 'event') {
      fed.timeNs = BigInt(told.event.t);
      fed.recorder.event(told.event);
    } else fed.recorder.exchange(told.exchange);
    await fed.room();
  }
  return rows;
}
