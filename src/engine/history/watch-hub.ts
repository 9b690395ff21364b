import { encodeFrame } from '../../contract/frame-write.ts';
import { FRAME_HEADER_BYTES } from '../../contract/frames.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { History } from './history.ts';
import type { HistoryAnswer, HistoryRequest } from './history-pieces.ts';
import { readHistory } from './read-history.ts';
import { Watch } from './watch.ts';
import { FrameDraft, type ScreenRow, type WatchFill, type WatchMode } from './watch-part.ts';

export interface WatchLimits {
  /** Watches of one link and origin. */
  watches: number;
  /** Frames under way before the hub waits for `seen`, or `creditMs` of them if that is more. */
  creditFrames: number;
  creditMs: number;
  flushMs: number;
  /** Samples in one frame. */
  frameBytes: number;
}

export const WATCH_LIMITS: WatchLimits = {
  watches: 100,
  creditFrames: 8,
  creditMs: 250,
  flushMs: 16,
  frameBytes: 1024 * 1024,
};

/** Numbers given on one link: its hubs (one for each origin) share them, so that a number names one watch and one frame. */
export interface WatchNumbers {
  nextWatch: number;
  nextFrame: number;
}

export interface WatchHubOptions {
  history: History;
  clock: Clock;
  /** Absent: the hub is the only one of its link. */
  numbers?: WatchNumbers | undefined;
  /** Gives the frame away: the hub does not touch it again. */
  send(frame: ArrayBuffer): void;
  limits?: Partial<WatchLimits>;
}

/** Counters of one screen since it connected. */
export interface WatchStats {
  frames: number;
  sentBytes: number;
  /** Rows promised and not delivered, over all its watches. */
  skippedRows: number;
  /** Flushes that had to wait for credit. */
  stalls: number;
}

const ORDER: readonly WatchMode['kind'][] = ['latest', 'columns', 'segments', 'raw'];

/**
 * All watches of one link and origin. Every `flushMs` what is new goes into one frame (latest, columns, segments, raw, in that order). A watch is a cursor
 * into history, not a queue: without credit nothing is stored, then everything since the cursors goes at once, as far as a frame holds.
 *
 *     flush ── credit? ── no ──> nothing (stall counted)
 *       │                yes ──> draft from the cursors ── empty? ──> nothing, else frame k is under way
 *     seen(k) ── frames up to k are in the screen's ring: they are under way no more
 */
export class WatchHub implements Disposable {
  readonly #history: History;
  readonly #clock: Clock;
  readonly #send: (frame: ArrayBuffer) => void;
  readonly #limits: WatchLimits;
  readonly #watches = new Map<number, Watch>();
  readonly #underWay: { number: number; sentMs: number }[] = [];
  readonly #numbers: WatchNumbers;
  #timer: Disposable | undefined;
  #turn = 0;
  #closedSkips = 0;
  #stats = { frames: 0, sentBytes: 0, stalls: 0 };

  constructor(options: WatchHubOptions) {
    this.#history = options.history;
    this.#clock = options.clock;
    this.#send = options.send;
    this.#limits = { ...WATCH_LIMITS, ...options.limits };
    this.#numbers = options.numbers ?? { nextWatch: 1, nextFrame: 1 };
  }

  /** Whether it has a watch of that number. */
  has(watch: number): boolean {
    return this.#watches.has(watch);
  }

