import { randomUUID } from 'node:crypto';
import type { LabEvent } from '../../contract/recording-schema.ts';
import { BATCH_FLAG, type Batch, rowTimeNs } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { Chunk } from '../recording/chunk.ts';
import { cellRows } from '../recording/digest.ts';
import type { Disk } from '../recording/disk.ts';
import { diskError } from '../recording/disk.ts';
import { EVENT_CHANNEL_ID } from '../recording/file-layout.ts';
import { fileStem } from '../recording/file-name.ts';
import { unsaidGapEvent } from '../recording/gap-event.ts';
import { EXCHANGE_SCHEMA_RECORD, exchangeChannel, streamChannel } from '../recording/part-channels.ts';
import { readExchanges } from '../recording/recorded-exchanges.ts';
import type { Recording } from '../recording/recording.ts';
import type { RecordingAbout, RecordingLabels } from '../recording/recording-about.ts';
import { cutBatch, rowsUntil } from '../replay/cut-batch.ts';
import type { FlightRing } from './flight-ring.ts';
import { openFlight } from './open-flight.ts';
import { streamName } from './open-streams.ts';
import { byId, PartWriter } from './part-writer.ts';
import { spanText } from './span-text.ts';

const CHUNK_BYTES = 1 << 20;
const END_OF_TIME = 2n ** 63n - 1n;
/** Less than that short of what was asked is what lies between two rows, and no news. */
const MOST_SHORT_S = 1;
const MOST_SHORT_SHARE = 0.1;

export interface PastRequest {
  ring: FlightRing;
  disk: Disk;
  clock: Clock;
  folder: string;
  name: string;
  /** Of the recording whose first part it becomes; ns since 1970. */
  id: string;
  startedNs: bigint;
  /** Of the past, before `startedNs`. */
  seconds: number;
  about: RecordingAbout;
  labels: Partial<RecordingLabels>;
  /** By `streamName`, the row with which each stream that was open begins in the next part: that row and all after it are left out. */
  liveStarts: ReadonlyMap<string, number>;
  /** What of all that came is not in the ring, in a sentence (`FlightRecorder.settle`). Default: nothing. */
  unsettled?: string | undefined;
  /** Streams that are not recorded: false. Default: all. */
  records?: ((info: StreamInfo) => boolean) | undefined;
}

/** `fromNs`: of the first row; undefined if there is none, and no file. `shortfall`: what was asked for and is missing, in sentences; '' if nothing is. */
export interface Past {
  path: string | undefined;
  rows: number;
  fromNs: bigint | undefined;
  shortfall: string;
}

/**
 * Writes the rows, events and exchanges of the seconds before a recording as its first part, up to the very rows with which the next part begins: none is
 * twice, none is missing. Everything that came before must be in finished files (`FlightRecorder.settle`); where it is not, a gap of the stream says so.
 * @throws LabError recording.disk-full, recording.denied, recording.folder-gone, recording.failed, recording.malformed: no file is left.
 */
export async function writePast(request: PastRequest): Promise<Past> {
  using _ = request.ring.hold();
  const { ring, disk, startedNs, seconds } = request;
  const fromNs = startedNs - BigInt(Math.round(seconds * 1e9));
  // To the end: what a row is from is not always said by its time.
  const parts = ring.within(fromNs, END_OF_TIME);
  await using recording = await openFlight(disk, parts, ring.parts);
  const heldFromNs = parts[0]?.fromNs;
  const past = new PastPart(request, recording, { fromNs, heldFromNs });
  try {
    return await past.write();
  } catch (error) {
    await past.discard();
    throw error instanceof LabError ? error : diskError(error, request.folder);
  }
}

class PastPart {
  readonly #request: PastRequest;
  readonly #recording: Recording;
  readonly #fromNs: bigint;
  readonly #heldFromNs: bigint | undefined;
  readonly #channels = new Map<number, number>();
  /** Segments are taken whole: those whose first batch was seen. */
  readonly #begun = new Set<number>();
  #writer: PartWriter | undefined;
  #chunk = new Chunk();
  #nextChannel = EVENT_CHANNEL_ID + 1;
  #rows = 0;
  #firstNs: bigint | undefined;
  /** The row after the last one written of each stream, and its time. */
  readonly #ends = new Map<StreamInfo, { row: number; timeNs: bigint }>();

