import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportFormat } from '../../contract/export-schema.ts';
import {
  createMessageFile,
  type Message,
  type MessageFile,
  type MessageFormat,
} from '../recording/message-log/message-format.ts';
import type { FormatJob, FormatWriter } from './format-writer.ts';
import { GzipPacker } from './gzip-packer.ts';
import { messagesInTime } from './lablink-export.ts';
import { OutFile } from './out-file.ts';
import { recordingFacts } from './recording-facts.ts';
import { planTable } from './table.ts';

const WRITE_BYTES = 1 << 18;

/**
 * The recording as the messages that a live session would have had (docs/lablink-formats.md): samples, gaps and events in the order of time. A file ends at
 * `rotateBytes`; the next ones are numbered.
 */
export function messageWriter(format: ExportFormat & MessageFormat): FormatWriter {
  return async (job) => {
    const { recording, channels, range, path } = job;
    const plan = planTable(recording, channels, range, false);
    await mkdir(path);
    await using log = new MessageFiles(job, format);
    await log.begin();
    for await (const { message, tNs } of messagesInTime(job, plan)) await log.write(message, tNs);
    await log.finish();
    return { rows: log.messages, notes: notesOf(log.parts) };
  };
}

/** A browser downloads the first: whoever has it should know of the others. */
function notesOf(parts: number): string[] {
  if (parts === 1) return [];
  return [`It goes on in ${parts - 1} more ${parts === 2 ? 'file' : 'files'} beside it, numbered from _0002.`];
}

/** Numbered files in a folder, each whole by itself. */
class MessageFiles implements AsyncDisposable {
  readonly #job: FormatJob;
  readonly #format: MessageFormat;
  #content: MessageFile;
  #file: OutFile | undefined;
  #gzip: GzipPacker | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Of this file as it lies on the disk. */
  #bytes = 0;
  parts = 0;
  messages = 0;

  constructor(job: FormatJob, format: MessageFormat) {
    this.#job = job;
    this.#format = format;
    this.#content = createMessageFile(format);
  }

  /** Opens the next file and says in it what it is. */
  async begin(): Promise<void> {
    const { path, options, recording } = this.#job;
    this.parts++;
    this.#file = await OutFile.open(join(path, String(this.parts).padStart(8, '0')));
    this.#content = createMessageFile(this.#format);
    this.#bytes = 0;
    if (options.gzip) this.#gzip = new GzipPacker();
    this.#add(this.#content.head());
    if (!options.metadata) return;
    const { events: _, gaps: __, ...metadata } = recordingFacts(this.#job);
    const head: Message = { type: 'metadata', session_id: recording.info.name, part: this.parts, metadata };
    this.#add(this.#content.message(head, options.timestamps ? recording.info.startedNs : undefined));
  }

  async write(message: Message, timeNs: bigint | undefined): Promise<void> {
    if (this.#bytes + (this.#gzip ? 0 : this.#pendingBytes) >= this.#job.options.rotateBytes) {
      await this.finish();
      await this.begin();
    }
    this.messages++;
    this.#add(this.#content.message(message, this.#job.options.timestamps ? timeNs : undefined));
    // How full a packed file is, is known once it is written.
    if (this.#pendingBytes >= Math.min(WRITE_BYTES, this.#job.options.rotateBytes)) await this.#flush();
  }

  async finish(): Promise<void> {
    this.#add(this.#content.tail());
    await this.#flush();
    if (this.#gzip) await this.#put(await this.#gzip.end());
    this.#gzip = undefined;
    await this.#file?.sync();
    await this.#file?.[Symbol.asyncDispose]();
    this.#file = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.[Symbol.asyncDispose]();
  }

  #add(bytes: Uint8Array): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
  }

  async #flush(): Promise<void> {
    const pieces = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#put(this.#gzip ? await this.#gzip.pack(pieces) : pieces);
  }

  async #put(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      if (piece.byteLength > 0) await this.#file?.write(piece);
      this.#bytes += piece.byteLength;
    }
  }
}
