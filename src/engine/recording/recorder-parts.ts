import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';
import type { ChunkCodec } from './chunk-codec.ts';
import type { Disk } from './disk.ts';
import { partStem } from './file-name.ts';
import type { PartFile } from './part-file.ts';
import { createPartFile } from './part-file.ts';
import { ensurePyramid } from './pyramid-store.ts';
import type { RecorderLimits, RecorderOptions } from './recorder-options.ts';
import { RecorderPart } from './recorder-part.ts';
import type { RepeatedPart } from './recording-about.ts';
import type { SerialQueue } from './serial-queue.ts';
import { type UnwrittenItem, unwrittenIn } from './unwritten.ts';

export interface RecorderPartsOptions {
  options: RecorderOptions;
  disk: Disk;
  limits: RecorderLimits;
  /** File name without number and ending. */
  stem: string;
  codec: ChunkCodec | undefined;
  queue: SerialQueue;
  /** The first file, open. */
  file: PartFile;
  /** Told before a part ends, and when the next one begins. */
  onEnd(part: RecorderPart): void;
  onBegin(part: RecorderPart): void;
}

/** The files of a recording, one after the other: which one batches go to, and what became of the others. */
export class RecorderParts {
  readonly #parts: RecorderPartsOptions;
  readonly #clock: Clock;
  readonly #first: number;
  readonly #finished: string[] = [];
  #finishedBytes = 0;
  #current: RecorderPart;
  /** Not finished, in order: the queue writes the first; after a rotation there are two until it has caught up. */
  #open: RecorderPart[];
  /** Finished after a failure, without what the disk had not taken. */
  #saved: RecorderPart | undefined;
  /** Being written beside what is finished. */
  #sidecars: Promise<unknown> = Promise.resolve();

  constructor(parts: RecorderPartsOptions) {
    this.#parts = parts;
    this.#clock = parts.options.clock;
    this.#first = parts.options.continues?.part ?? 1;
    this.#current = this.#create(this.#first);
    this.#current.file = parts.file;
    this.#open = [this.#current];
  }

  /** The part batches go to. */
  get current(): RecorderPart {
    return this.#current;
  }

  /** The file the queue writes; undefined between two, and at the end. */
  get file(): PartFile | undefined {
    return this.#open[0]?.file;
  }

  /** All of them are finished. */
  get isEnded(): boolean {
    return this.#open.length === 0;
  }

  get paths(): string[] {
    return this.file ? [...this.#finished, this.file.path] : [...this.#finished];
  }

  /** In files so far. */
  get bytes(): number {
    return this.#finishedBytes + (this.file?.end ?? 0);
  }

  /** Of what is not on the platter. */
  get heldBytes(): number {
    return this.#held.reduce((sum, part) => sum + part.heldBytes, 0);
  }

  isFirst(part: RecorderPart): boolean {
    return part.number === this.#first;
  }

  closeFullChunk(): void {
    if (this.#current.chunkBytes >= this.#parts.limits.chunkBytes) this.closeChunk();
  }

  /** Closes the chunk, and the part if that is long or old enough. */
  closeChunk(): void {
    const part = this.#current;
    part.flush();
    const { partBytes, indexBytes, partSeconds } = this.#parts.limits;
    const isOld = part.hasMessages && this.#clock.monotonicMs() - part.openedMs >= partSeconds * 1000;
    if (isOld || part.sizeBytes >= partBytes || part.format.indexBytes >= indexBytes) this.rotate();
  }

  /** Ends this part and begins the next. Gives the one that ended. */
  rotate(): RecorderPart {
    const { disk, options, stem, limits, onBegin } = this.#parts;
    const old = this.#current;
    const next = this.#create(old.number + 1);
    this.#end(old, async () => {
      next.file = await createPartFile(disk, options.folder, partStem(stem, next.number), limits.syncBytes);
    });
    this.#current = next;
    this.#open.push(next);
    onBegin(next);
    return old;
  }

  /** Ends the last part. */
  end(): void {
    this.#end(this.#current, async () => undefined);
  }

  /** Resolves when what is written beside the parts is written, or cannot be. Never rejects. */
  async settled(): Promise<void> {
    await this.#sidecars;
  }

  /** After a failure: cuts off what is not surely there and finishes the file, with that last event, if the disk lets it; else the next start does. */
  async save(error: LabError, last: LabEvent, sequence: number): Promise<void> {
    const [part, ...later] = this.#open;
    for (const open of later) open.fail(error);
    if (!part?.file) {
      part?.fail(error);
      return;
    }
    try {
      if (error.code === 'recording.folder-gone') throw error;
      this.#finish(part, await part.save(last, sequence, this.#clock.nowNs()));
      this.#saved = part;
    } catch {
      part.fail(error);
      await part.file.abandon();
      // Nothing of it was written: an empty file would only raise hopes.
      if (part.format.chunks === 0) await this.#parts.disk.remove(part.file.path).catch(() => undefined);
    }
  }

  /** Takes what is not surely in a file, in order, and says where the files surely end. `repeats`: what the first part repeats. */
  giveUp(repeats: readonly RepeatedPart[]): { parts: RepeatedPart[]; items: UnwrittenItem[] } {
    const items = this.#held.flatMap((part) =>
      part.giveUp().flatMap((chunk) => [...unwrittenIn(chunk, (channel) => part.contentOf(channel))]),
    );
    // The first part may be lost with what it says of those before it.
    const before = this.#open.some((part) => this.isFirst(part)) ? repeats : [];
    // Without a chunk there may soon be no file.
    const own = this.#open.map(({ number, format }) => ({
      part: number,
      fromByte: format.chunks > 0 ? format.committed : 0,
    }));
    return { parts: [...before, ...own], items };
  }

  /** Those with chunks that are not on the platter, in order. */
  get #held(): RecorderPart[] {
    return this.#saved ? [this.#saved, ...this.#open] : this.#open;
  }

  #create(number: number): RecorderPart {
    const { queue, codec, options, limits } = this.#parts;
    const plainHz = options.plainMessages ? limits.plainHz : undefined;
    return new RecorderPart({ number, queue, codec, plainHz, openedMs: this.#clock.monotonicMs() });
  }

  #end(part: RecorderPart, then: () => Promise<void>): void {
    part.flush();
    this.#parts.onEnd(part);
    this.#parts.queue.push(0, async () => {
      this.#finish(part, await part.finish(this.#clock.nowNs()));
      await then();
    });
  }

  #finish(part: RecorderPart, path: string): void {
    const { disk, options } = this.#parts;
    this.#finished.push(path);
    this.#open = this.#open.filter((open) => open !== part);
    this.#finishedBytes += part.file?.end ?? 0;
    this.#sidecars = Promise.all([this.#sidecars, ensurePyramid(disk, path, part.rows)]);
    options.onPart?.(path, part.number);
  }
}
