import type { Batch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import { copyMessageBatch, isUnreadableChunk, readChunk } from '../recording/chunk-reader.ts';
import { type DiskFile, systemCode } from '../recording/disk.ts';
import type { PartIndex } from '../recording/part-index.ts';
import { readAhead } from '../recording/read-ahead.ts';
import type { Recording } from '../recording/recording.ts';
import type { TrackChunk } from './track-chunks.ts';

/** Batches of a chunk by the number of their stream in the recording. */
type ChunkBatches = ReadonlyMap<number, readonly Batch[]>;

const NOTHING: readonly Batch[] = [];

/**
 * Chunks of a recording, decoded once for all the streams in them: the streams of a replay ask for the same chunk at about the same time. The
 * chunks asked for last are kept; batches are borrowed and must not be changed.
 */
export class ChunkSource {
  readonly #recording: Recording;
  readonly #limit: number;
  readonly #onDamage: (error: LabError) => void;
  readonly #files = new Map<PartIndex, DiskFile>();
  /** Least recently asked for first. */
  readonly #kept = new Map<string, Promise<ChunkBatches>>();

  /** `onDamage`: told of a chunk that cannot be read, each time it is; it counts as empty. */
  constructor(recording: Recording, onDamage: (error: LabError) => void, limit = 8) {
    this.#recording = recording;
    this.#onDamage = onDamage;
    this.#limit = limit;
  }

  /** The batches of one stream in a chunk. @throws LabError recording.failed and what else the disk says */
  async read(at: TrackChunk, stream: number): Promise<readonly Batch[]> {
    return (await this.#take(at)).get(stream) ?? NOTHING;
  }

  /** Begins to read a chunk that will be asked for. */
  prefetch(at: TrackChunk): void {
    void this.#take(at).catch(() => undefined);
  }

  /** Waits for what is being read, and lets go of all. */
  async clear(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.allSettled(all);
  }

  #take(at: TrackChunk): Promise<ChunkBatches> {
    const name = `${at.part.head.part}:${at.offset}`;
    let known = this.#kept.get(name);
    if (!known) {
      known = this.#decode(at);
      // One that failed is tried again.
      known.catch(() => this.#kept.delete(name));
    }
    this.#kept.delete(name);
    this.#kept.set(name, known);
    if (this.#kept.size > this.#limit) this.#kept.delete(this.#kept.keys().next().value ?? name);
    return known;
  }

  async #decode({ part, offset, length }: TrackChunk): Promise<ChunkBatches> {
    const found = new Map<number, Batch[]>();
    try {
      for (const message of await readChunk(this.#fileOf(part), { offset, length })) {
        const stream = this.#recording.numberOf(part, message.channel);
        const batch = stream === undefined ? undefined : copyMessageBatch(message, stream);
        if (!batch || batch.rows === 0) continue;
        const known = found.get(batch.stream);
        if (known) known.push(batch);
        else found.set(batch.stream, [batch]);
      }
    } catch (thrown) {
      if (!(thrown instanceof LabError)) throw unreadable(part.path, systemCode(thrown), thrown);
      if (!isUnreadableChunk(thrown)) throw thrown;
      this.#onDamage(thrown);
    }
    return found;
  }

  /** Chunks are asked for one after the other. */
  #fileOf(part: PartIndex): DiskFile {
    let file = this.#files.get(part);
    if (!file) {
      file = readAhead(part.file);
      this.#files.set(part, file);
    }
    return file;
  }
}

function unreadable(path: string, system: string, cause: unknown): LabError {
  return new LabError(
    'recording.failed',
    `The disk reported an error (${system || 'no code'}) while ${path} was read. The file was not changed.`,
    { path, system },
    { cause },
  );
}
