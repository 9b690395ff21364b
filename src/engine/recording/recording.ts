import type { Batch } from '../../core/batch.ts';
import { rowTimeNs } from '../../core/batch.ts';
import type { LabError } from '../../core/errors.ts';
import type { ChunkMessage } from './chunk-reader.ts';
import { copyMessageBatch, isUnreadableChunk, readChunk, takeBatches } from './chunk-reader.ts';
import type { ChunkRows } from './chunk-rows.ts';
import type { ChunkEntry, ChunkPlace, ChunkStream } from './digest.ts';
import type { Disk, DiskFile } from './disk.ts';
import { systemDisk } from './disk.ts';
import { LOCK_SUFFIX, PART_SUFFIX } from './file-layout.ts';
import { isHolderAlive } from './file-lock.ts';
import { joinStreams } from './join-streams.ts';
import { orderParts } from './order-parts.ts';
import type { PartIndex } from './part-index.ts';
import { openPart } from './part-index.ts';
import { previewColumns } from './preview.ts';
import { readAhead } from './read-ahead.ts';
import type { RecordedStream, RecordingSummary } from './recording-info.ts';
import { summarizeRecording } from './recording-info.ts';
import { addMembers, addSiblings } from './recording-parts.ts';
import { leaveOutRepeated } from './repeated-parts.ts';

export interface BatchQuery {
  /** Stream numbers (`RecordedStream.info.id`); absent: all. */
  streams?: readonly number[] | undefined;
  /** ns since 1970; batches with a row in [from, to] are given whole. */
  fromNs?: bigint | undefined;
  toNs?: bigint | undefined;
  signal?: AbortSignal | undefined;
  /** Told of every chunk that cannot be read; its rows are left out. Absent: it is thrown. */
  onDamage?: ((error: LabError) => void) | undefined;
}

/** Where a stream's rows lie: one entry per chunk that holds any, in order. */
export interface StreamChunk {
  part: PartIndex;
  /** The same object for all streams in it. */
  chunk: ChunkEntry;
  digest: ChunkStream;
}

export interface OpenRecordingOptions {
  disk?: Disk | undefined;
  /** Only this file, though other parts lie beside it. */
  single?: boolean | undefined;
  /** Other parts known to belong to it, wherever they lie and however they are called now. */
  parts?: readonly string[] | undefined;
}

/** One part as far as a stream goes. */
export interface StreamPart {
  part: PartIndex;
  chunks: ChunkRows;
}

/**
 * A recording opened for reading: all its parts as one. It holds the files open, and per chunk and stream some 20 bytes; samples are read chunk by
 * chunk when asked for. A file still being written shows what it held when it was opened.
 *
 *     await using recording = await openRecording('night.mcap');
 *     for await (const batch of recording.batches({ streams: [1], fromNs })) …
 */
export class Recording implements AsyncDisposable {
  readonly parts: PartIndex[];
  readonly streams: RecordedStream[];
  readonly info: RecordingSummary;
  /** Its writer lives. */
  readonly isRunning: boolean;
  readonly #numbers: Map<PartIndex, Map<number, number>>;
  #isClosed = false;
  #ahead: { part: PartIndex; file: DiskFile } | undefined;

  constructor(parts: PartIndex[], isRunning: boolean) {
    this.parts = parts;
    this.isRunning = isRunning;
    const { streams, numbers } = joinStreams(parts);
    this.streams = streams;
    this.#numbers = numbers;
    this.info = summarizeRecording(parts, streams, isRunning);
  }

  /** The chunks that hold rows of a stream in [from, to], in the order of the file. */
  chunksOf(stream: number, fromNs?: bigint, toNs?: bigint): StreamChunk[] {
    const found: StreamChunk[] = [];
    for (const { part, chunks } of this.partsOf(stream)) {
      for (const index of chunks.within(fromNs, toNs)) {
        found.push({ part, chunk: part.chunks.entryOf(chunks.chunkAt(index)), digest: chunks.at(index) });
      }
    }
    return found;
  }

  /**
   * Batches in the order they were written. One chunk is in memory at a time; the caller owns the batches, numbered as in `streams`.
   * @throws LabError recording.malformed for a damaged chunk, recording.packed for one that cannot be unpacked here, unless `onDamage` takes it.
   */
  async *batches(query: BatchQuery = {}): AsyncGenerator<Batch> {
    const { fromNs, toNs, signal } = query;
    const wanted = query.streams && new Set(query.streams);
    for (const part of this.parts) {
      const numbers = this.#numbers.get(part);
      const isWanted = new Uint8Array(part.chunks.length);
      for (const rows of this.#rowsOf(part, (number) => !wanted || wanted.has(number))) {
        for (const index of rows.within(fromNs, toNs)) isWanted[rows.chunkAt(index)] = 1;
      }
      const file = readAhead(part.file);
      for (let chunk = isWanted.indexOf(1); chunk >= 0; chunk = isWanted.indexOf(1, chunk + 1)) {
        signal?.throwIfAborted();
        for (const message of await this.#read(file, part.chunks.placeOf(chunk), query.onDamage)) {
          const number = numbers?.get(message.channel);
          if (number === undefined || (wanted && !wanted.has(number))) continue;
          const batch = copyMessageBatch(message, number);
          if (batch && overlaps(batch, fromNs, toNs)) yield batch;
        }
      }
    }
  }

