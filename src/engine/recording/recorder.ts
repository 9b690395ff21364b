import { randomUUID } from 'node:crypto';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import { batchBytes, copyBatch } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import { measuredColumns, type StreamInfo } from '../../core/stream-info.ts';
import type { StreamGap } from '../sample-sink.ts';
import { Chunk } from './chunk.ts';
import { cellRows } from './digest.ts';
import type { Disk } from './disk.ts';
import { diskError, systemDisk } from './disk.ts';
import { EVENT_CHANNEL_ID, METADATA } from './file-layout.ts';
import { fileStem, partStem } from './file-name.ts';
import type { PartFile } from './part-file.ts';
import { createPartFile } from './part-file.ts';
import type { Piece } from './part-format.ts';
import { PartFormat } from './part-format.ts';
import type { Recorder, RecorderLimits, RecorderOptions, RecorderStats, RecordingResult } from './recorder-options.ts';
import { RECORDER_LIMITS } from './recorder-options.ts';
import { headEntries, type RecordingAbout } from './recording-about.ts';
import { SerialQueue } from './serial-queue.ts';

/** MCAP channel ids are u16; a stream re-opened gets a new one. */
const MAX_CHANNELS = 60_000;

interface RecordedStream {
  info: StreamInfo;
  /** Channel id in the present part. */
  channel: number;
  blockRows: number;
  hasBatches: boolean;
}

/**
 * Starts a recording: makes the folder, the first file and its lock.
 * @throws LabError recording.denied, recording.disk-full, recording.folder-gone, recording.failed: nothing is recorded.
 */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const disk = options.disk ?? systemDisk;
  const limits = { ...RECORDER_LIMITS, ...options.limits };
  const part = options.continues?.part ?? 1;
  const stem = fileStem(options.name);
  await disk.makeFolder(options.folder).catch((error: unknown) => {
    throw diskError(error, options.folder);
  });
  const file = await createPartFile(disk, options.folder, partStem(stem, part), limits.syncBytes);
  return new FileRecorder(options, disk, limits, stem, {
    number: part,
    format: new PartFormat(),
    file,
    isFinished: false,
  });
}

/** One file of the recording. `file` is undefined until the queue has come to it. */
interface Part {
  number: number;
  format: PartFormat;
  file: PartFile | undefined;
  isFinished: boolean;
}

class FileRecorder implements Recorder {
  readonly id: string;
  readonly name: string;
  readonly startedNs: bigint;
  readonly failed: Promise<LabError>;
  readonly #options: RecorderOptions;
  readonly #disk: Disk;
  readonly #limits: RecorderLimits;
  readonly #stem: string;
  readonly #openedNs: bigint;
  readonly #queue: SerialQueue;
  readonly #streams = new Map<number, RecordedStream>();
  readonly #finished: string[] = [];
  #about: RecordingAbout;
  #aboutText = '';
  #state: Recorder['state'] = 'recording';
  /** The part batches go to, and the one the queue writes: after a rotation they differ until the queue has caught up. */
  #part: Part;
  #writing: Part;
  #chunk = new Chunk();
  #nextChannel = 0;
  #timer: Disposable;
  #eventCount = 0;
  #rows = 0;
  #samples = 0;
  #lost = 0;
  #finishedBytes = 0;
  #endedNs: bigint | undefined;
  #freeBytes: number | undefined;
  /** When the disk was asked and has not answered yet; ms of the monotonic clock. */
  #askedMs: number | undefined;
  #error: LabError | undefined;
  /** Why the disk takes nothing more; the queue has stopped. */
  #broken: LabError | undefined;
  #tellFailed: (error: LabError) => void = () => undefined;
  #ending: Promise<void> | undefined;

