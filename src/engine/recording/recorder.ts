import { randomUUID } from 'node:crypto';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import { batchBytes } from '../../core/batch.ts';
import type { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { StreamGap } from '../sample-sink.ts';
import { type ChunkCodec, openCodec } from './chunk-codec.ts';
import type { Disk } from './disk.ts';
import { diskError, systemDisk } from './disk.ts';
import { fileStem, partStem } from './file-name.ts';
import { gapEvent } from './gap-event.ts';
import { PartAnnouncer } from './part-announcer.ts';
import type { PartFile } from './part-file.ts';
import { createPartFile } from './part-file.ts';
import { almostFull, notRecording, overrun, stillEnding } from './recorder-errors.ts';
import type { Recorder, RecorderLimits, RecorderOptions, RecorderStats, RecordingResult } from './recorder-options.ts';
import { RECORDER_LIMITS } from './recorder-options.ts';
import type { RecorderPart } from './recorder-part.ts';
import { RecorderParts } from './recorder-parts.ts';
import type { RecordingAbout, RepeatedPart } from './recording-about.ts';
import { SerialQueue } from './serial-queue.ts';
import { StreamBook } from './stream-book.ts';
import { type RefusedRows, type Unwritten, type UnwrittenItem, WaitingRoom } from './unwritten.ts';

/** MCAP channel ids are u16; a stream re-opened gets a new one. */
const MAX_CHANNELS = 60_000;

/**
 * Starts a recording: makes the folder (unless `makesFolder` is false), the first file and its lock.
 * @throws LabError recording.denied, recording.disk-full, recording.folder-gone, recording.failed: nothing is recorded.
 */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const disk = options.disk ?? systemDisk;
  const limits = { ...RECORDER_LIMITS, ...options.limits };
  const stem = fileStem(options.name);
  const codec = await openCodec(options.compression ?? 'none');
  if (options.makesFolder ?? true) {
    await disk.makeFolder(options.folder).catch((error: unknown) => {
      throw diskError(error, options.folder);
    });
  }
  const name = partStem(stem, options.continues?.part ?? 1);
  const file = await createPartFile(disk, options.folder, name, limits.syncBytes);
  return new FileRecorder(options, disk, limits, { stem, codec, file });
}

class FileRecorder implements Recorder {
  readonly id: string;
  readonly name: string;
  readonly startedNs: bigint;
  readonly failed: Promise<LabError>;
  readonly #options: RecorderOptions;
  readonly #disk: Disk;
  readonly #limits: RecorderLimits;
  readonly #openedMs: number;
  readonly #queue: SerialQueue;
  readonly #streams = new StreamBook();
  readonly #parts: RecorderParts;
  readonly #announcer: PartAnnouncer;
  #state: Recorder['state'] = 'recording';
  /** What the first part repeats. */
  #repeats: RepeatedPart[] = [];
  #timer: Disposable | undefined;
  #eventCount = 0;
  #exchangeCount = 0;
  #endedNs: bigint | undefined;
  #freeBytes: number | undefined;
  /** When the disk was asked and has not answered yet; ms of the monotonic clock. */
  #askedMs: number | undefined;
  #error: LabError | undefined;
  /** Why the disk takes nothing more; the queue has stopped. */
  #broken: LabError | undefined;
  /** Taken over and perhaps not written yet: it must not count as if this disk were slow. */
  #adoptedBytes = 0;
  /** From a failure on, until it is taken. */
  #room: WaitingRoom | undefined;
  #tellFailed: (error: LabError) => void = () => undefined;
  #ending: Promise<void> | undefined;