  /** Samples its raw watches have not sent yet. */
  get backlog(): number {
    let sum = 0;
    for (const watch of this.#watches.values()) sum += watch.backlog;
    return sum;
  }

  get stats(): WatchStats {
    let skippedRows = this.#closedSkips;
    for (const watch of this.#watches.values()) skippedRows += watch.skippedRows;
    return { ...this.#stats, skippedRows };
  }

  /** Streams the watch follows now; channels nobody has yet are fine, they are picked up when they come. Throws `call.limit`. */
  watch(
    channels: readonly string[],
    mode: WatchMode,
    after: readonly ScreenRow[] = [],
  ): { watch: number; streams: StreamInfo[]; fill: WatchFill[] } {
    if (this.#watches.size >= this.#limits.watches) {
      throw new LabError('call.limit', `This screen has ${this.#watches.size} watches already. Close one first.`);
    }
    const watch = new Watch(
      this.#numbers.nextWatch++,
      this.#history,
      this.#clock,
      this.#limits.flushMs,
      channels,
      mode,
      after,
    );
    this.#watches.set(watch.id, watch);
    this.#schedule();
    return { watch: watch.id, streams: watch.streams, fill: watch.fill };
  }

  /** Throws `call.invalid` for a watch that is not there. */
  set(
    watch: number,
    change: { channels?: readonly string[] | undefined; mode?: WatchMode | undefined },
  ): { streams: StreamInfo[]; fill: WatchFill[] } {
    const known = this.#watches.get(watch);
    if (!known) throw noWatch(watch);
    known.set(change);
    return { streams: known.streams, fill: known.fill };
  }

  /** Throws `call.invalid` for a watch that is not there. */
  streamsOf(watch: number): StreamInfo[] {
    const known = this.#watches.get(watch);
    if (!known) throw noWatch(watch);
    return known.streams;
  }

  /** Closing twice is fine. */
  close(watch: number): void {
    this.#closedSkips += this.#watches.get(watch)?.skippedRows ?? 0;
    this.#watches.delete(watch);
    if (this.#watches.size === 0) this.#stop();
  }

  /** Frames up to this number are in the screen's ring. Throws `call.invalid` for a frame never sent. */
  seen(frame: number): void {
    if (!(frame < this.#numbers.nextFrame)) {
      throw new LabError(
        'call.invalid',
        `Frame ${frame} was never sent; the last one is ${this.#numbers.nextFrame - 1}.`,
      );
    }
    while ((this.#underWay[0]?.number ?? Number.POSITIVE_INFINITY) <= frame) this.#underWay.shift();
  }

  /** Sends the pieces, then gives the answer: see `readHistory`. */
  read(request: HistoryRequest): HistoryAnswer {
    return readHistory(this.#history, request, (frame) => this.#sendBytes(frame));
  }

  /** One round; the timer calls it, tests may. */
  flush(): void {
    if (this.#watches.size === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const oldest = this.#underWay[0];
    if (
      oldest &&
      this.#underWay.length >= this.#limits.creditFrames &&
      nowMs - oldest.sentMs >= this.#limits.creditMs
    ) {
      this.#stats.stalls++;
      return;
    }
    const draft = new FrameDraft(this.#limits.frameBytes - FRAME_HEADER_BYTES);
    const all = [...this.#watches.values()];
    this.#turn = (this.#turn + 1) % all.length;
    const turned = [...all.slice(this.#turn), ...all.slice(0, this.#turn)];
    for (const kind of ORDER) {
      for (const watch of turned) if (watch.kind === kind) watch.collect(draft);
    }
    if (draft.blocks.length === 0) return;
    const number = this.#numbers.nextFrame++;
    this.#underWay.push({ number, sentMs: nowMs });
    this.#sendBytes(encodeFrame({ number, arrivedNs: draft.arrivedNs, blocks: draft.blocks }));
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#watches.clear();
  }

  #sendBytes(frame: ArrayBuffer): void {
    this.#stats.frames++;
    this.#stats.sentBytes += frame.byteLength;
    this.#send(frame);
  }

  #schedule(): void {
    if (this.#timer) return;
    this.#timer = this.#clock.after(this.#limits.flushMs, () => {
      this.#timer = undefined;
      this.flush();
      if (this.#watches.size > 0) this.#schedule();
    });
  }

  #stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}

/** The watches of one link. */
export function createWatchHub(options: WatchHubOptions): WatchHub {
  return new WatchHub(options);
}

function noWatch(watch: number): LabError {
  return new LabError('call.invalid', `There is no watch ${watch}. Start one with stream.watch.`);
}
