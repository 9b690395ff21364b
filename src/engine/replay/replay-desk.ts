import type { ReplayState } from '../../contract/replay-schema.ts';
import type { ScreenContext } from '../../contract/serve.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import type { ScreenHubs } from '../history/screen-hubs.ts';
import type { Library } from '../recording/library.ts';
import type { StateBoard } from '../state/state-board.ts';
import { Replay, type ReplayChange, type ReplayLimits, type ReplayOptions } from './replay.ts';

export interface ReplayDeskOptions {
  clock: Clock;
  board: StateBoard;
  hubs: ScreenHubs;
  library: Library;
  /** The live streams. */
  fan: SampleFan;
  /** See `ReplayStageOptions`. */
  compute?: ReplayOptions['compute'];
  /** Open at once. Default 4. */
  limit?: number;
  limits?: Partial<ReplayLimits> | undefined;
}

/** Streams of replays are numbered from here, each replay with room of its own. */
const FIRST_STREAM = 2 ** 30;
const STREAMS_EACH = 2 ** 24;
const ROOMS = 128;

interface Opened {
  opening: Promise<Replay>;
  /** Undefined while it opens. */
  replay: Replay | undefined;
  scope: Scope;
}

/**
 * The replays of the bench: opened by one screen, seen by all, closed by any or when the screen that opened it goes. They are views of recordings:
 * nothing of them is recorded, and nothing they do reaches an instrument.
 */
export class ReplayDesk implements AsyncDisposable {
  readonly #options: ReplayDeskOptions;
  readonly #open = new Map<string, Opened>();
  /** Those opened by a screen. */
  readonly #owned = new Map<number, Set<string>>();
  readonly #following: Disposable;
  /** The computed channels as they were last. */
  #math: string;
  #opened = 0;
  #isClosed = false;

  constructor(options: ReplayDeskOptions) {
    this.#options = options;
    this.#math = this.#mathText();
    this.#following = options.board.onChange(({ event }) => {
      if (event === 'alarm.changed' || event === 'alarm.removed' || event === 'bench.replaced') this.#applyRules();
      if (event === 'math.changed' || event === 'bench.replaced') this.#applyMath();
    });
  }

  /** Paused at its beginning. @throws LabError call.limit, recording.unknown, or why it cannot be read */
  async open(recording: string, screen: ScreenContext): Promise<ReplayState> {
    const limit = this.#options.limit ?? 4;
    if (this.#isClosed || this.#open.size >= limit) {
      throw new LabError(
        'call.limit',
        `${limit} recordings are being replayed already. Close one, then open this one again.`,
      );
    }
    const number = ++this.#opened;
    const id = `replay-${number}`;
    const scope = new Scope('replay on the desk');
    const opened: Opened = { opening: this.#start(id, number, recording, scope), replay: undefined, scope };
    this.#open.set(id, opened);
    this.#tell(openingState(id, recording));
    this.#own(screen, id);
    try {
      opened.replay = await opened.opening;
      if (!this.#open.has(id)) throw unknown(id);
      this.#tell(opened.replay.state);
      return opened.replay.state;
    } catch (error) {
      await this.#close(id);
      throw error;
    }
  }

  /** @throws LabError replay.unknown, call.invalid, or why it failed */
  async set(id: string, change: ReplayChange): Promise<ReplayState> {
    const replay = this.#open.get(id)?.replay;
    if (!replay) throw unknown(id);
    await replay.set(change);
    return replay.state;
  }

  /** @throws LabError replay.unknown */
  async close(id: string): Promise<void> {
    if (!this.#open.has(id)) throw unknown(id);
    await this.#close(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#following[Symbol.dispose]();
    await Promise.all([...this.#open.keys()].map((id) => this.#close(id)));
  }

  async #start(id: string, number: number, recordingId: string, scope: Scope): Promise<Replay> {
    const { board, clock, compute, fan, hubs, library, limits } = this.#options;
    const recording = await library.open(recordingId);
    const replay = await Replay.open({
      id,
      recording,
      clock,
      live: fan,
      backlog: () => hubs.backlog(id),
      firstStream: FIRST_STREAM + (number % ROOMS) * STREAMS_EACH,
      rules: () => board.state.rules,
      compute,
      limits,
      changed: (state) => this.#tell(state),
    });
    scope.use(replay);
    scope.use(hubs.open(id, replay.origin));
    return replay;
  }

  /** It goes when the screen does. */
  #own(screen: ScreenContext, id: string): void {
    const known = this.#owned.get(screen.id);
    if (known) {
      known.add(id);
      return;
    }
    const ids = new Set([id]);
    this.#owned.set(screen.id, ids);
    screen.scope.defer(async () => {
      this.#owned.delete(screen.id);
      await Promise.all([...ids].map((each) => this.#close(each)));
    });
  }

  /** One that is being opened is closed as soon as it is; closing twice is fine. */
  async #close(id: string): Promise<void> {
    const opened = this.#open.get(id);
    if (!opened) return;
    this.#open.delete(id);
    for (const ids of this.#owned.values()) ids.delete(id);
    await opened.opening.catch(() => undefined);
    await opened.scope[Symbol.asyncDispose]();
    this.#options.board.publish('replay.closed', { replay: id });
  }

  #applyRules(): void {
    for (const { replay } of this.#open.values()) replay?.applyRules();
  }

  /** Told of every problem of a channel, too: then the channels are the same. */
  #applyMath(): void {
    const math = this.#mathText();
    if (math === this.#math) return;
    this.#math = math;
    for (const { replay } of this.#open.values()) replay?.applyMath();
  }

  #mathText(): string {
    return JSON.stringify(this.#options.board.state.math.map(({ channel }) => channel));
  }

  #tell(state: ReplayState): void {
    if (this.#open.has(state.id)) this.#options.board.publish('replay.changed', { replay: state });
  }
}

function unknown(id: string): LabError {
  return new LabError(
    'replay.unknown',
    `There is no replay ${id.slice(0, 100)}: it was closed, or the screen that opened it has gone. Open the recording again; nothing was changed.`,
    { replay: id.slice(0, 100) },
  );
}

function openingState(id: string, recording: string): ReplayState {
  return {
    id,
    recording,
    name: '',
    state: 'opening',
    fromNs: '0',
    toNs: '0',
    positionNs: '0',
    speed: 1,
    speedGot: 0,
    isCompared: false,
    run: 0,
    streams: [],
    rules: [],
    alarms: [],
    happened: [],
    text: '',
  };
}