  constructor(
    options: RecorderOptions,
    disk: Disk,
    limits: RecorderLimits,
    place: { stem: string; codec: ChunkCodec | undefined; file: PartFile },
  ) {
    const { clock, compression = 'none' } = options;
    this.#options = options;
    this.#disk = disk;
    this.#limits = limits;
    this.#openedMs = clock.monotonicMs();
    this.id = options.continues?.id ?? `rec-${randomUUID()}`;
    this.name = options.name;
    this.startedNs = options.continues?.startedNs ?? clock.nowNs();
    this.failed = new Promise((resolve) => {
      this.#tellFailed = resolve;
    });
    this.#queue = new SerialQueue((error) => {
      this.#broken = error;
      // After an overrun the disk may break too: then not everything offered is in the file.
      if (this.#state === 'failed') this.#error = error;
      else this.#fail(error);
    });
    this.#announcer = new PartAnnouncer(this, options);
    this.#parts = new RecorderParts({
      options,
      disk,
      limits,
      queue: this.#queue,
      ...place,
      onEnd: (part) => this.#announcer.end(part),
      onBegin: (part) => this.#begin(part),
    });
    const part = this.#parts.current;
    this.#begin(part);
    const text = options.continues ? `${this.#title} continued after an interruption` : `${this.#title} started`;
    this.#mark('start', options.startText ?? text, { part: part.number });
    if (compression !== 'none' && !place.codec) {
      this.#mark('status', `Chunks are stored as they are: ${compression} does not load here.`, { compression });
    }
    this.#timer = clock.after(limits.flushMs, () => this.#tick());
  }

  get state(): Recorder['state'] {
    return this.#state;
  }

  get error(): LabError | undefined {
    return this.#error;
  }

  get paths(): string[] {
    return this.#parts.paths;
  }

  get stats(): RecorderStats {
    const nowNs = this.#endedNs ?? this.#options.clock.nowNs();
    const { bytes, current } = this.#parts;
    // The pace is that of the time awake.
    const openS = (this.#options.clock.monotonicMs() - this.#openedMs) / 1000;
    const left = this.#freeBytes === undefined ? undefined : Math.max(0, this.#freeBytes - this.#limits.reserveBytes);
    const { rows, samples, lost } = this.#streams;
    return {
      bytes,
      durationS: Number(nowNs - this.startedNs) / 1e9,
      rows,
      samples,
      lost,
      part: current.number,
      queueBytes: this.#queue.bytes + current.chunkBytes,
      heldBytes: this.#parts.heldBytes,
      stalledMs: this.#askedMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#askedMs,
      freeBytes: this.#freeBytes,
      secondsLeft: left === undefined || openS < 1 || bytes === 0 ? undefined : left / (bytes / openS),
    };
  }

  streamOpened(info: StreamInfo): void {
    const isHeard = this.#state === 'recording' || this.#room !== undefined;
    if (!isHeard || this.#options.records?.(info) === false) return;
    if (this.#streams.open(info) && this.#state === 'recording') this.#announce(info);
  }

  batch(batch: Batch): void {
    const info = this.#streams.infoOf(batch.stream);
    if (!info) return;
    if (this.#state === 'recording') {
      const bytes = batchBytes(batch.rows, batch.channels, batch.flags);
      if (this.#parts.heldBytes + bytes <= this.#limits.queueBytes + this.#adoptedBytes) {
        this.#write(batch);
        return;
      }
      this.#fail(overrun(this.#limits.queueBytes));
    }
    this.#room?.addBatch(info, batch, this.#roomBytes);
  }

  gap(gap: StreamGap): void {
    const info = this.#streams.infoOf(gap.stream);
    if (info) this.event(gapEvent(info, gap));
  }

  streamClosed(stream: number): void {
    this.#streams.close(stream);
  }

  event(event: LabEvent): void {
    // Start and stop of the recording are its own marks; whoever else notes them would make them double.
    if (event.kind === 'start' || event.kind === 'stop') return;
    if (this.#state === 'recording') {
      this.#writeEvent(event);
      this.#parts.closeFullChunk();
    } else this.#room?.addEvent(event, this.#roomBytes);
  }

  exchange(exchange: ExchangeRecord): void {
    if (this.#state === 'recording') {
      this.#parts.current.addExchange(exchange, this.#exchangeCount++, this.#options.clock.nowNs());
      this.#parts.closeFullChunk();
    } else this.#room?.addExchange(exchange, this.#roomBytes);
  }

  describe(about: RecordingAbout): void {
    if (this.#state === 'recording') this.#announcer.describe(this.#parts.current, about);
  }

  rotateNow(): Promise<string> {
    if (this.#state !== 'recording') return Promise.reject(this.#error ?? notRecording(this.name));
    return this.#parts.rotate().path;
  }

  takeUnwritten(): Unwritten {
    if (this.#state === 'stopping' && !this.#parts.isEnded) {
      this.#broken = stillEnding(this.name);
      this.#fail(this.#broken);
    }
    const room = this.#room;
    if (!room) return { parts: [], streams: [], items: [] };
    this.#room = undefined;
    this.#queue.stop();
    this.#broken ??= this.#error;
    const { parts, items } = this.#parts.giveUp(this.#repeats);
    this.#streams.giveBack(items);
    return { parts, streams: this.#streams.handOver(), items: [...items, ...room.items] };
  }

  adopt({ parts, streams, items }: Unwritten): void {
    if (parts.length > 0) this.#repeats = parts;
    const open = new Set(this.#streams.infos.map(({ id }) => id));
    for (const { info, isOpen } of streams) if (isOpen) open.add(info.id);
    if (this.#state === 'recording') {
      if (parts.length > 0) this.#announcer.head(this.#parts.current, parts);
      for (const { info, hasRows } of streams) if (this.#streams.open(info, hasRows)) this.#announce(info);
      for (const item of items) this.#writeAdopted(item);
      this.#adoptedBytes = Math.min(this.#parts.heldBytes, this.#limits.queueBytes);
    } else {
      // It failed before it could begin: the next one takes it all.
      for (const { info, hasRows } of streams) this.#streams.open(info, hasRows);
      this.#room?.adopt(items);
    }
    for (const { id } of this.#streams.infos) if (!open.has(id)) this.#streams.close(id);
  }

  async stop(reason: string): Promise<RecordingResult> {
    if (this.#state === 'recording') {
      this.#mark('stop', `${this.#title} stopped${reason === '' ? '' : `: ${reason}`}`, { reason });
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

  get #title(): string {
    return this.#options.title ?? 'Recording';
  }

  get #roomBytes(): number {
    return this.#limits.queueBytes - this.#parts.heldBytes;
  }

  #write(batch: Batch): void {
    const owned = this.#streams.take(batch);
    if (!owned) return;
    this.#parts.current.addBatch(owned);
    this.#parts.closeFullChunk();
  }

  #writeAdopted(item: UnwrittenItem): void {
    if (item.kind === 'event') this.event(item.event);
    else if (item.kind === 'exchange') this.exchange(item.exchange);
    else {
      // Of a stream that was closed meanwhile.
      if (this.#streams.open(item.info, true)) this.#announce(item.info);
      if (item.kind === 'batch') this.#write(item.batch);
      else if (item.kind === 'lost') this.#streams.refuse(item);
      else this.#refuse(item);
    }
  }

  /** Notes rows that the recorder before this one could not hold. */
  #refuse(rows: RefusedRows): void {
    const { info, seq, fromNs, toNs } = rows;
    this.#streams.refuse(rows);
    const reason = 'The disk took nothing for so long that these rows could not be held in memory';
    this.event(gapEvent(info, { stream: info.id, seq, fromNs, toNs, lost: rows.rows, reason }));
  }

  /** Closes the chunk and syncs, so that a crash costs at most one period, and looks whether disk and folder are still there. */
  #tick(): void {
    if (this.#state !== 'recording') return;
    const { clock, folder } = this.#options;
    const { flushMs, reserveBytes } = this.#limits;
    this.#timer = clock.after(flushMs, () => this.#tick());
    this.#parts.closeChunk();
    this.#adoptedBytes = Math.min(this.#adoptedBytes, this.#parts.heldBytes);
    if (this.#askedMs !== undefined) return;
    this.#askedMs = clock.monotonicMs();
    this.#queue.push(0, async () => {
      const { file } = this.#parts;
      await file?.sync();
      await file?.inspect();
      this.#freeBytes = await this.#disk.freeBytes(folder).catch(() => undefined);
      if (this.#freeBytes !== undefined && this.#freeBytes < reserveBytes) this.#fail(almostFull(folder, reserveBytes));
      this.#askedMs = undefined;
    });
  }

  /** Each part says all anew, so that it can be read alone. */
  #begin(part: RecorderPart): void {
    this.#announcer.begin(part, this.#parts.isFirst(part) ? this.#repeats : []);
    for (const info of this.#streams.infos) part.announceStream(info);
  }

  #announce(info: StreamInfo): void {
    const { current } = this.#parts;
    if (current.channels > MAX_CHANNELS) this.#parts.rotate();
    else current.announceStream(info);
  }

  #mark(kind: LabEvent['kind'], text: string, data: Record<string, unknown>): void {
    this.#writeEvent(this.#createMark(kind, text, data));
  }

  #createMark(kind: LabEvent['kind'], text: string, data: Record<string, unknown>): LabEvent {
    return { id: randomUUID(), t: String(this.#options.clock.nowNs()), kind, text, data };
  }

  #writeEvent(event: LabEvent): void {
    this.#parts.current.addEvent(event, this.#eventCount++, this.#options.clock.nowNs());
  }

  /** Writes what waits and finishes the file; if the disk is broken, or breaks meanwhile, saves what was written. */
  async #end(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    if (!this.#broken) this.#parts.end();
    await this.#queue.idle();
    const broken = this.#broken;
    if (broken) {
      const mark = this.#createMark('stop', broken.message, { reason: broken.code });
      await this.#parts.save(broken, mark, this.#eventCount++);
    }
    await this.#parts.settled();
    this.#endedNs ??= this.#options.clock.nowNs();
    if (this.#state === 'stopping') this.#state = 'stopped';
  }

  /** Ends the recording by itself. */
  #fail(error: LabError): void {
    const before = this.#state;
    if (before === 'failed' || before === 'stopped') return;
    // Almost full while it is being finished anyway: no news.
    if (before === 'stopping' && !this.#broken) return;
    this.#state = 'failed';
    this.#error = error;
    this.#room = new WaitingRoom();
    this.#room.adopt(this.#streams.takeRefused());
    this.#endedNs = this.#options.clock.nowNs();
    if (!this.#broken) this.#mark('stop', error.message, { reason: error.code });
    const ending = this.#ending ?? this.#end();
    this.#ending = ending.then(() => this.#tellFailed(this.#error ?? error));
  }
}