  /** `heldFromNs`: from where on the ring holds anything of that time. */
  constructor(request: PastRequest, recording: Recording, span: { fromNs: bigint; heldFromNs: bigint | undefined }) {
    this.#request = request;
    this.#recording = recording;
    this.#fromNs = span.fromNs;
    this.#heldFromNs = span.heldFromNs;
  }

  async write(): Promise<Past> {
    const { clock, startedNs } = this.#request;
    const wanted = this.#recording.streams.filter(({ info }) => this.#isWanted(info));
    const infos = new Map(wanted.map(({ info }) => [info.id, info]));
    for await (const batch of this.#recording.batches({ streams: [...infos.keys()], fromNs: this.#fromNs })) {
      const info = infos.get(batch.stream);
      const cut = info && this.#cut(info, batch);
      if (cut) await this.#take(info, cut);
    }
    if (!this.#writer) return { path: undefined, rows: 0, fromNs: undefined, shortfall: this.#shortfall(0) };
    await this.#flush();
    await this.#takeEvents();
    const unwritten = this.#tellUnwritten();
    const query = { fromNs: this.#fromNs, toNs: startedNs };
    let sequence = 0;
    for await (const exchange of readExchanges(this.#recording, query)) {
      const channel = await this.#exchangeChannel();
      const data = new TextEncoder().encode(JSON.stringify(exchange));
      this.#chunk.addMessage(channel, sequence++, BigInt(exchange.at), clock.nowNs(), data, true);
      if (this.#chunk.bytes >= CHUNK_BYTES) await this.#flush();
    }
    await this.#flush();
    const path = await this.#writer.finish(clock.nowNs());
    this.#writer = undefined;
    return { path, rows: this.#rows, fromNs: this.#firstNs, shortfall: this.#shortfall(unwritten) };
  }

  /** Removes what was written. Never rejects. */
  async discard(): Promise<void> {
    await this.#writer?.discard();
  }

  /** A stream that was opened since is the next part's alone. */
  #isWanted(info: StreamInfo): boolean {
    const { liveStarts, startedNs, records } = this.#request;
    if (records?.(info) === false) return false;
    return liveStarts.has(streamName(info)) || BigInt(info.epoch) * 1000n <= startedNs;
  }

  /** The rows in time and before the next part; undefined if there are none. */
  #cut(info: StreamInfo, batch: Batch): Batch | undefined {
    const { liveStarts } = this.#request;
    const end = Math.min(batch.rows, (liveStarts.get(streamName(info)) ?? Number.POSITIVE_INFINITY) - batch.seq);
    let start = rowsUntil(batch, 0, this.#fromNs - 1n);
    if (info.kind === 'segment') {
      if (!this.#begun.has(info.id) && (start > 0 || !isFirstOfSegment(batch))) return undefined;
      this.#begun.add(info.id);
      start = 0;
    }
    if (start >= end) return undefined;
    return start === 0 && end === batch.rows ? batch : cutBatch(batch, start, end);
  }

  async #take(info: StreamInfo, batch: Batch): Promise<void> {
    const firstNs = rowTimeNs(batch, 0);
    if (this.#firstNs === undefined || firstNs < this.#firstNs) this.#firstNs = firstNs;
    const writer = await this.#open();
    let channel = this.#channels.get(info.id);
    if (channel === undefined) {
      channel = this.#nextChannel++;
      this.#channels.set(info.id, channel);
      await writer.addChannel(streamChannel(channel, info));
    }
    const blockRows = info.kind === 'segment' ? 0 : cellRows(info.rateHz);
    this.#chunk.addBatch(channel, batch, new Uint8Array(batch.buffer), blockRows);
    this.#ends.set(info, { row: batch.seq + batch.rows, timeNs: rowTimeNs(batch, batch.rows - 1) });
    this.#rows += batch.rows;
    if (this.#chunk.bytes >= CHUNK_BYTES) await this.#flush();
  }

  async #open(): Promise<PartWriter> {
    if (this.#writer) return this.#writer;
    const { disk, folder, name, id, startedNs, about, labels } = this.#request;
    this.#writer = await PartWriter.create(disk, folder, fileStem(name), {
      head: {
        id,
        name,
        started: String(startedNs),
        part: 1,
        appVersion: about.appVersion,
        notes: about.notes,
        operator: labels.operator ?? about.operator,
        bench: about.bench,
        tags: [...(labels.tags ?? [])],
        clockSource: about.clock.source,
        clockOffsetS: about.clock.offsetS,
        clockUncertaintyS: about.clock.uncertaintyS,
        thinned: labels.thinned ?? '',
        members: [],
        repeats: [],
      },
      instruments: byId(about.instruments),
      channels: byId(about.channels),
    });
    this.#addEvent({
      id: randomUUID(),
      t: String(this.#fromNs),
      kind: 'start',
      text: `From here on: the ${spanText(this.#request.seconds)} before the start, from the flight recorder`,
      data: { startedNs: String(startedNs) },
    });
    return this.#writer;
  }

  async #takeEvents(): Promise<void> {
    const { startedNs } = this.#request;
    for (const event of this.#recording.info.events) {
      const tNs = BigInt(event.t);
      if (tNs < this.#fromNs || tNs >= startedNs || event.kind === 'start' || event.kind === 'stop') continue;
      this.#addEvent(event);
    }
  }

  #addEvent(event: LabEvent): void {
    this.#chunk.addEvent(EVENT_CHANNEL_ID, 0, BigInt(event.t), this.#request.clock.nowNs(), JSON.stringify(event));
  }

  /** A gap for each stream of which rows came after the last one here and before the first of the next part. Gives how many rows those are. */
  #tellUnwritten(): number {
    const { liveStarts, startedNs, unsettled } = this.#request;
    let unwritten = 0;
    for (const [info, { row, timeNs: fromNs }] of this.#ends) {
      const seq = liveStarts.get(streamName(info)) ?? row;
      if (seq <= row) continue;
      const toNs = startedNs > fromNs ? startedNs : fromNs;
      const reason = unsettled || 'The flight recorder had not written it';
      this.#addEvent(unsaidGapEvent(info, { stream: info.id, seq, fromNs, toNs, lost: seq - row, reason }));
      unwritten += seq - row;
    }
    return unwritten;
  }

  #shortfall(unwritten: number): string {
    const { startedNs, seconds, unsettled = '' } = this.#request;
    const asked = spanText(seconds);
    const said: string[] = [];
    const heldS = this.#heldFromNs === undefined ? 0 : Number(startedNs - this.#heldFromNs) / 1e9;
    if (this.#rows === 0) said.push(`The flight recorder held nothing of the ${asked} before the start.`);
    else if (seconds - heldS > Math.min(MOST_SHORT_S, seconds * MOST_SHORT_SHARE))
      said.push(`The ${asked} before the start were asked for; the flight recorder held ${spanText(heldS)}.`);
    if (unsettled !== '') said.push(unsettled);
    else if (unwritten > 0) said.push('The rows shortly before the start had not been written and are missing.');
    return said.join(' ');
  }

  async #exchangeChannel(): Promise<number> {
    const known = this.#channels.get(-1);
    if (known !== undefined) return known;
    const channel = this.#nextChannel++;
    this.#channels.set(-1, channel);
    await this.#writer?.addChannel(exchangeChannel(channel), EXCHANGE_SCHEMA_RECORD);
    return channel;
  }

  async #flush(): Promise<void> {
    const chunk = this.#chunk;
    if (chunk.messages === 0 || !this.#writer) return;
    this.#chunk = new Chunk();
    await this.#writer.addChunk((offset) => chunk.close(offset));
  }
}

function isFirstOfSegment({ flags }: Batch): boolean {
  return (flags & BATCH_FLAG.firstOfSegment) !== 0;
}
