import type { AlarmRule } from '../../contract/alarm-schema.ts';
import type { CallParsed } from '../../contract/calls.ts';
import type { ReplayState } from '../../contract/replay-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import type { WatchOrigin } from '../history/screen-hubs.ts';
import type { Recording } from '../recording/recording.ts';
import type { PlayerLimits } from './player-options.ts';
import { ReplayDeck } from './replay-deck.ts';
import { ReplayPlayer } from './replay-player.ts';
import { ReplayStage, type ReplayStageOptions } from './replay-stage.ts';
import type { TapeLimits } from './replay-tape.ts';

export interface ReplayLimits extends PlayerLimits, TapeLimits {
  /** Memory for what was played. */
  historyBytes: number;
  /** Position, speed and alarms are told at most that often. */
  tellMs: number;
}

export interface ReplayOptions {
  id: string;
  /** Taken over: closed with the replay. */
  recording: Recording;
  clock: Clock;
  /** The live streams, to compare with. */
  live: SampleFan;
  /** See `PlayerOptions`. */
  backlog?: (() => number) | undefined;
  /** See `ReplayStageOptions`. */
  firstStream: number;
  rules(): readonly AlarmRule[];
  compute?: ReplayStageOptions['compute'];
  /** Told of every state, its own first one excepted. */
  changed(state: ReplayState): void;
  limits?: Partial<ReplayLimits> | undefined;
}

const TELL_MS = 200;
const HISTORY_BYTES = 64 << 20;

export type ReplayChange = Omit<CallParsed<'replay.set'>, 'replay'>;

/** One recording that plays: player, deck and what screens are told of them. */
export class Replay implements AsyncDisposable {
  readonly id: string;
  readonly origin: WatchOrigin;
  readonly #options: ReplayOptions;
  readonly #scope = new Scope('replay');
  readonly #stage: ReplayStage;
  readonly #deck: ReplayDeck;
  readonly #player: ReplayPlayer;
  #isCompared = false;
  #compareText = '';
  /** Chunks that cannot be read, by what is said of them. */
  readonly #damaged = new Set<string>();
  #told: ReplayState['state'] = 'paused';
  #timer: Disposable | undefined;

