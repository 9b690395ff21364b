import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Disk } from '../recording/disk.ts';
import { diskError } from '../recording/disk.ts';
import { FILE_EXTENSION, PART_SUFFIX } from '../recording/file-layout.ts';
import { fileStem, partStem } from '../recording/file-name.ts';
import { pyramidPath } from '../recording/pyramid-layout.ts';
import type { MemberPart, PartHead, RecordingAbout } from '../recording/recording-about.ts';
import { chunksFrom, copyChunks, eventChunk, metadataIn, openCutSource } from './cut-part.ts';
import type { FlightPart } from './flight-part.ts';
import type { FlightRing } from './flight-ring.ts';
import { type Placing, placeFile } from './member-file.ts';
import { repeatedFrom } from './open-flight.ts';
import { byId, PartWriter } from './part-writer.ts';
import { spanText } from './span-text.ts';

export interface SaveRequest {
  ring: FlightRing;
  disk: Disk;
  clock: Clock;
  /** Where the recording goes; made if it is not there. */
  folder: string;
  name: string;
  /** With the notes of the person. */
  about: RecordingAbout;
  tags: readonly string[];
  /** Wanted; ns since 1970. */
  fromNs: bigint;
  toNs: bigint;
  /** What of it is not in the ring yet, in a sentence (`FlightRecorder.settle`). */
  unsettled?: string | undefined;
  /** Left free where files must be copied. */
  reserveBytes: number;
  signal?: AbortSignal | undefined;
  onProgress?: ((share: number) => void) | undefined;
}

export interface Saved {
  id: string;
  /** Of its first part. */
  path: string;
  /** First row it surely has everything from. */
  fromNs: bigint;
  /** What differs from what was asked, in a sentence; '' if nothing does. */
  shortfall: string;
}

/** What goes into the recording: files that are cut, and files that are taken whole. */
interface Plan {
  cut: FlightPart[];
  whole: FlightPart[];
}

/**
 * Makes a recording of what the flight recorder holds of a time. Files that lie wholly in it get a second name in the folder, or are copied where that is
 * impossible; of the file in which it begins the chunks from there on are copied into the recording's own first part, which names the others as its
 * members. What is written is the flight recorder's already: nothing is decoded.
 * @throws LabError flight.unavailable: nothing of that time is there; recording.disk-full, recording.denied, recording.folder-gone,
 * recording.failed, call.cancelled: nothing is left of it.
 */
export async function saveLast(request: SaveRequest): Promise<Saved> {
  using _ = request.ring.hold();
  const { ring, disk, folder, fromNs, toNs } = request;
  const parts = await present(disk, ring.within(fromNs, toNs));
  const oldest = parts[0];
  if (!oldest) throw unavailable(fromNs, toNs);
  await disk.makeFolder(folder).catch((error: unknown) => {
    throw diskError(error, folder);
  });
  // Late rows may reach further back than the file before: what is cut comes before what is whole.
  const cuts = parts.findLastIndex((part) => part.fromNs < fromNs) + 1;
  const startNs = oldest.fromNs > fromNs ? oldest.fromNs : fromNs;
  const saving = new Saving(request, { cut: parts.slice(0, cuts), whole: parts.slice(cuts) }, startNs);
  try {
    return await saving.run();
  } catch (error) {
    await saving.undo();
    throw error;
  }
}

class Saving {
  readonly id = `rec-${randomUUID()}`;
  readonly #request: SaveRequest;
  readonly #plan: Plan;
  readonly #startNs: bigint;
  readonly #shortfall: string;
  readonly #made: string[] = [];
  #open: PartWriter[] = [];
  #damaged = 0;

  constructor(request: SaveRequest, plan: Plan, startNs: bigint) {
    this.#request = request;
    this.#plan = plan;
    this.#startNs = startNs;
    this.#shortfall = shortfall(request, startNs);
  }

