import type { LabError } from '../../core/errors.ts';
import type { Recording } from '../recording/recording.ts';
import type { SampleSink } from '../sample-sink.ts';
import { ChunkSource } from './chunk-source.ts';
import { RecordedTrack } from './recorded-track.ts';
import type { TrackChunk } from './track-chunks.ts';

export interface TapeLimits {
  /** Bytes read and not given yet, beyond which nothing is read that is not needed now. */
  aheadBytes: number;
}

export const TAPE_LIMITS: TapeLimits = { aheadBytes: 16 << 20 };

/** After every row there can be. */
export const END_NS = 2n ** 63n;

/**
 * The streams of a recording side by side, given in the order of their times: a stream opens at the place where the tape begins, or, if an earlier one
 * of its key plays there, with its own first row; then the earlier one closes. Streams are numbered as in the recording.
 */
export class ReplayTape {
  readonly #tracks: RecordedTrack[];
  /** Streams of one key follow each other. */
  readonly #byKey = new Map<string, RecordedTrack[]>();
  readonly #source: ChunkSource;
  readonly #limits: TapeLimits;
  readonly #sink: SampleSink;
  /** Track that is open, by the key of its stream. */
  readonly #open = new Map<string, RecordedTrack>();

  /** `onDamage`: told of each chunk that cannot be read; its rows are a gap. */
  constructor(
    recording: Recording,
    sink: SampleSink,
    onDamage: (error: LabError) => void,
    limits: Partial<TapeLimits> = {},
  ) {
    this.#source = new ChunkSource(recording, onDamage);
    this.#limits = { ...TAPE_LIMITS, ...limits };
    this.#sink = sink;
    this.#tracks = recording.streams
      .filter(({ rows }) => rows > 0)
      .map((stream) => new RecordedTrack(recording, stream))
      .sort((a, b) => (a.stream.firstNs < b.stream.firstNs ? -1 : a.stream.firstNs > b.stream.firstNs ? 1 : 0));
    for (const track of this.#tracks) {
      const { key } = track.stream.info;
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), track]);
    }
  }

  /** Time of the latest row, or the one given if that is later. */
  latest(timeNs: bigint): bigint {
    return this.#tracks.reduce((latest, track) => (track.latestNs > latest ? track.latestNs : latest), timeNs);
  }

  /** All rows up to here are read, ns since 1970. */
  get loadedNs(): bigint {
    return (this.#earliest()?.nextNs ?? END_NS + 1n) - 1n;
  }

  /**
   * Reads on until all rows up to a time can be given, or until its memory is full; but always some. Gives the time up to which they can be.
   * @throws LabError what the disk says
   */
  load(untilNs: bigint): bigint | Promise<bigint> {
    const { loadedNs } = this;
    return loadedNs >= untilNs ? loadedNs : this.#read(untilNs, loadedNs);
  }

  /** Gives all rows not later than a time that are read and not given yet. */
  give(untilNs: bigint): void {
    for (let track = this.#first(untilNs); track; track = this.#first(untilNs)) {
      this.#openStream(track);
      if (!track.give(untilNs, this.#sink)) return;
    }
  }

  /**
   * Begins anew: each stream with its last row at or before the time, if it has one. Streams that are there are opened, no row is given yet.
   * The caller has closed or forgotten those of before, and loads what it gives. @throws LabError what the disk says
   */
  async restart(atNs: bigint): Promise<void> {
    this.#open.clear();
    for (const tracks of this.#byKey.values()) {
      const current = Math.max(
        0,
        tracks.findLastIndex(({ stream }) => stream.firstNs <= atNs),
      );
      for (const [index, track] of tracks.entries()) {
        if (index < current) track.skip();
        else if (index > current) track.rewind();
        else {
          await track.seek(this.#source, atNs);
          this.#openStream(track);
        }
      }
    }
  }

  /** Time of the next or previous row of the fastest stream that runs at a time, else of the next or last stream; undefined at the end. */
  async neighbour(fromNs: bigint, step: 1 | -1): Promise<bigint | undefined> {
    const isThere = ({ stream: { firstNs, lastNs } }: RecordedTrack): boolean =>
      step > 0 ? firstNs <= fromNs && fromNs < lastNs : firstNs < fromNs && fromNs <= lastNs;
    const rows = this.#tracks.filter(({ isSegment }) => !isSegment);
    const running = (rows.length > 0 ? rows : this.#tracks).filter(isThere);
    const fastest = running.reduce<RecordedTrack | undefined>(
      (best, track) => (best && best.rateHz >= track.rateHz ? best : track),
      undefined,
    );
    if (fastest) return fastest.neighbour(this.#source, fromNs, step);
    const times = this.#tracks.map(({ stream }) => (step > 0 ? stream.firstNs : stream.lastNs));
    const beyond = times.filter((timeNs) => (step > 0 ? timeNs > fromNs : timeNs < fromNs));
    return beyond.reduce<bigint | undefined>(
      (best, timeNs) => (best === undefined || (step > 0 ? timeNs < best : timeNs > best) ? timeNs : best),
      undefined,
    );
  }

  /** Waits for what is being read. */
  close(): Promise<void> {
    return this.#source.clear();
  }

  async #read(untilNs: bigint, fromNs: bigint): Promise<bigint> {
    for (
      let track = this.#earliest();
      track?.nextNs !== undefined && track.nextNs <= untilNs;
      track = this.#earliest()
    ) {
      if (track.nextNs - 1n > fromNs && this.#queueBytes >= this.#limits.aheadBytes) break;
      const read = track.nextChunk;
      await track.readNext(this.#source);
      // It is decoded now: those that wait for it take theirs.
      for (const other of this.#tracks) {
        if (other.queueBytes === 0 && isSame(other.nextChunk, read)) await other.readNext(this.#source);
      }
    }
    const next = this.#earliest()?.nextChunk;
    if (next) this.#source.prefetch(next);
    return this.loadedNs;
  }

  get #queueBytes(): number {
    return this.#tracks.reduce((sum, track) => sum + track.queueBytes, 0);
  }

  /** Track whose next chunk is needed first. */
  #earliest(): RecordedTrack | undefined {
    let found: RecordedTrack | undefined;
    for (const track of this.#tracks) {
      if (track.nextNs !== undefined && (found?.nextNs === undefined || track.nextNs < found.nextNs)) found = track;
    }
    return found;
  }

  /** Track whose next row comes first, if it is not later than a time. */
  #first(untilNs: bigint): RecordedTrack | undefined {
    let found: RecordedTrack | undefined;
    let foundNs = untilNs;
    for (const track of this.#tracks) {
      const { headNs } = track;
      if (headNs === undefined || headNs > foundNs || (found && headNs === foundNs)) continue;
      found = track;
      foundNs = headNs;
    }
    return found;
  }

  #openStream(track: RecordedTrack): void {
    const { key } = track.stream.info;
    const before = this.#open.get(key);
    if (before === track) return;
    if (before) this.#sink.streamClosed(before.stream.info.id);
    this.#open.set(key, track);
    this.#sink.streamOpened(track.stream.info);
  }
}

function isSame(one: TrackChunk | undefined, other: TrackChunk | undefined): boolean {
  return one !== undefined && one.part === other?.part && one.offset === other.offset;
}
