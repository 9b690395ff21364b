import { open } from 'node:fs/promises';
import type { File, Group } from 'h5wasm/node';
import { LabError } from '../../core/errors.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { Hdf5Stream } from './hdf5-stream.ts';
import { eventsIn, recordingFacts } from './recording-facts.ts';
import { RowProgress } from './row-progress.ts';
import { streamFolders } from './stream-folders.ts';
import { streamRows } from './stream-rows.ts';
import type { TableSource } from './table.ts';
import { planTable } from './table.ts';
import { UniqueNames } from './unique-names.ts';

type Hdf5 = typeof import('h5wasm/node');

/** HDF5 by its own library, which writes straight to the disk. A group a stream: docs/export.md. */
export async function writeHdf5(job: FormatJob): Promise<Written> {
  const library = await import('h5wasm/node');
  await library.ready;
  // Failures of the library are thrown, not numbers to be looked at.
  library.Module.activate_throwing_error_handler();
  const file = new library.File(job.path, 'w', { libver: 'v110' });
  let isOpen = true;
  try {
    const rows = await writeStreams(library, file, job);
    writeEvents(file, job);
    writeFacts(file, job);
    isOpen = false;
    if (file.close() < 0) throw new Error('its end could not be written');
    await sync(job.path);
    return { rows, notes: [] };
  } catch (error) {
    throw error instanceof LabError ? error : libraryError(error, job.out);
  } finally {
    if (isOpen) closeQuietly(file);
  }
}

async function writeStreams(library: Hdf5, file: File, job: FormatJob): Promise<number> {
  const { recording, channels, range, options } = job;
  const plan = planTable(recording, channels, range, options.provenance);
  const progress = new RowProgress(plan.sources, job.tick);
  const folders = streamFolders(plan.sources);
  for (const [index, source] of plan.sources.entries()) {
    if (source.chunks.length === 0) continue;
    const group = openGroup(file, folders[index] ?? String(index));
    const names = new UniqueNames(['time_ns', 'sent_ns', 'received_ns', 'gap_rows']);
    const columns = source.fields.map(({ from }) => names.take(source.stream.info.columns[from]?.channel ?? ''));
    const stream = new Hdf5Stream(library, file, group, source, channels, columns);
    for await (const rows of streamRows(plan, source, range)) {
      stream.add(rows);
      progress.add(rows.rows);
    }
    stream.finish();
    describe(group, source, columns, job);
  }
  return progress.rows;
}

function openGroup(file: File, folder: string): Group {
  const [instrument = '', stream = ''] = folder.split('/');
  const parent = file.keys().includes(instrument) ? file.get(instrument) : file.create_group(instrument);
  if (!parent || !('create_group' in parent)) throw new Error(`${instrument} is no group`);
  return parent.create_group(stream);
}

/** What the rows are: of the stream, and of each channel. */
function describe(
  group: Group,
  { stream, fields }: TableSource,
  names: readonly string[],
  { channels }: FormatJob,
): void {
  const { key, epoch, kind, rateHz } = stream.info;
  group.create_attribute('key', key);
  group.create_attribute('kind', kind);
  group.create_attribute('epoch_us', BigInt64Array.of(BigInt(epoch)), []);
  group.create_attribute('rate_hz', Float64Array.of(rateHz), []);
  const time = group.get('time_ns');
  if (time && 'create_attribute' in time) {
    time.create_attribute('unit', 'ns');
    time.create_attribute('since', '1970-01-01T00:00:00Z');
  }
  for (const [index, { to }] of fields.entries()) {
    const dataset = group.get(names[index] ?? '');
    const channel = channels[to];
    if (!channel || !dataset || !('create_attribute' in dataset)) continue;
    dataset.create_attribute('channel', channel.id);
    dataset.create_attribute('unit', channel.unit);
    dataset.create_attribute('label', channel.label);
    dataset.create_attribute('sample_unit', channel.sampleUnit);
    dataset.create_attribute('gain', Float64Array.of(channel.gain), []);
    dataset.create_attribute('offset', Float64Array.of(channel.offset), []);
    dataset.create_attribute('rate_hz', Float64Array.of(channel.rateHz), []);
  }
}

/** Events as columns of one length. */
function writeEvents(file: File, { recording, range }: FormatJob): void {
  const events = eventsIn(recording.info.events, range);
  if (events.length === 0) return;
  const group = file.create_group('events');
  group.create_dataset({ name: 'time_ns', data: BigInt64Array.from(events, ({ t }) => BigInt(t)) });
  const texts = (name: string, data: string[]): void => void group.create_dataset({ name, data });
  texts(
    'kind',
    events.map(({ kind }) => kind),
  );
  texts(
    'severity',
    events.map(({ severity }) => severity ?? ''),
  );
  texts(
    'text',
    events.map(({ text }) => text),
  );
  texts(
    'instrument',
    events.map(({ instrument }) => instrument ?? ''),
  );
  texts(
    'channel',
    events.map(({ channel }) => channel ?? ''),
  );
  texts(
    'data',
    events.map(({ data }) => (data ? JSON.stringify(data) : '')),
  );
}

function writeFacts(file: File, job: FormatJob): void {
  const { events: _, ...facts } = recordingFacts(job);
  const { id, name, started, notes, missing } = facts.recording;
  for (const [key, value] of Object.entries({ recording: id, name, started, notes, missing })) {
    file.create_attribute(key, value);
  }
  // Attributes hold 64 KiB; a long list of gaps is a dataset.
  file.create_dataset({ name: 'labwire', data: JSON.stringify(facts) });
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.sync().finally(() => handle.close());
}

function closeQuietly(file: File): void {
  try {
    file.close();
  } catch {
    // The error that led here says more.
  }
}

/** The library tells what went wrong on its way down; the system's own reason is the innermost. */
function libraryError(error: unknown, out: string): LabError {
  const text = error instanceof Error ? error.message : String(error);
  const isFull = /no space left|errno = (28|51)\b|ENOSPC/i.test(text);
  return new LabError(
    'export.failed',
    `The export to ${out} failed: ${isFull ? 'the disk is full' : (text.split('\n')[0] ?? text)}. Nothing unfinished was left; the recording is unchanged. Choose another place and export again.`,
    { out },
    { cause: error },
  );
}
