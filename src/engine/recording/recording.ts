import { basename, dirname, join } from 'node:path';
import type { Batch } from '../../core/batch.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import type { ChunkMessage } from './chunk-reader.ts';
import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import type { ChunkDigest, StreamDigest } from './digest.ts';
import type { Disk } from './disk.ts';
import { systemDisk } from './disk.ts';
import { FILE_EXTENSION, LOCK_SUFFIX, PART_SUFFIX } from './file-layout.ts';
import { isHolderAlive } from './file-lock.ts';
import type { PartIndex } from './part-index.ts';
import { openPart } from './part-index.ts';
import type { RecordedStream, RecordingSummary } from './recording-info.ts';
import { summarizeRecording } from './recording-info.ts';

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
  chunk: ChunkDigest;
  digest: StreamDigest;
}

export interface OpenRecordingOptions {
  disk?: Disk | undefined;
  /** Only this file, though other parts lie beside it. */
  single?: boolean | undefined;
  /** Other parts known to belong to it, wherever they lie and however they are called now. */
  parts?: readonly string[] | undefined;
}

/**
 * A recording opened for reading: all its parts as one. It holds the files open, and per chunk some 100 bytes; samples are read chunk by
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
    for (const part of this.parts) {
      const numbers = this.#numbers.get(part);
      for (const chunk of part.chunks) {
        for (const digest of chunk.streams) {
          if (numbers?.get(digest.channel) !== stream) continue;
          if (fromNs !== undefined && digest.lastNs < fromNs) continue;
          if (toNs !== undefined && digest.firstNs > toNs) continue;
          found.push({ part, chunk, digest });
        }
      }
    }
    return found;
  }

  /**
   * Batches in the order they were written. One chunk is in memory at a time; the caller owns the batches, numbered as in `streams`.
   * @throws LabError recording.malformed for a damaged chunk, unless `onDamage` takes it.
   */
  async *batches(query: BatchQuery = {}): AsyncGenerator<Batch> {
    const { fromNs, toNs, signal } = query;
    const wanted = query.streams && new Set(query.streams);
    for (const part of this.parts) {
      const numbers = this.#numbers.get(part);
      for (const chunk of part.chunks) {
        const isWanted = chunk.streams.some((digest) => {
          const number = numbers?.get(digest.channel);
          if (number === undefined || (wanted && !wanted.has(number))) return false;
          return (fromNs === undefined || digest.lastNs >= fromNs) && (toNs === undefined || digest.firstNs <= toNs);
        });
        if (!isWanted) continue;
        signal?.throwIfAborted();
        for (const message of await this.#read(part, chunk, query.onDamage)) {
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
    const batches: Batch[] = [];
    if (number === undefined) return batches;
    for (const message of await this.#read(at.part, at.chunk, undefined)) {
      const batch = message.channel === at.digest.channel ? copyMessageBatch(message, number) : undefined;
      if (batch) batches.push(batch);
    }
    return batches;
  }

  /** Number of a channel of a part as in `streams`. */
  numberOf(part: PartIndex, channel: number): number | undefined {
    return this.#numbers.get(part)?.get(channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all(this.parts.map((part) => part.file.close().catch(() => undefined)));
  }

  async #read(part: PartIndex, chunk: ChunkDigest, onDamage: BatchQuery['onDamage']): Promise<ChunkMessage[]> {
    try {
      return await readChunk(part.file, chunk);
    } catch (error) {
      if (!onDamage || !(error instanceof LabError) || error.code !== 'recording.malformed') throw error;
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
  const parts = [await openPart(disk, path, { isRunning: await isBeingWritten(disk, path) })];
  const id = parts[0]?.head.id;
  const siblings = options.single ? [] : [...(options.parts ?? []), ...(await siblingPaths(disk, path))];
  for (const sibling of new Set(siblings.filter((name) => name !== path))) {
    const part = await openPart(disk, sibling).catch(() => undefined);
    if (part && part.head.id === id) parts.push(part);
    else await part?.file.close();
  }
  return joinParts(disk, parts);
}

/** One recording from its opened parts, whatever their order. */
export async function joinParts(disk: Disk, parts: PartIndex[]): Promise<Recording> {
  parts.sort((a, b) => a.head.part - b.head.part);
  const last = parts.at(-1);
  return new Recording(parts, last !== undefined && !last.isFinished && (await isBeingWritten(disk, last.path)));
}

/** Whether the writer of a `.part` file lives. */
export async function isBeingWritten(disk: Disk, path: string): Promise<boolean> {
  if (!path.endsWith(PART_SUFFIX)) return false;
  const lock = await disk.readText(path + LOCK_SUFFIX).catch(() => undefined);
  if (lock === undefined) return false;
  const entry = await disk.stat(path).catch(() => undefined);
  return isHolderAlive(lock, entry?.modifiedMs ?? 0, Date.now());
}

/** Files that may be parts of the same recording: same stem, with or without a part number. */
async function siblingPaths(disk: Disk, path: string): Promise<string[]> {
  const stemOf = (name: string): string =>
    name
      .replace(/\.part$/, '')
      .replace(/\.mcap$/, '')
      .replace(/ \d+$/, '')
      .replace(/-\d{4}$/, '');
  const folder = dirname(path);
  const names = await disk.list(folder).catch(() => []);
  const isRecording = (name: string): boolean =>
    name.endsWith(FILE_EXTENSION) || name.endsWith(FILE_EXTENSION + PART_SUFFIX);
  const stem = stemOf(basename(path));
  return names
    .filter((name) => name !== basename(path) && isRecording(name) && stemOf(name) === stem)
    .map((name) => join(folder, name));
}

/** Numbers the streams of all parts: the same key, epoch and columns is the same stream. */
function joinStreams(parts: PartIndex[]): { streams: RecordedStream[]; numbers: Map<PartIndex, Map<number, number>> } {
  const streams: RecordedStream[] = [];
  const byName = new Map<string, RecordedStream>();
  const numbers = new Map<PartIndex, Map<number, number>>();
  for (const part of parts) {
    const channels = new Map<number, number>();
    numbers.set(part, channels);
    for (const [channel, info] of part.streams) {
      const name = JSON.stringify([info.key, info.epoch, info.kind, info.columns]);
      let stream = byName.get(name);
      if (!stream) {
        stream = {
          info: { ...info, id: streams.length + 1 },
          rows: 0,
          lost: 0,
          firstRow: 0,
          endRow: 0,
          firstNs: 0n,
          lastNs: 0n,
        };
        byName.set(name, stream);
        streams.push(stream);
      }
      channels.set(channel, stream.info.id);
    }
    for (const chunk of part.chunks) {
      for (const digest of chunk.streams) {
        const stream = streams[(channels.get(digest.channel) ?? 0) - 1];
        if (stream) addDigest(stream, digest);
      }
    }
  }
  return { streams, numbers };
}

function addDigest(stream: RecordedStream, digest: StreamDigest): void {
  stream.lost += digest.lost;
  if (stream.rows === 0) {
    stream.firstRow = digest.firstRow;
    stream.firstNs = digest.firstNs;
    // Lost before the recording began, unless the stream began with it.
    if (digest.firstRow !== digest.lostBefore) stream.lost -= digest.lostBefore;
  }
  stream.rows += digest.rows;
  stream.endRow = digest.endRow;
  stream.lastNs = digest.lastNs;
}

function overlaps(batch: Batch, fromNs: bigint | undefined, toNs: bigint | undefined): boolean {
  if (toNs !== undefined && batch.t0Ns > toNs) return false;
  return fromNs === undefined || batch.rows === 0 || rowTimeNs(batch, batch.rows - 1) >= fromNs;
}
