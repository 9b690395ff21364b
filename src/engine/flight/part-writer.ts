import type { ClosedChunk } from '../recording/chunk.ts';
import type { Disk } from '../recording/disk.ts';
import { METADATA } from '../recording/file-layout.ts';
import type { ChannelRecord, SchemaRecord } from '../recording/part-channels.ts';
import { createPartFile, type PartFile } from '../recording/part-file.ts';
import { PartFormat, type Piece } from '../recording/part-format.ts';
import { headEntries, type PartHead } from '../recording/recording-about.ts';

/** Synced each so many bytes while it is written. */
const SYNC_BYTES = 16 << 20;

/** What a part says of itself, its instruments and its channels; entries as in the metadata records. */
export interface PartAbout {
  head: PartHead;
  instruments: Map<string, string>;
  channels: Map<string, string>;
}

/**
 * Writes one part of a recording in one go, from what is there already. Until it is finished it lies under its `.part` name with a lock: a crash leaves
 * what the next start finishes. Every method rejects with a LabError; after one only `discard` makes sense.
 */
export class PartWriter {
  readonly #disk: Disk;
  readonly #file: PartFile;
  readonly #format = new PartFormat();

  private constructor(disk: Disk, file: PartFile) {
    this.#disk = disk;
    this.#file = file;
  }

  /** Creates `STEM.mcap.part` in the folder, or `STEM 2…` if that is taken. */
  static async create(disk: Disk, folder: string, stem: string, about: PartAbout): Promise<PartWriter> {
    const writer = new PartWriter(disk, await createPartFile(disk, folder, stem, SYNC_BYTES));
    try {
      await writer.#append(writer.#format.nextHead(`labwire ${about.head.appVersion}`));
      await writer.#append(writer.#format.nextMetadata(METADATA.recording, headEntries(about.head)));
      await writer.#append(writer.#format.nextMetadata(METADATA.instruments, about.instruments));
      await writer.#append(writer.#format.nextMetadata(METADATA.channels, about.channels));
      return writer;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /** Announces a channel, and its schema if that is a new one. */
  addChannel(channel: ChannelRecord, schema?: SchemaRecord): Promise<void> {
    return this.#append(this.#format.nextChannel(channel, schema));
  }

  addChunk(close: (offset: number) => ClosedChunk): Promise<void> {
    return this.#append(this.#format.nextChunk(close));
  }

  /** Writes the end and gives the file its name. Gives the name. */
  async finish(nowNs: bigint): Promise<string> {
    // What the index says must be on the platter.
    await this.#file.sync();
    await this.#append(this.#format.finish(nowNs));
    return this.#file.finish();
  }

  /** Removes it. Never rejects. */
  async discard(): Promise<void> {
    await this.#file.abandon();
    await this.#disk.remove(this.#file.path).catch(() => undefined);
  }

  #append(piece: Piece): Promise<void> {
    return this.#file.append(piece);
  }
}

/** Instruments or channels as entries of a metadata record. */
export function byId(list: readonly { id: string }[]): Map<string, string> {
  return new Map(list.map((entry) => [entry.id, JSON.stringify(entry)]));
}