  constructor(options: RecorderOptions, disk: Disk, limits: RecorderLimits, stem: string, first: Part) {
    this.#options = options;
    this.#disk = disk;
    this.#limits = limits;
    this.#stem = stem;
    this.#part = first;
    this.#writing = first;
    this.#about = options.about;
    this.#openedNs = options.clock.nowNs();
    this.id = options.continues?.id ?? `rec-${randomUUID()}`;
    this.name = options.name;
    this.startedNs = options.continues?.startedNs ?? this.#openedNs;
    this.failed = new Promise((resolve) => {
      this.#tellFailed = resolve;
    });
    this.#queue = new SerialQueue((error) => {
      this.#broken = error;
      // After an overrun the disk may break too: then not everything offered is in the file.
      if (this.#state === 'failed') this.#error = error;
      else this.#fail(error);
    });
    this.#announcePart();
    const text = options.continues ? 'Recording continued after an interruption' : 'Recording started';
    this.#mark('start', text, { part: first.number });
    this.#timer = options.clock.after(limits.flushMs, () => this.#tick());
  }

  get state(): Recorder['state'] {
    return this.#state;
  }

  get error(): LabError | undefined {
    return this.#error;
  }

  get paths(): string[] {
    const { file, isFinished } = this.#writing;
    return file && !isFinished ? [...this.#finished, file.path] : [...this.#finished];
  }

  get stats(): RecorderStats {
    const nowNs = this.#endedNs ?? this.#options.clock.nowNs();
    const bytes = this.#finishedBytes + (this.#writing.isFinished ? 0 : this.#writing.format.committed);
    const openS = Number(nowNs - this.#openedNs) / 1e9;
    const left = this.#freeBytes === undefined ? undefined : Math.max(0, this.#freeBytes - this.#limits.reserveBytes);
    return {
      bytes,
      durationS: Number(nowNs - this.startedNs) / 1e9,
      rows: this.#rows,
      samples: this.#samples,
      lost: this.#lost,
      part: this.#part.number,
      queueBytes: this.#queue.bytes + this.#chunk.bytes,
      stalledMs: this.#askedMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#askedMs,
      freeBytes: this.#freeBytes,
      secondsLeft: left === undefined || openS < 1 || bytes === 0 ? undefined : left / (bytes / openS),
    };
  }

  streamOpened(info: StreamInfo): void {
    if (this.#state !== 'recording' || this.#options.records?.(info) === false) return;
    const blockRows = info.kind === 'segment' ? 0 : cellRows(info.rateHz);
    const stream = { info, channel: 0, blockRows, hasBatches: false };
    this.#streams.set(info.id, stream);
    if (this.#nextChannel > MAX_CHANNELS) this.#rotate();
    else this.#announce(stream);
  }

  batch(batch: Batch): void {
    const stream = this.#streams.get(batch.stream);
    if (!stream || this.#state !== 'recording') return;
    const length = batchBytes(batch.rows, batch.channels, batch.flags);
    if (this.#queue.bytes + this.#chunk.bytes + length > this.#limits.queueBytes) {
      this.#fail(overrun(this.#limits.queueBytes));
      return;
    }
    // A batch laid over a part of a larger buffer must not drag that along.
    const owned = batch.buffer.byteLength === length ? batch : copyBatch(batch);
    this.#chunk.addBatch(stream.channel, owned, new Uint8Array(owned.buffer), stream.blockRows);
    this.#rows += batch.rows;
    this.#samples += batch.rows * measuredColumns(stream.info).length;
    // What was lost before the first batch was lost before the recording, unless the stream began with it.
    if (stream.hasBatches || batch.seq === batch.lost) this.#lost += batch.lost;
    stream.hasBatches = true;
    if (this.#chunk.bytes >= this.#limits.chunkBytes) this.#closeChunk();
  }

  gap(gap: StreamGap): void {
    const stream = this.#streams.get(gap.stream);
    if (!stream) return;
    const { key, epoch, instrument } = stream.info;
    const t = String(gap.fromNs);
    const data = { stream: key, epoch, seq: gap.seq, lost: gap.lost, fromNs: t, toNs: String(gap.toNs) };
    this.event({ id: randomUUID(), t, kind: 'gap', text: gap.reason, severity: 'warning', instrument, data });
  }

  streamClosed(stream: number): void {
    this.#streams.delete(stream);
  }

  event(event: LabEvent): void {
    // Start and stop of the recording are its own marks; whoever else notes them would make them double.
    if (this.#state !== 'recording' || event.kind === 'start' || event.kind === 'stop') return;
    this.#writeEvent(event);
    if (this.#chunk.bytes >= this.#limits.chunkBytes) this.#closeChunk();
  }

  describe(about: RecordingAbout): void {
    this.#about = about;
    if (this.#state === 'recording') this.#announceAbout(false);
  }

  async stop(reason: string): Promise<RecordingResult> {
    if (this.#state === 'recording') {
      this.#mark('stop', reason === '' ? 'Recording stopped' : `Recording stopped: ${reason}`, { reason });
      this.#state = 'stopping';
      this.#ending = this.#end();
    }
    // A failure while stopping puts another ending in the place of this one.
    for (let ending = this.#ending; ; ending = this.#ending) {
      await ending;
      if (ending === this.#ending) break;
    }
    return { id: this.id, paths: this.paths, stats: this.stats, error: this.#error };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('the engine closed it');
  }

  /** Closes the chunk and syncs, so that a crash costs at most one period, and looks whether disk and folder are still there. */
  #tick(): void {
    if (this.#state !== 'recording') return;
    this.#timer = this.#options.clock.after(this.#limits.flushMs, () => this.#tick());
    this.#closeChunk();
    if (this.#askedMs !== undefined) return;
    const { reserveBytes } = this.#limits;
    this.#askedMs = this.#options.clock.monotonicMs();
    this.#queue.push(0, async () => {
      await this.#writing.file?.sync();
      await this.#writing.file?.inspect();
      this.#freeBytes = await this.#disk.freeBytes(this.#options.folder).catch(() => undefined);
      if (this.#freeBytes !== undefined && this.#freeBytes < reserveBytes) {
        this.#fail(almostFull(this.#options.folder, reserveBytes));
      }
      this.#askedMs = undefined;
    });
  }

  #closeChunk(): void {
    this.#flushChunk();
    const { format } = this.#part;
    if (format.offset >= this.#limits.partBytes || format.indexBytes >= this.#limits.indexBytes) this.#rotate();
  }

  #flushChunk(): void {
    if (this.#chunk.messages === 0) return;
    const chunk = this.#chunk;
    this.#chunk = new Chunk();
    this.#append((format) => format.nextChunk((offset) => chunk.close(offset)));
  }

  #append(make: (format: PartFormat) => Piece): void {
    const part = this.#part;
    const piece = make(part.format);
    this.#queue.push(piece.bytes, async () => {
      await part.file?.append(piece);
    });
  }

  /** Ends this part, begins the next and announces every stream again, so that each part can be read alone. */
  #rotate(): void {
    this.#flushChunk();
    const old = this.#part;
    const next: Part = { number: old.number + 1, format: new PartFormat(), file: undefined, isFinished: false };
    const stem = partStem(this.#stem, next.number);
    this.#queue.push(0, async () => {
      await this.#finishPart(old);
      this.#writing = next;
      next.file = await createPartFile(this.#disk, this.#options.folder, stem, this.#limits.syncBytes);
    });
    this.#part = next;
    this.#announcePart();
    for (const stream of this.#streams.values()) this.#announce(stream);
  }

  #announcePart(): void {
    this.#nextChannel = EVENT_CHANNEL_ID + 1;
    this.#append((format) => format.nextHead(`labwire ${this.#about.appVersion}`));
    this.#append((format) => format.nextMetadata(METADATA.recording, this.#head()));
    this.#aboutText = '';
    this.#announceAbout(false);
  }

  #head(): Map<string, string> {
    const { appVersion, clock, notes, bench, operator } = this.#about;
    const { labels } = this.#options;
    return headEntries({
      id: this.id,
      name: this.name,
      started: String(this.startedNs),
      part: this.#part.number,
      appVersion,
      notes,
      operator: labels?.operator ?? operator,
      bench,
      tags: [...(labels?.tags ?? [])],
      clockSource: clock.source,
      clockOffsetS: clock.offsetS,
      clockUncertaintyS: clock.uncertaintyS,
      thinned: labels?.thinned ?? '',
      members: [...(labels?.members ?? [])],
      repeats: null,
    });
  }

  /** Rates got change all the time: alone they are no news until the part ends. */
  #announceAbout(isLast: boolean): void {
    const { instruments, channels } = this.#about;
    const text = JSON.stringify([instruments, channels.map((channel) => ({ ...channel, rateGotHz: null }))]);
    if (text === this.#aboutText && !isLast) return;
    this.#aboutText = text;
    this.#append((format) => format.nextMetadata(METADATA.instruments, byId(instruments)));
    this.#append((format) => format.nextMetadata(METADATA.channels, byId(channels)));
  }

  #announce(stream: RecordedStream): void {
    const channel = this.#nextChannel++;
    stream.channel = channel;
    this.#append((format) => format.nextChannel(channel, stream.info));
  }

  #mark(kind: LabEvent['kind'], text: string, data: Record<string, unknown>): void {
    this.#writeEvent({ id: randomUUID(), t: String(this.#options.clock.nowNs()), kind, text, data });
  }

  #writeEvent(event: LabEvent): void {
    const nowNs = this.#options.clock.nowNs();
    this.#chunk.addEvent(EVENT_CHANNEL_ID, this.#eventCount++, BigInt(event.t), nowNs, JSON.stringify(event));
  }

  /** Writes what waits and finishes the file; if the disk is broken, or breaks meanwhile, saves what was written. */
  async #end(): Promise<void> {
    this.#timer[Symbol.dispose]();
    if (!this.#broken) {
      this.#flushChunk();
      if (this.#about.channels.some((channel) => channel.rateGotHz != null)) this.#announceAbout(true);
      const part = this.#part;
      this.#queue.push(0, () => this.#finishPart(part));
    }
    await this.#queue.idle();
    if (this.#broken) await this.#save(this.#writing, this.#broken);
    this.#endedNs ??= this.#options.clock.nowNs();
    if (this.#state === 'stopping') this.#state = 'stopped';
  }

  async #finishPart(part: Part): Promise<void> {
    if (!part.file) return;
    await part.file.append(part.format.finish(this.#options.clock.nowNs()));
    this.#finished.push(await part.file.finish());
    part.isFinished = true;
    this.#finishedBytes += part.format.committed;
  }

  /** Ends the recording by itself. */
  #fail(error: LabError): void {
    const before = this.#state;
    if (before === 'failed' || before === 'stopped') return;
    // Almost full while it is being finished anyway: no news.
    if (before === 'stopping' && !this.#broken) return;
    this.#state = 'failed';
    this.#error = error;
    this.#endedNs = this.#options.clock.nowNs();
    if (!this.#broken) this.#mark('stop', error.message, { reason: error.code });
    const ending = this.#ending ?? this.#end();
    this.#ending = ending.then(() => this.#tellFailed(this.#error ?? error));
  }

  /** After a failed write: cuts off the half-written piece and finishes the file, if the disk lets it; else the next start does. */
  async #save(part: Part, error: LabError): Promise<void> {
    const { file, format } = part;
    if (!file || part.isFinished) return;
    try {
      if (error.code === 'recording.folder-gone') throw error;
      await file.truncate(format.committed);
      format.rewind();
      this.#chunk = new Chunk();
      this.#mark('stop', error.message, { reason: error.code });
      await file.append(format.nextChunk((offset) => this.#chunk.close(offset)));
      await this.#finishPart(part);
    } catch {
      await file.abandon();
      // Nothing of it was written: an empty file would only raise hopes.
      if (format.chunks === 0) await this.#disk.remove(file.path).catch(() => undefined);
    }
  }
}

function overrun(queueBytes: number): LabError {
  return new LabError(
    'recording.overrun',
    `The disk cannot keep up: ${Math.round(queueBytes / 2 ** 20)} MiB were waiting. The recording ended; everything up to here is intact. Record fewer channels, a lower rate, or to a faster disk.`,
    { queueBytes },
  );
}

function almostFull(folder: string, reserveBytes: number): LabError {
  return new LabError(
    'recording.disk-full',
    `Less than ${Math.round(reserveBytes / 2 ** 20)} MiB are free on the disk of ${folder}. The recording ended and is complete up to here. Free space or choose another folder, then record again.`,
    { folder, reserveBytes },
  );
}

function byId(list: { id: string }[]): Map<string, string> {
  return new Map(list.map((entry) => [entry.id, JSON.stringify(entry)]));
}
