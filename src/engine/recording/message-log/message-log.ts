import { join } from 'node:path';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { MessageSession } from '../../../contract/recording-schema.ts';
import type { Clock } from '../../../core/clock.ts';
import { LabError } from '../../../core/errors.ts';
import type { Disk, DiskFile } from '../disk.ts';
import { diskError, systemCode, systemDisk } from '../disk.ts';
import { LOCK_SUFFIX } from '../file-layout.ts';
import { writeLock } from '../file-lock.ts';
import { fileStem } from '../file-name.ts';
import { almostFull } from '../recorder-errors.ts';
import { SerialQueue } from '../serial-queue.ts';
import { mendMessages } from './mend-messages.ts';
import {
  createMessageFile,
  MESSAGE_EXTENSIONS,
  type Message,
  type MessageFile,
  type MessageFormat,
} from './message-format.ts';

export interface MessageLogOptions {
  /** Made if it is not there. */
  folder: string;
  /** As a person or client named it; the file name is made from it and never leads out of the folder. */
  session: string;
  format: MessageFormat;
  clock: Clock;
  gzip?: boolean | undefined;
  /** The time of each message is written; default true. */
  timestamps?: boolean | undefined;
  /** What the session is, in a first message of type `metadata` of every file; undefined: no such message. */
  about?: Readonly<Record<string, unknown>> | undefined;
  /** A file ends here and the next begins. Default 100 MB. */
  rotateBytes?: number | undefined;
  /** What may wait for the disk before the log ends with `recording.overrun`. Default 64 MiB. */
  queueBytes?: number | undefined;
  /** The log ends, whole, when less is free on its disk. Default 0. */
  reserveBytes?: number | undefined;
  /** Written that often, at least; ms. Default 1000. */
  flushMs?: number | undefined;
  disk?: Disk | undefined;
}

const MAX_NAMES = 1000;
/** Messages are gathered to this size before they are written. */
const WRITE_BYTES = 65_536;

/** Starts a log of messages. @throws LabError recording.denied, recording.disk-full, recording.folder-gone, recording.failed */
export async function openMessageLog(options: MessageLogOptions): Promise<MessageLog> {
  const disk = options.disk ?? systemDisk;
  await disk.makeFolder(options.folder).catch((error: unknown) => {
    throw diskError(error, options.folder);
  });
  const log = new MessageLog(options, disk);
  await log.begin();
  return log;
}

/**
 * One session: messages into files of one format, the next file when one is full. Each file can be read alone. It never drops: every message is in a file,
 * or the log has ended and `stats.error` says why.
 *
 *     recording ── stop() ──→ stopped
 *         └── disk fails, queue full ──→ failed     what was written stays
 */
export class MessageLog {
  readonly #options: MessageLogOptions;
  readonly #disk: Disk;
  readonly #startedNs: bigint;
  readonly #queue: SerialQueue;
  readonly #paths: string[] = [];
  #file: DiskFile | undefined;
  /** Where the next bytes go in the open file, and the bytes in all files. */
  #position = 0;
  #bytes = 0;
  /** Bytes, not yet packed, for the file that messages go to now; the queue may still be at the one before. */
  #plainBytes = 0;
  #format: MessageFile;
  #gzip: Gzip | undefined;
  #packed: Uint8Array[] = [];
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #isTurning = false;
  /** The end of the open file is on the platter. */
  #isWhole = false;
  #part = 0;
  #messages = 0;
  #endedNs: bigint | undefined;
  #error: LabError | undefined;
  #timer: Disposable | undefined;
  #isAsking = false;
  #stopping: Promise<MessageSession> | undefined;

  constructor(options: MessageLogOptions, disk: Disk) {
    this.#options = options;
    this.#disk = disk;
    this.#startedNs = options.clock.nowNs();
    this.#format = createMessageFile(options.format);
    this.#queue = new SerialQueue((error) => this.#fail(error));
  }

  /** Opens the first file; called once, by `openMessageLog`. */
  async begin(): Promise<void> {
    const full = await this.#almostFull();
    if (full) throw full;
    await this.#openFile();
    this.#addHead();
    this.#tick();
  }

