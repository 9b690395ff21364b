import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LabError } from '../../core/errors.ts';
import { FedRecorder } from '../export/fed-recorder.ts';
import type { Disk } from '../recording/disk.ts';
import { systemDisk } from '../recording/disk.ts';
import { writeLock } from '../recording/file-lock.ts';
import { openRecording, type Recording } from '../recording/recording.ts';
import { isoTime } from '../recording/recording-info.ts';
import { verifyRecording } from '../recording/verify.ts';
import { aboutRecording } from './about-recording.ts';
import { hasPlan, SWAP_LOCK, SWAP_PREFIX, swapFiles, type Trash } from './swap.ts';
import { RowThinner, thinnedStream } from './thin-rows.ts';

export interface ThinOptions {
  intervalS: number;
  nowNs: bigint;
  /** Takes the old files away, all or none; called once the new one is verified and has their place. */
  trash: Trash;
  /** Asked before the files are exchanged: rejects if they must stay as they are after all. */
  ready?: (() => Promise<void>) | undefined;
  /** Runs the exchange: nobody is to look at the folder meanwhile. */
  alone?: ((exchange: Promise<string[]>) => Promise<string[]>) | undefined;
  disk?: Disk | undefined;
  signal?: AbortSignal | undefined;
  /** 0…1 */
  onProgress?: ((share: number) => void) | undefined;
}

/**
 * Puts a thinned recording in the place of a whole one, under its id and name: of each interval mean, min and max (waveforms stay whole), said in the file. The whole one goes to the trash, and not
 * before the other was read back. The caller closes the recording behind it. One that is cut off is ended by `recoverSwaps`.
 * @throws LabError recording.fixed (running, damaged, thinned already), what the disk says, call.cancelled: the recording is as it was
 */
export async function thinRecording(recording: Recording, options: ThinOptions): Promise<string[]> {
  const { streams } = recording;
  refuse(recording);
  const { intervalS, disk = systemDisk, alone = (exchange) => exchange } = options;
  const first = recording.parts[0]?.path ?? '';
  const folder = join(dirname(first), SWAP_PREFIX + randomUUID());
  try {
    await disk.makeFolder(folder);
    await writeLock(disk, join(folder, SWAP_LOCK));
    const rowsBefore = streams.reduce((sum, { info: { kind }, rows }) => sum + (kind === 'segment' ? 0 : rows), 0);
    const thinned = `Of each ${intervalS} s mean, min and max remain, since ${isoTime(options.nowNs)}; ${rowsBefore} rows were there.`;
    const made = await writeThinned(recording, folder, thinned, options);
    await check(made, folder);
    await options.ready?.();
    const old = recording.parts.map(({ path }) => path);
    return await alone(swapFiles(disk, folder, made, old, options.trash));
  } finally {
    if (!(await hasPlan(disk, folder).catch(() => true))) {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

function refuse({ info, isRunning }: Recording): void {
  if (isRunning) throw new LabError('recording.fixed', `“${info.name}” is being recorded. Stop it first.`);
  if (!info.complete && !info.interrupted) {
    throw new LabError(
      'recording.fixed',
      `“${info.name}” is damaged (${info.missing}): it was not thinned. Repair it first.`,
    );
  }
  if (info.thinned !== '') throw new LabError('recording.fixed', `“${info.name}” was thinned already: ${info.thinned}`);
}

async function writeThinned(
  recording: Recording,
  folder: string,
  thinned: string,
  { intervalS, signal, onProgress, disk }: ThinOptions,
): Promise<string[]> {
  const { info, streams } = recording;
  await using fed = await FedRecorder.open(
    {
      folder,
      disk,
      name: info.name,
      about: aboutRecording(info),
      labels: { operator: info.operator, tags: info.tags, thinned },
      continues: { id: info.id, startedNs: info.startedNs, part: 1 },
      startText: thinned,
    },
    info.startedNs,
  );
  const thinners = new Map<number, RowThinner>();
  for (const { info: stream } of streams) {
    const isWhole = stream.kind === 'segment';
    if (!isWhole) thinners.set(stream.id, new RowThinner(stream, intervalS));
    fed.recorder.streamOpened(isWhole ? stream : thinnedStream(stream, intervalS));
  }
  for (const event of info.events) fed.recorder.event(event);
  const total = streams.reduce((sum, { rows }) => sum + rows, 0);
  let rows = 0;
  for await (const batch of recording.batches({ signal })) {
    rows += batch.rows;
    fed.timeNs = batch.arrivedNs;
    const thinner = thinners.get(batch.stream);
    if (!thinner) fed.recorder.batch(batch);
    else for (const thin of thinner.add(batch)) fed.recorder.batch(thin);
    await fed.room();
    onProgress?.(total > 0 ? Math.min(1, rows / total) : 1);
  }
  for (const thinner of thinners.values()) for (const thin of thinner.end()) fed.recorder.batch(thin);
  return (await fed.finish('end of what was thinned')).paths;
}

async function check(paths: readonly string[], folder: string): Promise<void> {
  await using made = await openRecording(paths[0] ?? join(folder, '?'), { parts: paths });
  const { ok, problems } = await verifyRecording(made);
  if (!ok)
    throw new LabError(
      'recording.failed',
      `What was written could not be read back (${problems[0] ?? ''}). The recording is as it was.`,
    );
}
