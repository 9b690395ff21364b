import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recorder, RecorderOptions, RecordingResult } from '../recording/recorder-options.ts';

/** What may be held because it is not on the platter; more than the recorder leaves unsynced when nothing more comes. */
const HELD_BYTES = 16 << 20;
/** How often it is looked whether the disk has taken enough. */
const LOOK_MS = 2;

/** The time of what is being written, not of the writing. Its timers never fire. */
class TimeOfRows implements Clock {
  timeNs: bigint;

  constructor(timeNs: bigint) {
    this.timeNs = timeNs;
  }

  nowNs(): bigint {
    return this.timeNs;
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }
}

/** A recorder fed with rows that are there already: with their times, and no faster than the disk takes them. */
export class FedRecorder implements AsyncDisposable {
  readonly recorder: Recorder;
  readonly #clock: TimeOfRows;

  private constructor(recorder: Recorder, clock: TimeOfRows) {
    this.recorder = recorder;
    this.#clock = clock;
  }

  /** `startNs`: when the recording began. Throws the error of the system if it cannot be made. */
  static async open(options: Omit<RecorderOptions, 'clock'>, startNs: bigint): Promise<FedRecorder> {
    const clock = new TimeOfRows(startNs);
    const recorder = await openRecorder({ ...options, clock }).catch((error: unknown) => {
      throw reasonOf(error);
    });
    return new FedRecorder(recorder, clock);
  }

  /** The time that marks get from now on; ns since 1970. */
  set timeNs(timeNs: bigint) {
    this.#clock.timeNs = timeNs;
  }

  /**
   * Waits until most of what was given is on the platter: a system that takes writes at once and syncs slowly is waited for too. Throws the error of the
   * system: it takes nothing more.
   */
  async room(): Promise<void> {
    while (this.recorder.state === 'recording' && this.recorder.stats.heldBytes > HELD_BYTES) await setTimeout(LOOK_MS);
    if (this.recorder.error) throw reasonOf(this.recorder.error);
  }

  /** Ends it. Throws the error of the system: not all of it is in its files. */
  async finish(reason: string): Promise<RecordingResult> {
    const result = await this.recorder.stop(reason);
    if (result.error) throw reasonOf(result.error);
    if (result.paths.length === 0) throw new LabError('recording.failed', 'No file was made of it.');
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.recorder.stop('it was given up');
  }
}

/** What a recorder says is about a recording that runs; here only the reason of the system counts. */
function reasonOf(error: unknown): unknown {
  return error instanceof LabError && error.cause !== undefined ? error.cause : error;
}
