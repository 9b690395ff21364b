import type { Batch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import { copyMessageBatch, readChunk } from '../recording/chunk-reader.ts';
import type { ChunkEntry } from '../recording/digest.ts';
import type { Recording, StreamChunk } from '../recording/recording.ts';

/** Batches that wait for a stream which comes to them later; more is read again. */
const HELD_BYTES = 32 << 20;

interface HeldChunk {
  batches: Map<number, Batch[]>;
  bytes: number;
  /** Readers that have not come yet. */
  readers: number;
}

/** Chunks of a recording for several readers that go through it side by side: each is read and unpacked once. */
export class ChunkSource {
  readonly #recording: Recording;
  readonly #readers = new Map<number, number>();
  readonly #held = new Map<ChunkEntry, HeldChunk>();
  #bytes = 0;

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  /** Another reader will go through the whole stream. */
  announce(stream: number): void {
    this.#readers.set(stream, (this.#readers.get(stream) ?? 0) + 1);
  }

  /** The batches of one stream in one chunk. @throws LabError recording.malformed */
  async take({ part, chunk, digest }: StreamChunk): Promise<Batch[]> {
    const stream = this.#recording.numberOf(part, digest.channel) ?? 0;
    const held = this.#held.get(chunk) ?? (await this.#read(part, chunk));
    held.readers--;
    if (held.readers <= 0) this.#drop(chunk, held);
    return held.batches.get(stream) ?? [];
  }

  async #read(part: StreamChunk['part'], chunk: ChunkEntry): Promise<HeldChunk> {
    const held: HeldChunk = { batches: new Map(), bytes: 0, readers: 0 };
    for (const { channel } of chunk.streams) {
      const stream = this.#recording.numberOf(part, channel);
      const readers = stream === undefined ? 0 : (this.#readers.get(stream) ?? 0);
      held.readers += readers;
      if (stream !== undefined && readers > 0) held.batches.set(stream, []);
    }
    const messages = await readChunk(part.file, chunk).catch((error: unknown) => {
      throw damaged(error, part.path);
    });
    for (const message of messages) {
      const stream = this.#recording.numberOf(part, message.channel);
      const batches = stream === undefined ? undefined : held.batches.get(stream);
      const batch = batches && copyMessageBatch(message, stream ?? 0);
      if (!batch) continue;
      batches.push(batch);
      held.bytes += batch.buffer.byteLength;
    }
    this.#held.set(chunk, held);
    this.#bytes += held.bytes;
    for (const [oldest, other] of this.#held) {
      if (this.#bytes <= HELD_BYTES || oldest === chunk) break;
      this.#drop(oldest, other);
    }
    return held;
  }

  #drop(chunk: ChunkEntry, held: HeldChunk): void {
    if (this.#held.delete(chunk)) this.#bytes -= held.bytes;
  }
}

/** A table with rows left out in silence would look whole. */
function damaged(error: unknown, path: string): unknown {
  if (!(error instanceof LabError) || error.code !== 'recording.malformed') return error;
  return new LabError(
    'recording.malformed',
    `${path} is damaged: ${error.message} Nothing was exported. Repair the recording, which makes another one of what can be read, and export that.`,
    { ...error.details, path },
    { cause: error },
  );
}
