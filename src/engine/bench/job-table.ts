import { randomUUID } from 'node:crypto';
import type { Job } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { StateBoard } from '../state/state-board.ts';

/** Progress is shown that often at most; ms. */
const SHOW_MS = 200;

export interface JobContext {
  signal: AbortSignal;
  /** 0…1 */
  progress(share: number): void;
  /** What came of it lies there: known only at the end. */
  madePath(path: string): void;
}

export interface JobWork {
  kind: Job['kind'];
  label: string;
  path: string | null;
  /** A `path` in what it resolves with is that of the job from then on: of a file whose name was not known before. */
  run(context: JobContext): Promise<unknown>;
}

/** Long work: runs beside everything else, shows progress and time left, can be cancelled, and says how it ended. */
export class JobTable implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #board: StateBoard;
  readonly #limit: number;
  readonly #running = new Map<string, { abort: AbortController; done: Promise<void> }>();

  constructor(clock: Clock, board: StateBoard, limit = 4) {
    this.#clock = clock;
    this.#board = board;
    this.#limit = limit;
  }

  /** Throws call.limit when as many run as may. */
  start(work: JobWork): Job {
    if (this.#running.size >= this.#limit) {
      throw new LabError('call.limit', `${this.#limit} jobs are running already. Wait for one to end, or cancel one.`);
    }
    const abort = new AbortController();
    const id = randomUUID();
    const startedMs = this.#clock.monotonicMs();
    let job: Job = {
      id,
      kind: work.kind,
      label: work.label,
      state: 'running',
      progress: 0,
      secondsLeft: null,
      path: work.path,
      error: null,
    };
    let shownMs = startedMs;
    const progress = (share: number): void => {
      const nowMs = this.#clock.monotonicMs();
      const elapsedS = (nowMs - startedMs) / 1000;
      job = { ...job, progress: share, secondsLeft: share > 0.02 ? (elapsedS / share) * (1 - share) : null };
      if (nowMs - shownMs < SHOW_MS) return;
      shownMs = nowMs;
      this.#board.publish('job.changed', { job });
    };
    const madePath = (path: string): void => {
      job = { ...job, path };
    };
    const done = work.run({ signal: abort.signal, progress, madePath }).then(
      (result) => this.#end({ ...job, path: pathIn(result) ?? job.path, state: 'done', progress: 1, secondsLeft: 0 }),
      (error: unknown) => {
        const failure = LabError.from(error);
        const cancelled = failure.isCancelled || abort.signal.aborted;
        this.#end({
          ...job,
          state: cancelled ? 'cancelled' : 'failed',
          secondsLeft: null,
          error: cancelled ? null : failure.toJSON(),
        });
      },
    );
    this.#running.set(id, { abort, done });
    this.#board.publish('job.changed', { job });
    return job;
  }

  /** Of one that has ended: nothing happens. */
  cancel(id: string): void {
    this.#running.get(id)?.abort.abort(new LabError('call.cancelled', 'Cancelled.'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort(new LabError('call.cancelled', 'Labwire was closed.'));
    await Promise.all(running.map(({ done }) => done));
  }

  #end(job: Job): void {
    this.#running.delete(job.id);
    this.#board.publish('job.changed', { job });
  }
}

function pathIn(result: unknown): string | undefined {
  const isFound = typeof result === 'object' && result !== null && 'path' in result && typeof result.path === 'string';
  return isFound ? (result.path as string) : undefined;
}
