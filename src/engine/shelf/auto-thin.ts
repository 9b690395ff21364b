import type { RecordingRow } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { JobTable } from '../bench/job-table.ts';
import type { Library } from '../recording/library.ts';
import type { RecordedShelf } from '../recording/recorded-shelf.ts';
import type { EventLog } from '../state/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';
import { thinRecording } from './thin.ts';

export interface AutoThinParts {
  clock: Clock;
  board: StateBoard;
  events: EventLog;
  jobs: JobTable;
  library: Library;
  recorded: RecordedShelf;
  /** Puts the whole recording into the trash. */
  trash(paths: readonly string[]): Promise<void>;
  /** First look after the start, and from look to look; ms. */
  firstMs?: number | undefined;
  everyMs?: number | undefined;
}

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;
const NS_PER_DAY = 86_400_000_000_000n;

/**
 * Thins recordings when they are as old as the settings say, one after the other, as jobs that anyone may cancel. What is being recorded, replayed, uploaded or read by
 * another job waits for a later look; so does everything while thinning by age is off (0 days).
 *
 *     asleep ── a minute after the start, then every hour ──→ looking ── oldest that is due ──→ thinning ──┐
 *        ▲                                                       │  ▲                                     │
 *        └──────────────── none left, or something else works ───┘  └─────────────────────────────────────┘
 */
export class AutoThin implements AsyncDisposable {
  readonly #parts: AutoThinParts;
  /** Thinned, damaged, cancelled or failed: not tried again before the next start. */
  readonly #settled = new Set<string>();
  #timer: Disposable;
  #looking: Promise<void> | undefined;
  #current: string | undefined;
  #isClosed = false;

  constructor(parts: AutoThinParts) {
    this.#parts = parts;
    this.#timer = this.#wait(parts.firstMs ?? FIRST_MS);
  }

  /** Resolves when the job that runs has ended: `jobs` ends it first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer[Symbol.dispose]();
    if (this.#current !== undefined) this.#parts.jobs.cancel(this.#current);
    await this.#looking;
  }

  #wait(ms: number): Disposable {
    return this.#parts.clock.after(ms, () => {
      this.#looking = this.#look()
        .catch((error: unknown) => this.#tell('warning', `Thinning by age: ${LabError.from(error).message}`))
        .finally(() => {
          if (!this.#isClosed) this.#timer = this.#wait(this.#parts.everyMs ?? EVERY_MS);
        });
    });
  }

  async #look(): Promise<void> {
    const passed = new Set<string>();
    while (!this.#isClosed && this.#parts.board.state.settings.thinAfterDays > 0 && !this.#isBusy()) {
      const row = await this.#due(passed);
      // Looking took its time.
      if (!row || this.#isClosed || this.#isBusy()) return;
      if (!(await this.#thin(row))) passed.add(row.id);
    }
  }

  /** A job reads or writes a recording; which one it does not say. */
  #isBusy(): boolean {
    return this.#parts.board.state.jobs.some(({ id, state }) => state === 'running' && id !== this.#current);
  }

  /** The oldest that is due. */
  async #due(passed: ReadonlySet<string>): Promise<RecordingRow | undefined> {
    const { board, clock, library } = this.#parts;
    const { thinAfterDays } = board.state.settings;
    const beforeNs = clock.nowNs() - BigInt(Math.round(thinAfterDays * Number(NS_PER_DAY)));
    const due = (await library.list()).filter(
      (row) =>
        row.format === 'labwire' && (row.state === 'complete' || row.state === 'recovered') && endOf(row) < beforeNs,
    );
    // The list has the newest first.
    for (const row of due.reverse()) {
      if (this.#settled.has(row.id) || passed.has(row.id) || this.#isInUse(row.id)) continue;
      if (await this.#isWhole(row)) return row;
      this.#settled.add(row.id);
    }
    return undefined;
  }

  async #isWhole({ id }: RecordingRow): Promise<boolean> {
    try {
      await using recording = await this.#parts.library.open(id);
      return recording.info.thinned === '';
    } catch {
      // Gone meanwhile, or no longer readable: verifying and repairing are for a person.
      return false;
    }
  }

  #isInUse(id: string): boolean {
    const { recording, replays, upload } = this.#parts.board.state;
    return (
      recording.recording === id ||
      replays.some((replay) => replay.recording === id) ||
      upload.uploads.some((one) => one.recording === id && one.state !== 'done' && one.state !== 'failed')
    );
  }

  /** False: it came into use meanwhile and stays as it is, for now. */
  async #thin({ id, name, bytes }: RecordingRow): Promise<boolean> {
    const { board, clock, jobs, library, recorded } = this.#parts;
    const { thinAfterDays, thinIntervalS } = board.state.settings;
    let isTaken = false;
    const ready = async (): Promise<void> => {
      // Hours may have passed since it was looked at.
      isTaken = this.#isInUse(id) || this.#isBusy();
      if (isTaken) throw inUse(name);
      await recorded.release(id);
    };
    const ended = createDeferred<LabError | undefined>();
    this.#current = jobs.start({
      kind: 'thin',
      label: `Thinning of ${name}, older than ${thinAfterDays} days`,
      path: null,
      run: async ({ signal, progress, madePath }) => {
        try {
          await using opened = await library.open(id);
          const nowNs = clock.nowNs();
          const made = await thinRecording(opened, {
            intervalS: thinIntervalS,
            nowNs,
            ready,
            alone: (exchange) => library.during(exchange),
            trash: (paths) => this.#parts.trash(paths),
            signal,
            onProgress: progress,
          });
          madePath(made[0] ?? '');
          ended.resolve(undefined);
        } catch (error) {
          ended.resolve(LabError.from(error));
          throw error;
        }
      },
    }).id;
    const error = await ended.promise;
    if (isTaken) return false;
    this.#settled.add(id);
    const age = `“${name}” is older than ${thinAfterDays} days`;
    if (error) {
      if (!error.isCancelled) this.#tell('warning', `${age} and was not thinned: ${error.message}`);
      return true;
    }
    const left = (await library.row(id).catch(() => undefined))?.bytes;
    const sizes = left === undefined ? '' : ` ${megabytes(bytes)} became ${megabytes(left)}.`;
    this.#tell(
      'info',
      `${age} and was thinned to mean, min and max of each ${thinIntervalS} s.${sizes} The whole recording is in the trash of the system.`,
    );
    return true;
  }

  #tell(severity: 'info' | 'warning', text: string): void {
    this.#parts.events.add({ kind: 'status', severity, text });
  }
}

function inUse(name: string): LabError {
  return new LabError(
    'recording.fixed',
    `“${name}” came into use while it was being thinned by age. It is whole, as it was; it is tried again later.`,
  );
}

/** Of its last row, ns since 1970. */
function endOf({ startedNs, durationS }: RecordingRow): bigint {
  return BigInt(startedNs) + BigInt(Math.round(durationS * 1e9));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