  private constructor(options: ReplayOptions) {
    const { recording, clock, limits } = options;
    this.id = options.id;
    this.#options = options;
    this.#scope.use(recording);
    const channels = new Map(
      recording.info.channels.map(({ id, scale, shownUnit, unit }) => [id, { scale, unit: shownUnit || unit }]),
    );
    this.#stage = this.#scope.use(
      new ReplayStage({
        firstStream: options.firstStream,
        clock,
        historyBytes: limits?.historyBytes ?? HISTORY_BYTES,
        channelOf: (channel) => channels.get(channel),
        rules: options.rules,
        changed: () => this.#changed(),
        compute: options.compute,
      }),
    );
    const onDamage = ({ message }: LabError): void => void this.#damaged.add(message);
    this.#deck = this.#scope.use(new ReplayDeck(recording, this.#stage, onDamage, limits));
    const slipped = (): void => this.#endCompare('the recording could not be read fast enough');
    this.#player = this.#scope.use(
      new ReplayPlayer({
        clock,
        deck: this.#deck,
        limits,
        slipped,
        backlog: options.backlog,
        changed: () => this.#changed(),
      }),
    );
    this.#scope.defer(() => this.#timer?.[Symbol.dispose]());
    const nowNs = (): bigint => this.#player.positionNs;
    this.origin = {
      history: this.#stage.history,
      clock: { nowNs, monotonicMs: () => clock.monotonicMs(), after: (ms, callback) => clock.after(ms, callback) },
    };
  }

  /** At the beginning of the recording, paused, no row given yet. @throws LabError what the disk says */
  static async open(options: ReplayOptions): Promise<Replay> {
    const replay = new Replay(options);
    try {
      await replay.#deck.restart(replay.#deck.fromNs);
      return replay;
    } catch (error) {
      await replay[Symbol.asyncDispose]();
      throw error;
    }
  }

  get state(): ReplayState {
    const { recording } = this.#options;
    const { alarms } = this.#stage;
    return {
      id: this.id,
      recording: recording.info.id,
      name: recording.info.name,
      state: this.#player.state,
      fromNs: String(this.#deck.fromNs),
      toNs: String(this.#deck.toNs),
      positionNs: String(this.#player.positionNs),
      speed: this.#player.speed,
      speedGot: Number(this.#player.speedGot.toPrecision(3)),
      isCompared: this.#isCompared,
      run: this.#stage.run,
      streams: this.#stage.streams,
      rules: alarms?.rules ?? [],
      alarms: alarms?.states ?? [],
      happened: (alarms?.happened ?? []).slice(-50),
      text: this.#text,
    };
  }

  /**
   * Place first, then speed, compare, play: each only if it is named. @throws LabError call.invalid for comparing at another speed than 1×,
   * else why it failed
   */
  async set({ positionNs, step, speed, compare, play }: ReplayChange): Promise<void> {
    const player = this.#player;
    if (compare && (speed ?? player.speed) !== 1) {
      throw new LabError(
        'call.invalid',
        'Live streams run beside a replay only at 1×. Nothing was changed; set the speed to 1, then compare.',
      );
    }
    if (compare === false) this.#endCompare('');
    if (positionNs !== undefined || step !== undefined) this.#endCompare('the replay went to another place');
    if (speed !== undefined && speed !== 1) this.#endCompare('the speed is not 1× any more');
    if (positionNs !== undefined) await player.seek(BigInt(positionNs));
    if (step !== undefined) await player.step(step);
    if (speed !== undefined) await player.setSpeed(speed);
    if (compare) this.#startCompare();
    if (play !== undefined) await (play ? player.play() : player.pause());
    this.#tell();
  }

  /** The rules of the bench are others now. */
  applyRules(): void {
    this.#stage.applyRules();
  }

  /** The computed channels of the bench are others now. */
  applyMath(): void {
    this.#stage.applyMath();
    this.#changed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }

  get #text(): string {
    const { error } = this.#player;
    const { size } = this.#damaged;
    const words: string[] = [];
    if (error)
      words.push(
        `The replay stopped here. ${error.message} Close it, and open the recording again when it can be read.`,
      );
    if (size > 0) {
      words.push(
        `${size} ${size === 1 ? 'stretch' : 'stretches'} of the recording cannot be read; the rows are left out and show as gaps.`,
      );
    }
    if (this.#options.recording.isRunning)
      words.push('It is still being recorded: this plays what it held when it was opened.');
    if (this.#compareText) words.push(this.#compareText);
    return words.join(' ');
  }

  #startCompare(): void {
    this.#isCompared = true;
    this.#compareText = '';
    this.#followCompare();
  }

  /** `why`: '' if a person ended it. */
  #endCompare(why: string): void {
    if (!this.#isCompared) return;
    this.#isCompared = false;
    this.#compareText = why && `Comparing with live ended: ${why}.`;
    this.#followCompare();
  }

  /** Live streams come along only while it plays: when it plays on, both begin together again. */
  #followCompare(): void {
    const isWanted = this.#isCompared && this.#player.state === 'playing';
    if (isWanted === this.#deck.isCompared) return;
    if (!isWanted) {
      this.#deck.endCompare();
      return;
    }
    const { clock, live, recording } = this.#options;
    const channels = new Set(recording.info.channels.map(({ id }) => id));
    // Not within the fan that passes a batch on.
    const overrun = (): void => queueMicrotask(() => this.#endCompare('the recording could not be read fast enough'));
    const count = this.#deck.compare({ fan: live, clock, channels, placeNs: this.#player.nowNs, overrun });
    this.#compareText =
      count === 0 ? 'No live stream has a channel of this recording; one that comes will be shown.' : '';
  }

  /** A state is told at once, a position now and then. */
  #changed(): void {
    this.#followCompare();
    if (this.#player.state !== this.#told) this.#tell();
    else if (!this.#scope.disposed) {
      this.#timer ??= this.#options.clock.after(this.#options.limits?.tellMs ?? TELL_MS, () => this.#tell());
    }
  }

  #tell(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#scope.disposed) return;
    this.#told = this.#player.state;
    this.#options.changed(this.state);
  }
}
