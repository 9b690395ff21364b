import { stat } from 'node:fs/promises';
import type { RecordingState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Library } from '../recording/library.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { UploadDesk } from './upload-desk.ts';

export interface UploadChoiceParts {
  clock: Clock;
  board: StateBoard;
  library: Pick<Library, 'list' | 'onChange'>;
  uploads: UploadDesk;
  /** The folder is looked at that often, in case nobody said that it changed; ms. Default 5 minutes. */
  everyMs?: number | undefined;
  /** A damaged file may be one that is being copied there: sent when it was left alone for so long; ms. Default a minute. */
  settleMs?: number | undefined;
}

const EVERY_MS = 300_000;

/**
 * Which recordings go to the server by themselves: it looks at the library whenever something there, a recording, a session, a job or the server has changed, and offers each recording to the
 * queue. So parts of whatever origin are found: of the recorder, the seconds before, what a start recovered, sessions, imports, repairs.
 *
 * A recording that runs, or is new, while the server cannot be reached is one that was made offline, and stays that when the server comes back.
 */
export class UploadChoice implements AsyncDisposable {
  readonly #parts: UploadChoiceParts;
  readonly #taps: Disposable[];
  /** Recordings of the look before; undefined: the first one, when all are of earlier. */
  #known: ReadonlySet<string> | undefined;
  #seen = '';
  #timer: Disposable | undefined;
  #looking: Promise<void> | undefined;
  #recordingId = '';
  #isChanged = false;
  #isClosed = false;

  constructor(parts: UploadChoiceParts) {
    this.#parts = parts;
    this.#seen = this.#whatCounts();
    this.#taps = [
      parts.library.onChange(() => this.look()),
      parts.board.onChange(({ event, data }) => {
        if (!/^(recording|session|job|upload)\./.test(event)) return;
        if (event === 'recording.changed') this.#asked(data.recording);
        const now = this.#whatCounts();
        if (now === this.#seen) return;
        this.#seen = now;
        this.look();
      }),
    ];
  }

  /** Looks now, or once more when the look under way has ended. */
  look(): void {
    if (this.#isClosed) return;
    this.#isChanged = true;
    this.#looking ??= this.#lookOn().finally(() => {
      this.#looking = undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const tap of this.#taps) tap[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.#looking;
  }

  /** Whether the server can be reached counts from the first moment of a recording. */
  #asked({ recording, state }: RecordingState): void {
    const id = state === 'idle' ? '' : (recording ?? '');
    if (id !== '' && id !== this.#recordingId && this.#parts.uploads.state.target?.when === 'offline') {
      this.#parts.uploads.ask();
    }
    this.#recordingId = id;
  }

  async #lookOn(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    while (this.#isChanged && !this.#isClosed) {
      this.#isChanged = false;
      // A folder that cannot be read now can be later.
      await this.#lookOnce().catch(() => undefined);
    }
    if (!this.#isClosed) this.#timer = this.#parts.clock.after(this.#parts.everyMs ?? EVERY_MS, () => this.look());
  }

  async #lookOnce(): Promise<void> {
    const { library, uploads } = this.#parts;
    const { target } = uploads.state;
    if (!target) return;
    const rows = await library.list();
    const known = this.#known;
    this.#known = new Set(rows.map(({ id }) => id));
    for (const row of rows) {
      if (this.#isClosed) return;
      const isMadeNow = row.state === 'recording' || (known !== undefined && !known.has(row.id));
      if (isMadeNow && target.when === 'offline' && uploads.isOffline) uploads.want(row.id);
      if (row.state !== 'damaged' || (await this.#isSettled(row.paths))) await uploads.offer(row);
    }
  }

  async #isSettled(paths: readonly string[]): Promise<boolean> {
    const entries = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
    const changedMs = Math.max(...entries.map((entry) => entry?.mtimeMs ?? 0));
    return Number(this.#parts.clock.nowNs() / 1_000_000n) - changedMs > (this.#parts.settleMs ?? 60_000);
  }

  /** What of the bench says that a recording, or the server, is another one now. */
  #whatCounts(): string {
    const { recording, sessions, jobs, upload } = this.#parts.board.state;
    const running = jobs.flatMap(({ id, state }) => (state === 'running' ? [id] : []));
    const { target, link } = upload;
    return JSON.stringify([
      recording.state,
      recording.recording,
      recording.part,
      sessions.map(({ session, error }) => [session, error !== null]),
      running,
      target,
      link,
    ]);
  }
}
