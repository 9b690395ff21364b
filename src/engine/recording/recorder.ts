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
import { METADATA } from './file-layout.ts';
import { fileStem, partStem } from './file-name.ts';
import type { PartFile } from './part-file.ts';
import { createPartFile } from './part-file.ts';
import { ensurePyramid } from './pyramid-store.ts';
import { almostFull, notRecording, overrun } from './recorder-errors.ts';
import type { Recorder, RecorderLimits, RecorderOptions, RecorderStats, RecordingResult } from './recorder-options.ts';
import { RECORDER_LIMITS } from './recorder-options.ts';
import { RecorderPart } from './recorder-part.ts';
import { headEntries, type RecordingAbout, type RepeatedPart } from './recording-about.ts';
import { SerialQueue } from './serial-queue.ts';
import { StreamBook } from './stream-book.ts';
import { type RefusedRows, type Unwritten, type UnwrittenItem, unwrittenIn, WaitingRoom } from './unwritten.ts';

/** MCAP channel ids are u16; a stream re-opened gets a new one. */
const MAX_CHANNELS = 60_000;

/**
 * Starts a recording: makes the folder, the first file and its lock.
 * @throws LabError recording.denied, recording.disk-full, recording.folder-gone, recording.failed: nothing is recorded.
 */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const disk = options.disk ?? systemDisk;
  const limits = { ...RECORDER_LIMITS, ...options.limits };
  const stem = fileStem(options.name);
  const codec = await openCodec(options.compression ?? 'none');
  await disk.makeFolder(options.folder).catch((error: unknown) => {
    throw diskError(error, options.folder);
  });
  const name = partStem(stem, options.continues?.part ?? 1);
  const file = await createPartFile(disk, options.folder, name, limits.syncBytes);
  return new FileRecorder(options, disk, limits, stem, codec, file);
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
  readonly #codec: ChunkCodec | undefined;
  readonly #openedNs: bigint;
  readonly #queue: SerialQueue;
  readonly #streams = new StreamBook();
  readonly #finished: string[] = [];
  /** Being written beside what is finished. */
  readonly #sidecars: Promise<boolean>[] = [];
  readonly #firstPart: number;
  #about: RecordingAbout;
  #aboutText = '';
  #state: Recorder['state'] = 'recording';
  /** The part batches go to. */
  #part: RecorderPart;
  /** Parts not finished, in order: the queue writes the first; after a rotation there are two until it has caught up. */
  #open: RecorderPart[];
  /** What the first part repeats. */
  #repeats: RepeatedPart[] = [];
  /** A part that was finished after a failure, without what the disk had not taken. */
  #saved: RecorderPart | undefined;
  #timer: Disposable | undefined;
  #eventCount = 0;
  #exchangeCount = 0;
  #finishedBytes = 0;
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
    stem: string,
    codec: ChunkCodec | undefined,
    file: PartFile,
  ) {
    this.#options = options;
    this.#disk = disk;
    this.#limits = limits;
    this.#stem = stem;
    this.#codec = codec;
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
    this.#firstPart = options.continues?.part ?? 1;
    this.#part = this.#createPart(this.#firstPart);
    this.#part.file = file;
    this.#open = [this.#part];
    this.#announcePart();
    const text = options.continues ? `${this.#title} continued after an interruption` : `${this.#title} started`;
    this.#mark('start', options.startText ?? text, { part: this.#part.number });
    this.#timer = options.clock.after(limits.flushMs, () => this.#tick());
  }

  get state(): Recorder['state'] {
    return this.#state;
  }

  get error(): LabError | undefined {
    return this.#error;
  }

  get paths(): string[] {
    const path = this.#open[0]?.file?.path;
    return path === undefined ? [...this.#finished] : [...this.#finished, path];
  }

  get stats(): RecorderStats {
    const nowNs = this.#endedNs ?? this.#options.clock.nowNs();
    const bytes = this.#finishedBytes + (this.#open[0]?.file?.end ?? 0);
    const openS = Number(nowNs - this.#openedNs) / 1e9;
    const left = this.#freeBytes === undefined ? undefined : Math.max(0, this.#freeBytes - this.#limits.reserveBytes);
    const { rows, samples, lost } = this.#streams;
    return {
      bytes,
      durationS: Number(nowNs - this.startedNs) / 1e9,
      rows,
      samples,
      lost,
      part: this.#part.number,
      queueBytes: this.#queue.bytes + this.#part.chunkBytes,
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
      if (this.#heldBytes + bytes <= this.#limits.queueBytes + this.#adoptedBytes) {
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
      this.#closeFullChunk();
    } else this.#room?.addEvent(event, this.#roomBytes);
  }

  exchange(exchange: ExchangeRecord): void {
    if (this.#state === 'recording') {
      this.#part.addExchange(exchange, this.#exchangeCount++, this.#options.clock.nowNs());
      this.#closeFullChunk();
    } else this.#room?.addExchange(exchange, this.#roomBytes);
  }

  describe(about: RecordingAbout): void {
    this.#about = about;
    if (this.#state === 'recording') this.#announceAbout(false);
  }

  rotateNow(): Promise<string> {
    if (this.#state !== 'recording') return Promise.reject(this.#error ?? notRecording(this.name));
    const part = this.#part;
    this.#rotate();
    return part.path;
  }

  takeUnwritten(): Unwritten {
    const room = this.#room;
    if (!room) return { parts: [], streams: [], items: [] };
    this.#room = undefined;
    this.#queue.stop();
    this.#broken ??= this.#error;
    const items = this.#held.flatMap((part) =>
      part.giveUp().flatMap((chunk) => [...unwrittenIn(chunk, (channel) => part.contentOf(channel))]),
    );
    this.#streams.giveBack(items);
    // The first part may be lost with what it says of those before it.
    const before = this.#open.some(({ number }) => number === this.#firstPart) ? this.#repeats : [];
    // Without a chunk there may soon be no file.
    const own = this.#open.map(({ number, format }) => ({
      part: number,
      fromByte: format.chunks > 0 ? format.committed : 0,
    }));
    return {
      parts: [...before, ...own],
      streams: this.#streams.handOver(),
      items: [...items, ...room.items],
    };
  }

  adopt({ parts, streams, items }: Unwritten): void {
    if (parts.length > 0) this.#repeats = parts;
    const open = new Set(this.#streams.infos.map(({ id }) => id));
    for (const { info, isOpen } of streams) if (isOpen) open.add(info.id);
    if (this.#state === 'recording') {
      if (parts.length > 0) this.#announceHead();
      for (const { info, hasRows } of streams) if (this.#streams.open(info, hasRows)) this.#announce(info);
      for (const item of items) this.#writeAdopted(item);
      this.#adoptedBytes = Math.min(this.#heldBytes, this.#limits.queueBytes);
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

  /** The parts with chunks that are not on the platter, in order. */
  get #held(): RecorderPart[] {
    return this.#saved ? [this.#saved, ...this.#open] : this.#open;
  }

  get #heldBytes(): number {
    return this.#held.reduce((sum, part) => sum + part.heldBytes, 0);
  }

  get #roomBytes(): number {
    return this.#limits.queueBytes - this.#heldBytes;
  }

  #write(batch: Batch): void {
    const owned = this.#streams.take(batch);
    if (!owned) return;
    this.#part.addBatch(owned);
    this.#closeFullChunk();
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
    const { flushMs, reserveBytes, partSeconds } = this.#limits;
    this.#timer = clock.after(flushMs, () => this.#tick());
    this.#closeChunk();
    if (this.#heldBytes <= this.#limits.queueBytes) this.#adoptedBytes = 0;
    const part = this.#part;
    if (part.hasMessages && clock.monotonicMs() - part.openedMs >= partSeconds * 1000) this.#rotate();
    if (this.#askedMs !== undefined) return;
    this.#askedMs = clock.monotonicMs();
    this.#queue.push(0, async () => {
      const file = this.#open[0]?.file;
      await file?.sync();
      await file?.inspect();
      this.#freeBytes = await this.#disk.freeBytes(folder).catch(() => undefined);
      if (this.#freeBytes !== undefined && this.#freeBytes < reserveBytes) this.#fail(almostFull(folder, reserveBytes));
      this.#askedMs = undefined;
    });
  }

  #closeFullChunk(): void {
    if (this.#part.chunkBytes >= this.#limits.chunkBytes) this.#closeChunk();
  }

  #closeChunk(): void {
    const part = this.#part;
    part.flush();
    const { partBytes, indexBytes } = this.#limits;
    if (part.sizeBytes >= partBytes || part.format.indexBytes >= indexBytes) this.#rotate();
  }

  #createPart(number: number): RecorderPart {
    return new RecorderPart({
      number,
      queue: this.#queue,
      codec: this.#codec,
      plainHz: this.#options.plainMessages ? this.#limits.plainHz : undefined,
      openedMs: this.#options.clock.monotonicMs(),
    });
  }

  /** Ends this part, begins the next and announces every stream again, so that each part can be read alone. */
  #rotate(): void {
    const old = this.#part;
    old.flush();
    this.#announceRates();
    const next = this.#createPart(old.number + 1);
    this.#queue.push(0, async () => {
      await this.#finish(old.finish(this.#options.clock.nowNs()), old);
      const stem = partStem(this.#stem, next.number);
      next.file = await createPartFile(this.#disk, this.#options.folder, stem, this.#limits.syncBytes);
    });
    this.#part = next;
    this.#open.push(next);
    this.#announcePart();
    for (const info of this.#streams.infos) next.announceStream(info);
  }

  #announcePart(): void {
    this.#part.announceHead(`labwire ${this.#about.appVersion}`);
    this.#announceHead();
    this.#aboutText = '';
    this.#announceAbout(false);
  }

  #announceHead(): void {
    const { appVersion, clock, notes, bench, operator } = this.#about;
    const { labels } = this.#options;
    const head = {
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
      repeats: this.#part.number === this.#firstPart ? this.#repeats : [],
    };
    this.#part.announceMetadata(METADATA.recording, headEntries(head));
  }

  /** Rates got change all the time: alone they are no news until the part ends. */
  #announceAbout(isLast: boolean): void {
    const { instruments, channels } = this.#about;
    const text = JSON.stringify([instruments, channels.map((channel) => ({ ...channel, rateGotHz: null }))]);
    if (text === this.#aboutText && !isLast) return;
    this.#aboutText = text;
    this.#part.announceMetadata(METADATA.instruments, byId(instruments));
    this.#part.announceMetadata(METADATA.channels, byId(channels));
  }

  #announceRates(): void {
    if (this.#about.channels.some((channel) => channel.rateGotHz != null)) this.#announceAbout(true);
  }

  #announce(info: StreamInfo): void {
    if (this.#part.channels > MAX_CHANNELS) this.#rotate();
    else this.#part.announceStream(info);
  }

  #mark(kind: LabEvent['kind'], text: string, data: Record<string, unknown>): void {
    this.#writeEvent(this.#createMark(kind, text, data));
  }

  #createMark(kind: LabEvent['kind'], text: string, data: Record<string, unknown>): LabEvent {
    return { id: randomUUID(), t: String(this.#options.clock.nowNs()), kind, text, data };
  }

  #writeEvent(event: LabEvent): void {
    this.#part.addEvent(event, this.#eventCount++, this.#options.clock.nowNs());
  }

  /** Writes what waits and finishes the file; if the disk is broken, or breaks meanwhile, saves what was written. */
  async #end(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    if (!this.#broken) {
      const part = this.#part;
      part.flush();
      this.#announceRates();
      this.#queue.push(0, () => this.#finish(part.finish(this.#options.clock.nowNs()), part));
    }
    await this.#queue.idle();
    if (this.#broken) await this.#save(this.#broken);
    await Promise.all(this.#sidecars);
    this.#endedNs ??= this.#options.clock.nowNs();
    if (this.#state === 'stopping') this.#state = 'stopped';
  }

  async #finish(finishing: Promise<string>, part: RecorderPart): Promise<void> {
    const path = await finishing;
    this.#finished.push(path);
    this.#open = this.#open.filter((open) => open !== part);
    this.#finishedBytes += part.file?.end ?? 0;
    this.#sidecars.push(ensurePyramid(this.#disk, path, part.rows));
    this.#options.onPart?.(path, part.number);
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

  /** After a failed write: cuts off the half-written piece and finishes the file, if the disk lets it; else the next start does. */
  async #save(error: LabError): Promise<void> {
    const [part] = this.#open;
    for (const open of this.#open.slice(1)) open.fail(error);
    if (!part?.file) {
      part?.fail(error);
      return;
    }
    try {
      if (error.code === 'recording.folder-gone') throw error;
      const mark = this.#createMark('stop', error.message, { reason: error.code });
      await this.#finish(part.save(mark, this.#eventCount++, this.#options.clock.nowNs()), part);
      this.#saved = part;
    } catch {
      part.fail(error);
      await part.file.abandon();
      // Nothing of it was written: an empty file would only raise hopes.
      if (part.format.chunks === 0) await this.#disk.remove(part.file.path).catch(() => undefined);
    }
  }
}

function gapEvent({ key, epoch, instrument }: StreamInfo, gap: StreamGap): LabEvent {
  const t = String(gap.fromNs);
  const data = { stream: key, epoch, seq: gap.seq, lost: gap.lost, fromNs: t, toNs: String(gap.toNs) };
  return { id: randomUUID(), t, kind: 'gap', text: gap.reason, severity: 'warning', instrument, data };
}

function byId(list: { id: string }[]): Map<string, string> {
  return new Map(list.map((entry) => [entry.id, JSON.stringify(entry)]));
}
