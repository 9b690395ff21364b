import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { ChunkCompression, LabEvent } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink } from '../sample-sink.ts';
import type { Disk } from './disk.ts';
import type { RecordingAbout, RecordingLabels } from './recording-about.ts';
import type { Unwritten } from './unwritten.ts';

export interface RecorderLimits {
  /** A chunk is closed at this size… */
  chunkBytes: number;
  /** …or this often, whatever it holds, and then synced. */
  flushMs: number;
  /** fdatasync each so many bytes. */
  syncBytes: number;
  /** A new part begins after this size. */
  partBytes: number;
  /** …or after this time, if it holds anything. */
  partSeconds: number;
  /**
   * What may be held because it is not on the platter, before the recording stops with `recording.overrun`: 6 s at 10 × 1 MS/s, longer than
   * disks stand still. After a failure: what is held for the next recorder.
   */
  queueBytes: number;
  /** Memory for the index of one part; a new part begins after it. */
  indexBytes: number;
  /** The recording stops, finished, when less is free; 0: when nothing is. */
  reserveBytes: number;
  /** Plain messages a second of each stream. */
  plainHz: number;
}

export const RECORDER_LIMITS: RecorderLimits = {
  chunkBytes: 1 << 20,
  flushMs: 750,
  syncBytes: 4 << 20,
  partBytes: 2 * 1024 ** 3,
  partSeconds: Number.POSITIVE_INFINITY,
  queueBytes: 256 << 20,
  indexBytes: 32 << 20,
  reserveBytes: 32 << 20,
  plainHz: 1000,
};

export interface RecorderOptions {
  folder: string;
  /** Makes the folder if it is not there; false: that fails with `recording.folder-gone`. Default true. */
  makesFolder?: boolean | undefined;
  /** As the person typed it; the file name is made from it. */
  name: string;
  clock: Clock;
  about: RecordingAbout;
  /** Of this recording; the operator also comes with `about`. */
  labels?: Partial<RecordingLabels> | undefined;
  limits?: Partial<RecorderLimits> | undefined;
  /** How chunks are packed; default: not at all. */
  compression?: ChunkCompression | undefined;
  /** Every row (up to `plainHz`) also as a JSON message, for viewers that know no batches. */
  plainMessages?: boolean | undefined;
  /** Told of each part when it is finished: where it lies and its number. */
  onPart?: ((path: string, part: number) => void) | undefined;
  disk?: Disk | undefined;
  /** Deselected streams: false. Default: all. */
  records?: ((info: StreamInfo) => boolean) | undefined;
  /** What its own marks call it. Default `Recording`. */
  title?: string | undefined;
  /** What the mark of its start says, instead of that it started or was continued. */
  startText?: string | undefined;
  /** Goes on with a recording that a crash or a failure ended: its id, start and the number of the next part. */
  continues?: { id: string; startedNs: bigint; part: number } | undefined;
}

export interface RecorderStats {
  /** Bytes in files so far. */
  bytes: number;
  durationS: number;
  rows: number;
  /** Rows × columns. */
  samples: number;
  /** Rows the engine never got, while recording. */
  lost: number;
  /** Number of the part being written. */
  part: number;
  /** Waiting for the disk, the open chunk included. */
  queueBytes: number;
  /** Held because it is not on the platter, the open chunk included; beyond the limit `queueBytes` the recording stops. */
  heldBytes: number;
  /** How long the disk has taken nothing although it was asked to; 0: it answers. */
  stalledMs: number;
  /** Read once a flush; undefined before. */
  freeBytes: number | undefined;
  /** Seconds until the disk is full at the pace so far; undefined: not known. */
  secondsLeft: number | undefined;
}

export interface RecordingResult {
  id: string;
  paths: string[];
  stats: RecorderStats;
  /** Why it ended before it was stopped. */
  error: LabError | undefined;
}

/**
 *     recording ── stop() ──→ stopping ──→ stopped
 *         └── disk fails, queue full ──→ failed      what was written is finished if the disk lets it;
 *                                        │           what comes is held, up to `queueBytes`
 *                                        └── takeUnwritten() ──→ another recorder adopts it
 *
 * The recorder never drops: either every batch offered is in the file, or it has failed, says so, and holds the rest. As a sink it takes the batches of
 * all streams opened on it: after opening it, announce the streams that are open. It borrows batches until they are on the platter.
 */
export interface Recorder extends SampleSink, AsyncDisposable {
  readonly id: string;
  readonly name: string;
  /** ns since 1970. */
  readonly startedNs: bigint;
  readonly state: 'recording' | 'stopping' | 'stopped' | 'failed';
  /** Files so far; the last one ends in `.part` while it is written. */
  readonly paths: string[];
  readonly stats: RecorderStats;
  /** Why it ended by itself, known at once: a disk that hangs may keep `failed` waiting for ever. */
  readonly error: LabError | undefined;
  /** Resolves, if ever, with the reason why the recording ended by itself; the file is finished as far as it goes. */
  readonly failed: Promise<LabError>;
  /** Writes an event; `start` and `stop` it writes itself and ignores from outside. */
  event(event: LabEvent): void;
  /** Writes what went over the wire of an instrument. */
  exchange(exchange: ExchangeRecord): void;
  /** What the host says has changed (settings, labels, rates got): kept with the recording, the latest counts. */
  describe(about: RecordingAbout): void;
  /**
   * Ends the part being written and begins the next; gives the final path of the one ended.
   * @throws LabError recording.idle, or why the disk did not take it.
   */
  rotateNow(): Promise<string>;
  /**
   * After a failure: takes what is not surely in its files, in order, once; from then on it takes nothing more. If the disk is only slow
   * (`recording.overrun`), wait for `failed` first: until then what waits is still being written, and may be in two parts (`repeats` says so). One that is
   * being stopped and has not ended gives up the rest, too. Empty before a failure otherwise.
   */
  takeUnwritten(): Unwritten;
  /** Takes over what another recorder of the same recording had not written, before anything else comes; with it, that recorder's streams. */
  adopt(unwritten: Unwritten): void;
  /** Writes what waits, finishes the file. Calling it again, or after a failure, gives the same result. Never rejects. */
  stop(reason: string): Promise<RecordingResult>;
}