  get stats(): MessageSession {
    const { session, format, clock } = this.#options;
    const seconds = Number((this.#endedNs ?? clock.nowNs()) - this.#startedNs) / 1e9;
    return {
      session,
      format,
      path: this.#paths.at(-1) ?? '',
      paths: [...this.#paths],
      startedNs: String(this.#startedNs),
      duration_seconds: seconds,
      message_count: this.#messages,
      bytes_written: this.#bytes,
      messages_per_second: seconds > 0 ? this.#messages / seconds : 0,
      error: this.#error?.toJSON() ?? null,
    };
  }

  /** Adds a message; false if the log has ended and it is not in it. */
  write(message: Message): boolean {
    if (this.#endedNs !== undefined) return false;
    const { timestamps = true, clock, queueBytes = 64 * 2 ** 20, rotateBytes = 100_000_000 } = this.#options;
    const bytes = this.#format.message(message, timestamps ? clock.nowNs() : undefined);
    if (this.#queue.bytes + this.#pendingBytes + bytes.byteLength > queueBytes) {
      this.#fail(overrun(this.#options.session, queueBytes));
      return false;
    }
    this.#messages++;
    this.#add(bytes);
    // How much a packer makes of it is known once it is written.
    if ((this.#options.gzip ? this.#position : this.#plainBytes) >= rotateBytes) this.#turn();
    else if (this.#pendingBytes >= WRITE_BYTES) this.#flush();
    return true;
  }

  /** Writes what waits and ends the file. Calling it again gives the same answer. Never rejects. */
  stop(): Promise<MessageSession> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #end(): Promise<MessageSession> {
    this.#timer?.[Symbol.dispose]();
    if (this.#endedNs === undefined) {
      this.#endFile();
      this.#endedNs = this.#options.clock.nowNs();
    }
    await this.#queue.idle();
    await this.#closeFile().catch(() => undefined);
    return this.stats;
  }

  #tick(): void {
    this.#timer = this.#options.clock.after(this.#options.flushMs ?? 1000, () => {
      this.#flush();
      this.#lookAtDisk();
      this.#tick();
    });
  }

  /** Before it is full there is room for an end. */
  #lookAtDisk(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#queue.push(0, async () => {
      const full = await this.#almostFull();
      this.#isAsking = false;
      if (!full || this.#endedNs !== undefined) return;
      this.#endFile();
      this.#fail(full);
    });
  }

  async #almostFull(): Promise<LabError | undefined> {
    const { folder, reserveBytes = 0 } = this.#options;
    const freeBytes = reserveBytes > 0 ? await this.#disk.freeBytes(folder).catch(() => undefined) : undefined;
    return freeBytes !== undefined && freeBytes < reserveBytes ? almostFull(folder, reserveBytes) : undefined;
  }

  #add(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
    this.#plainBytes += bytes.byteLength;
  }

  /** What every file begins with; made in the order of its messages, so that separators fit. */
  #addHead(): void {
    const { session, about, timestamps = true, clock } = this.#options;
    this.#plainBytes = 0;
    this.#add(this.#format.head());
    if (!about) return;
    const message = { type: 'metadata', session_id: session, part: ++this.#part, metadata: about };
    this.#add(this.#format.message(message, timestamps ? clock.nowNs() : undefined));
  }