  async run(): Promise<Saved> {
    const { disk, folder, name, clock } = this.#request;
    const { cut, whole } = this.#plan;
    const stem = await freeStem(disk, folder, fileStem(name));
    // Without a file to cut there is still a first part, to say what the others are.
    const own = Math.max(1, cut.length);
    for (let number = 1; number <= own; number++) await this.#writeOwn(stem, number, own);
    const how = await this.#placing();
    for (const [index, part] of whole.entries()) {
      this.#request.signal?.throwIfAborted();
      this.#made.push(await placeFile(disk, part.path, folder, partStem(stem, own + index + 1), how));
      if (how.canLink) this.#request.onProgress?.((index + 1) / whole.length);
    }
    await disk.syncFolder(folder);
    await this.#open.at(-1)?.addChunk(eventChunk(this.#mark('stop'), clock.nowNs()));
    // The first part last: before that, the others are nothing without it.
    for (const writer of [...this.#open].reverse()) {
      this.#made.push(await writer.finish(clock.nowNs()));
      this.#open = this.#open.filter((open) => open !== writer);
    }
    return { id: this.id, path: this.#made.at(-1) ?? '', fromNs: this.#startNs, shortfall: this.#notes };
  }

  /** Removes what was made. Never rejects. */
  async undo(): Promise<void> {
    for (const writer of this.#open) await writer.discard();
    for (const path of this.#made) {
      await this.#request.disk.remove(path).catch(() => undefined);
      await this.#request.disk.remove(pyramidPath(path)).catch(() => undefined);
    }
  }

  get #notes(): string {
    const stretches = this.#damaged === 1 ? 'A damaged stretch' : `${this.#damaged} damaged stretches`;
    const damage = this.#damaged > 0 ? `${stretches} of the flight recorder had to be left out.` : '';
    return [this.#shortfall, damage].filter((text) => text !== '').join(' ');
  }

  /** A part of its own: what is needed of a file that is cut; the last one names the members. */
  async #writeOwn(stem: string, number: number, own: number): Promise<void> {
    const { disk, folder, clock, about, ring } = this.#request;
    const part = this.#plan.cut[number - 1];
    await using source = part && (await openCutSource(disk, part.path));
    const members: MemberPart[] =
      number < own ? [] : this.#plan.whole.map(({ recording, part }) => ({ recording, part }));
    const writer = await PartWriter.create(disk, folder, partStem(stem, number), {
      head: this.#head(number, members),
      instruments: source ? metadataIn(source, 'instruments') : byId(about.instruments),
      channels: source ? metadataIn(source, 'channels') : byId(about.channels),
    });
    this.#open.push(writer);
    if (number === 1) await writer.addChunk(eventChunk(this.#mark('start'), clock.nowNs()));
    if (!source || !part) return;
    const before = repeatedFrom(ring.parts, part);
    this.#damaged += await copyChunks(source, chunksFrom(source, this.#request.fromNs, before), writer);
  }

  #head(part: number, members: MemberPart[]): PartHead {
    const { name, about, tags } = this.#request;
    const { appVersion, clock, notes, operator, bench } = about;
    return {
      id: this.id,
      name,
      started: String(this.#startNs),
      part,
      appVersion,
      notes: [notes, this.#shortfall].filter((text) => text !== '').join('\n'),
      operator,
      bench,
      tags: [...tags],
      clockSource: clock.source,
      clockOffsetS: clock.offsetS,
      clockUncertaintyS: clock.uncertaintyS,
      thinned: '',
      members,
      repeats: [],
    };
  }

  #mark(kind: 'start' | 'stop'): LabEvent {
    const { toNs } = this.#request;
    const id = randomUUID();
    if (kind === 'stop')
      return { id, t: String(toNs), kind, text: 'Saved from the flight recorder', data: { reason: '' } };
    const span = spanText(Number(toNs - this.#startNs) / 1e9);
    const text = `The last ${span}, saved from the flight recorder. ${this.#shortfall}`.trim();
    return { id, t: String(this.#startNs), kind, text, data: { savedNs: String(toNs) } };
  }

  /** Whether files can be shared is known when one is; copies need room. */
  async #placing(): Promise<Placing> {
    const { disk, folder, reserveBytes, signal, onProgress } = this.#request;
    const { whole } = this.#plan;
    const how: Placing = { canLink: true, signal };
    const first = whole[0];
    if (!first) return how;
    const probe = join(folder, `.${this.id}.link`);
    how.canLink = await disk.link(first.path, probe).then(
      () => true,
      () => false,
    );
    await disk.remove(probe).catch(() => undefined);
    if (how.canLink) return how;
    const total = whole.reduce((sum, { bytes }) => sum + bytes, 0);
    const free = await disk.freeBytes(folder).catch(() => undefined);
    if (free !== undefined && free < total + reserveBytes) throw tooLittle(folder, total, free, reserveBytes);
    let copied = 0;
    how.onBytes = (bytes) => {
      copied += bytes;
      onProgress?.(Math.min(1, copied / total));
    };
    return how;
  }
}

/** Files removed by hand are not there. */
async function present(disk: Disk, parts: readonly FlightPart[]): Promise<FlightPart[]> {
  const there: FlightPart[] = [];
  for (const part of parts) if (await disk.stat(part.path).catch(() => undefined)) there.push(part);
  return there;
}

/** `NAME`, or `NAME (2)`, …: one that no file in the folder has, and no part of one. */
async function freeStem(disk: Disk, folder: string, stem: string): Promise<string> {
  const names = await disk.list(folder).catch(() => []);
  for (let number = 1; ; number++) {
    const wanted = number === 1 ? stem : `${stem} (${number})`;
    const taken = names.some((name) => {
      const own = name.replace(PART_SUFFIX, '').replace(FILE_EXTENSION, '');
      return own === wanted || (own.startsWith(`${wanted}-`) && /^-\d+( \d+)?$/.test(own.slice(wanted.length)));
    });
    if (!taken) return wanted;
  }
}

function shortfall({ fromNs, toNs, unsettled = '' }: SaveRequest, startNs: bigint): string {
  if (startNs <= fromNs) return unsettled;
  const asked = spanText(Number(toNs - fromNs) / 1e9);
  const held = spanText(Number(toNs - startNs) / 1e9);
  return `The last ${asked} were asked for; the flight recorder held ${held}. ${unsettled}`.trim();
}

function unavailable(fromNs: bigint, toNs: bigint): LabError {
  const span = spanText(Number(toNs - fromNs) / 1e9);
  return new LabError(
    'flight.unavailable',
    `The flight recorder holds nothing of the last ${span}. Nothing was saved. Look whether it is switched on and not paused, and whether anything is attached.`,
  );
}

function tooLittle(folder: string, total: number, free: number, reserve: number): LabError {
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return new LabError(
    'recording.disk-full',
    `${folder} is on another disk than the flight recorder, so ${mebibytes(total)} must be copied; ${mebibytes(free)} are free there and ${mebibytes(reserve)} are kept free. Nothing was saved. Free space, choose another folder, or save less.`,
    { folder },
  );
}