  /** The batches of one stream in one chunk. */
  async batchesIn(at: StreamChunk): Promise<Batch[]> {
    const number = this.#numbers.get(at.part)?.get(at.digest.channel);
    if (number === undefined) return [];
    const messages = await this.#read(this.#fileOf(at.part), at.chunk, undefined);
    return takeBatches(messages, at.digest.channel, number);
  }

  /** Number of a channel of a part as in `streams`. */
  numberOf(part: PartIndex, channel: number): number | undefined {
    return this.#numbers.get(part)?.get(channel);
  }

  /** What each part holds of a stream, in order. */
  partsOf(stream: number): StreamPart[] {
    return this.parts.flatMap((part) =>
      [...this.#rowsOf(part, (number) => number === stream)].map((chunks) => ({ part, chunks })),
    );
  }

  /** Min and max of the first column of a stream over its whole time in so many columns, without reading anything; null where there is nothing. */
  preview(stream: RecordedStream, columns: number): ([number, number] | null)[] {
    const entries = this.partsOf(stream.info.id).flatMap(({ part, chunks }) => part.pyramid.overviewOf(chunks.channel));
    return previewColumns(entries, stream.firstNs, stream.lastNs, columns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all(this.parts.map((part) => part.file.close().catch(() => undefined)));
  }

  *#rowsOf(part: PartIndex, isWanted: (stream: number) => boolean): Generator<ChunkRows> {
    const numbers = this.#numbers.get(part);
    for (const rows of part.chunks.channels) {
      const number = numbers?.get(rows.channel);
      if (number !== undefined && isWanted(number)) yield rows;
    }
  }

  /** Chunks are mostly asked for one after the other. */
  #fileOf(part: PartIndex): DiskFile {
    if (this.#ahead?.part !== part) this.#ahead = { part, file: readAhead(part.file) };
    return this.#ahead.file;
  }

  async #read(file: DiskFile, chunk: ChunkPlace, onDamage: BatchQuery['onDamage']): Promise<ChunkMessage[]> {
    try {
      return await readChunk(file, chunk);
    } catch (error) {
      if (!onDamage || !isUnreadableChunk(error)) throw error;
      onDamage(error);
      return [];
    }
  }
}

/**
 * Opens a recording by one of its files; its other parts are found beside it by the id they carry.
 * @throws LabError recording.unknown, recording.foreign, recording.truncated, recording.denied, recording.failed
 */
export async function openRecording(path: string, options: OpenRecordingOptions = {}): Promise<Recording> {
  const disk = options.disk ?? systemDisk;
  const open = openerOf(disk);
  const parts = [await open(path)];
  if (options.single) return recordingOf(disk, parts);
  await addSiblings(disk, parts, options.parts ?? [], open);
  return joinParts(disk, parts);
}

/** One recording from its opened parts, whatever their order; members of it that lie in the same folder and are not among them are opened too. */
export async function joinParts(disk: Disk, parts: PartIndex[]): Promise<Recording> {
  await addMembers(disk, parts, openerOf(disk));
  return recordingOf(disk, parts);
}

async function recordingOf(disk: Disk, parts: PartIndex[]): Promise<Recording> {
  const byId = new Map<string, PartIndex[]>();
  for (const part of parts) byId.set(part.head.id, [...(byId.get(part.head.id) ?? []), part]);
  for (const group of byId.values()) await leaveOutRepeated(disk, group);
  const ordered = orderParts([...byId.values()].flat());
  const last = ordered.at(-1);
  return new Recording(ordered, last !== undefined && !last.isFinished && (await isBeingWritten(disk, last.path)));
}

function openerOf(disk: Disk): (path: string) => Promise<PartIndex> {
  return async (path) => openPart(disk, path, { isRunning: await isBeingWritten(disk, path) });
}

/** Whether the writer of a `.part` file lives. */
export async function isBeingWritten(disk: Disk, path: string): Promise<boolean> {
  if (!path.endsWith(PART_SUFFIX)) return false;
  const lock = await disk.readText(path + LOCK_SUFFIX).catch(() => undefined);
  if (lock === undefined) return false;
  const entry = await disk.stat(path).catch(() => undefined);
  return isHolderAlive(lock, entry?.modifiedMs ?? 0, Date.now());
}

function overlaps(batch: Batch, fromNs: bigint | undefined, toNs: bigint | undefined): boolean {
  if (toNs !== undefined && batch.t0Ns > toNs) return false;
  return fromNs === undefined || batch.rows === 0 || rowTimeNs(batch, batch.rows - 1) >= fromNs;
}