  /** What waits goes to the disk; of a packed file the packer is emptied too, so that a cut file is readable up to here. */
  #flush(): void {
    if (this.#pending.length === 0) return;
    const pieces = this.#pending;
    const bytes = this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#queue.push(bytes, () => this.#put(pieces, constants.Z_SYNC_FLUSH));
  }

  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#endFile();
    this.#queue.push(0, async () => {
      await this.#closeFile();
      await this.#openFile();
      this.#isTurning = false;
    });
    this.#format = createMessageFile(this.#options.format);
    this.#addHead();
  }

  #endFile(): void {
    this.#add(this.#format.tail());
    this.#flush();
    this.#queue.push(0, async () => {
      if (this.#gzip) await this.#put([], constants.Z_FINISH);
      await this.#file?.sync();
      this.#isWhole = true;
    });
  }

  /** Without its lock it counts as whole; one whose disk failed has no end, and is mended like one that was cut off. */
  async #closeFile(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    const path = this.#paths.at(-1) ?? '';
    const lock = path + LOCK_SUFFIX;
    await file.close();
    try {
      if (!this.#isWhole) await mendMessages(this.#disk, path, this.#options.format);
      await this.#disk.remove(lock);
    } catch {
      // The disk takes not even that: nobody writes it any more, and the next start tries again.
      await this.#disk.writeText(lock, '').catch(() => undefined);
    }
  }

  async #openFile(): Promise<void> {
    const { folder, session, format, gzip } = this.#options;
    const day = isoStamp(this.#startedNs);
    const part = this.#paths.length + 1;
    const stem = `stream_${fileStem(session)}_${day}${part === 1 ? '' : `_${String(part).padStart(4, '0')}`}`;
    const ending = `${MESSAGE_EXTENSIONS[format]}${gzip ? '.gz' : ''}`;
    const { file, path } = await createFile(this.#disk, folder, stem, ending);
    this.#file = file;
    this.#paths.push(path);
    this.#position = 0;
    this.#isWhole = false;
    if (gzip) this.#startGzip();
  }

  #startGzip(): void {
    const gzip = createGzip({ level: 6 });
    gzip.on('data', (bytes: Buffer) => this.#packed.push(bytes));
    this.#gzip = gzip;
  }

  async #put(pieces: Uint8Array[], flush: number): Promise<void> {
    const file = this.#file;
    if (!file) return;
    const buffers = this.#gzip ? await this.#pack(this.#gzip, pieces, flush) : pieces;
    try {
      for (const buffer of buffers) {
        for (let at = 0; at < buffer.byteLength; ) {
          const written = await file.write([buffer.subarray(at)], this.#position);
          if (written <= 0) throw new Error('the system wrote nothing');
          at += written;
          this.#position += written;
          this.#bytes += written;
        }
      }
    } catch (error) {
      throw diskError(error, this.#paths.at(-1) ?? '');
    }
  }

  async #pack(gzip: Gzip, pieces: Uint8Array[], flush: number): Promise<Uint8Array[]> {
    for (const piece of pieces) gzip.write(piece);
    if (flush === constants.Z_FINISH) {
      await new Promise<void>((resolve) => gzip.once('end', resolve).end());
      this.#gzip = undefined;
    } else await new Promise<void>((resolve) => gzip.flush(flush, resolve));
    const packed = this.#packed;
    this.#packed = [];
    return packed;
  }

  #fail(error: LabError): void {
    if (this.#endedNs !== undefined) return;
    this.#error = error;
    this.#endedNs = this.#options.clock.nowNs();
    this.#timer?.[Symbol.dispose]();
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}

async function createFile(
  disk: Disk,
  folder: string,
  stem: string,
  ending: string,
): Promise<{ file: DiskFile; path: string }> {
  for (let number = 1; number <= MAX_NAMES; number++) {
    const path = `${join(folder, number === 1 ? stem : `${stem} ${number}`)}${ending}`;
    try {
      if (await disk.stat(path)) continue;
      // The lock first: a file that has none counts as whole.
      await writeLock(disk, path + LOCK_SUFFIX);
      return { file: await disk.open(path, 'create'), path };
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue;
      await disk.remove(path + LOCK_SUFFIX).catch(() => undefined);
      throw diskError(error, path);
    }
  }
  throw new LabError(
    'recording.failed',
    `No free file name like ${stem} in ${folder}. Nothing was recorded. Choose another name.`,
  );
}

/** `20251113_143022`, UTC. */
function isoStamp(tNs: bigint): string {
  return new Date(Number(tNs / 1_000_000n)).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '_');
}

function overrun(session: string, queueBytes: number): LabError {
  return new LabError(
    'recording.overrun',
    `The disk cannot keep up: ${Math.round(queueBytes / 2 ** 20)} MiB of the session “${session}” were waiting. It ended; what was written is intact. Record less, or to a faster disk.`,
    { session, queueBytes },
  );
}
