import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { Chunk } from './chunk.ts';
import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import { cellRows } from './digest.ts';
import type { Disk } from './disk.ts';
import { diskError, systemDisk } from './disk.ts';
import { EVENT_CHANNEL_ID, EXCHANGE_TOPIC, FILE_EXTENSION, METADATA, PART_SUFFIX } from './file-layout.ts';
import { sweepLocks } from './file-lock.ts';
import { recoverMessages } from './message-files.ts';
import type { PartFile } from './part-file.ts';
import { reopenPartFile } from './part-file.ts';
import type { PartFormat } from './part-format.ts';
import type { PartIndex } from './part-index.ts';
import { openPart } from './part-index.ts';
import type { WalkedChunk } from './part-walk.ts';
import { ensurePyramid } from './pyramid-store.ts';
import { isBeingWritten } from './recording.ts';
import { isoTime, lastTimeNs } from './recording-info.ts';
import { resumeFormat } from './resume-format.ts';

export interface RecoveredFile {
  path: string;
  /** finished: under its final name now; running: its writer lives; unreadable: left as it is, with the reason. */
  state: 'finished' | 'running' | 'unreadable';
  finalPath?: string;
  /** Of the recording it belongs to, where it says so. */
  recording?: { id: string; name: string; startedNs: bigint; part: number };
  error?: LabError;
}

/**
 * Finishes what a crash or power cut left behind in a folder: every `.part` file whose writer is dead gets its index, an event `interrupted`
 * and its name, and every file of a session its end. Only what was half written at its end is cut off. Files whose writer lives, and files it cannot read, are left alone; temporaries of locks go.
 * @throws LabError recording.denied, recording.failed: the folder itself cannot be read. A missing folder is an empty one.
 */
export async function recoverFolder(folder: string, clock: Clock, disk: Disk = systemDisk): Promise<RecoveredFile[]> {
  const names = await disk.list(folder).catch((error: unknown) => {
    const ours = diskError(error, folder);
    if (ours.code === 'recording.folder-gone') return [];
    throw ours;
  });
  await sweepLocks(disk, folder, names);
  const results: RecoveredFile[] = [];
  for (const name of names.sort()) {
    if (name.endsWith(FILE_EXTENSION + PART_SUFFIX)) results.push(await recoverFile(disk, join(folder, name), clock));
  }
  return [...results, ...(await recoverMessages(folder, names, disk))];
}

async function recoverFile(disk: Disk, path: string, clock: Clock): Promise<RecoveredFile> {
  if (await isBeingWritten(disk, path)) return { path, state: 'running' };
  let part: PartIndex | undefined;
  try {
    part = await openPart(disk, path);
    const { id, name, started, part: number } = part.head;
    const finalPath = await finishPart(disk, part, clock);
    await ensurePyramid(disk, finalPath);
    return { path, state: 'finished', finalPath, recording: { id, name, startedNs: BigInt(started), part: number } };
  } catch (error) {
    return { path, state: 'unreadable', error: error instanceof LabError ? error : diskError(error, path) };
  } finally {
    await part?.file.close().catch(() => undefined);
  }
}

async function finishPart(disk: Disk, part: PartIndex, clock: Clock): Promise<string> {
  // Cut off between the last byte and the rename.
  if (!part.walk) return finishFile(await reopenPartFile(disk, part.path, part.sizeBytes));
  // What cannot be unpacked here may be sound: another start, with its library or with more memory, finishes it.
  if (part.walk.packed) throw part.walk.packed;
  const kept = [...part.walk.chunks];
  let { cutBytes } = part;
  // The totals are the first record of the end of a file, which is written once more.
  const totals = part.walk.records.find(({ record }) => record.type === 'Metadata' && record.name === METADATA.totals);
  let end = Math.min(part.walk.end, totals?.offset ?? part.walk.end);
  const soundOffsets = new Set(Array.from(part.chunks, ({ offset }) => offset));
  const isSound = (chunk: WalkedChunk): boolean => soundOffsets.has(chunk.offset);
  // Torn at the very end: content that never reached the platter.
  for (let last = kept.at(-1); last && !isSound(last); last = kept.at(-1)) {
    end = last.offset;
    cutBytes += last.end - last.offset;
    kept.pop();
  }
  // Without the digest behind it, its indexes may be missing too: it is written once more.
  const last = kept.at(-1);
  const torn = last && last.digestBytes === undefined ? kept.pop() : undefined;
  const messages = torn ? await readChunk(part.file, torn) : [];
  if (torn) end = torn.offset;

  const format = resumeFormat(part.walk, end, kept.filter(isSound));

  const file = await reopenPartFile(disk, part.path, end);
  try {
    if (torn) await rewrite(file, format, part, messages);
    const chunk = new Chunk();
    const event = interruption(part, cutBytes, clock);
    chunk.addEvent(EVENT_CHANNEL_ID, 0, BigInt(event.t), clock.nowNs(), JSON.stringify(event));
    await file.append(format.nextChunk((offset) => chunk.close(offset)));
    // What the index says must be on the platter.
    await file.sync();
    await file.append(format.finish(clock.nowNs()));
  } catch (error) {
    await file.abandon();
    throw error;
  }
  return finishFile(file);
}

async function finishFile(file: PartFile): Promise<string> {
  try {
    return await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

async function rewrite(
  file: PartFile,
  format: PartFormat,
  part: PartIndex,
  messages: Awaited<ReturnType<typeof readChunk>>,
): Promise<void> {
  const chunk = new Chunk();
  for (const message of messages) {
    if (message.channel === EVENT_CHANNEL_ID) {
      const text = new TextDecoder().decode(message.data);
      chunk.addEvent(message.channel, message.sequence, message.logNs, message.publishNs, text);
      continue;
    }
    const info = part.streams.get(message.channel);
    const batch = info && copyMessageBatch(message, info.id);
    if (!batch) {
      const { channel, sequence, logNs, publishNs, data } = message;
      chunk.addMessage(channel, sequence, logNs, publishNs, data, part.topics.get(channel) === EXCHANGE_TOPIC);
      continue;
    }
    const blockRows = info.kind === 'segment' ? 0 : cellRows(info.rateHz);
    chunk.addBatch(message.channel, batch, new Uint8Array(batch.buffer), blockRows);
  }
  await file.append(format.nextChunk((offset) => chunk.close(offset)));
}

/** The event that tells, in the file, that it was cut off: at the time of its last sample. */
function interruption(part: PartIndex, cutBytes: number, clock: Clock): LabEvent {
  const lastNs = lastTimeNs(part);
  const cut = cutBytes > 0 ? ` ${cutBytes} bytes that were being written could not be read.` : '';
  return {
    id: randomUUID(),
    t: String(lastNs),
    kind: 'interrupted',
    text: `The recording was cut off after ${isoTime(lastNs)}; what came later was not recorded.${cut}`,
    severity: 'warning',
    data: { recovered: String(clock.nowNs()), cutBytes },
  };
}
