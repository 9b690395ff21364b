import type { Client } from '../../contract/client.ts';
import type { FrameBlock } from '../../contract/frames.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { framesOf } from '../sample-frames.ts';
import { type ColumnCover, mixColumns } from './column-mix.ts';
import { ColumnSet } from './column-set.ts';
import type { TimeRange } from './time-window.ts';
import type { TraceColumns } from './trace-columns.ts';

/** A stretch of history wanted for the view. */
export interface HistoryWish {
  channels: readonly string[];
  range: TimeRange;
  /** Columns wanted over the range. */
  width: number;
  /** What there is: nothing is asked beyond. */
  limits: TimeRange;
}

export interface HistoryFeedOptions {
  /** 'live' or a recording. */
  origin: string;
  originNs: bigint;
  findStream: (stream: number) => StreamInfo | undefined;
  /** An answer is in. */
  onAnswer: () => void;
  onFault: (error: LabError | undefined) => void;
}

/** One answer. */
interface Patch extends ColumnCover {
  channels: ReadonlySet<string>;
  sets: readonly ColumnSet[];
  usedAt: number;
}

/** Answers kept: the overview, and the ways in and out of a few zooms. */
const MOST_PATCHES = 6;
/** Questions per answer when the engine cuts it. */
const MOST_ROUNDS = 16;
/** Asked beyond the view on each side, so that a short pan shows something at once; of the view. */
const MARGIN = 0.35;
const WIDEST = 8192;
/** An answer this much coarser than the view is asked again. */
const COARSE = 1.25;
const PAUSE_MS = 120;
const RETRY_MS = 1500;

/**
 * History for views that the live watch does not hold: one question at a time, for what is in view when it is asked; answers are kept beside each other and
 * the older ones are shown until the newer one is complete.
 */
export class HistoryFeed implements Disposable {
  readonly #options: HistoryFeedOptions;
  #client: Client | undefined;
  #patches: Patch[] = [];
  #asking: AbortController | undefined;
  #nextAtMs = 0;
  #uses = 0;
  revision = 0;

  constructor(options: HistoryFeedOptions) {
    this.#options = options;
  }

  /** Answers kept, for `mixColumns`. */
  get covers(): readonly ColumnCover[] {
    return this.#patches;
  }

  gapsOf(channel: string) {
    return this.#patches.flatMap(({ sets }) => sets.flatMap((set) => set.gapsOf(channel)));
  }

  setClient(client: Client | undefined): void {
    if (client === this.#client) return;
    this.#client = client;
    this.#asking?.abort();
    this.#asking = undefined;
    this.#nextAtMs = 0;
  }

  /** Makes sure that the view is covered, asking only if it is not. Cheap: may be called every frame. */
  want(asked: HistoryWish, nowMs: number): void {
    if (asked.channels.length === 0 || nowMs < this.#nextAtMs) return;
    // With its margins an answer must not be wider than the contract allows, or it would never be fine enough.
    const wish = { ...asked, width: Math.min(asked.width, Math.floor(WIDEST / (1 + 2 * MARGIN))) };
    const found = this.#covering(wish);
    if (found) found.usedAt = ++this.#uses;
    else if (!this.#asking) this.#start(widened(wish), nowMs);
  }

  [Symbol.dispose](): void {
    this.#asking?.abort();
    this.#client = undefined;
    this.#patches = [];
  }

  #covering(wish: HistoryWish): Patch | undefined {
    const fineS = (wish.range.toS - wish.range.fromS) / wish.width;
    return this.#patches.find(
      (patch) =>
        patch.fromS <= wish.range.fromS &&
        patch.toS >= wish.range.toS &&
        patch.fineS <= fineS * COARSE &&
        wish.channels.every((channel) => patch.channels.has(channel)),
    );
  }

  #start(wish: HistoryWish, nowMs: number): void {
    const client = this.#client;
    if (!client) return;
    // A view that moves asks in steps, not for every frame.
    this.#nextAtMs = nowMs + PAUSE_MS;
    const asking = new AbortController();
    this.#asking = asking;
    const end = (): void => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    this.#ask(client, wish, asking.signal).then(
      (patch) => {
        end();
        if (this.#client !== client) return;
        this.#keep(patch);
        this.#options.onFault(undefined);
      },
      (thrown: unknown) => {
        end();
        const error = LabError.from(thrown);
        if (error.isCancelled || error.code === 'link.closed') return;
        this.#nextAtMs = Math.max(this.#nextAtMs, nowMs + RETRY_MS);
        this.#options.onFault(error);
      },
    );
  }

  async #ask(client: Client, wish: HistoryWish, signal: AbortSignal): Promise<Patch> {
    const { origin, originNs } = this.#options;
    const streams = new Map<number, StreamInfo>();
    // The answer names its streams after its frames.
    let waiting: FrameBlock[] = [];
    const find = (id: number): StreamInfo | undefined =>
      streams.get(id) ?? (origin === 'live' ? this.#options.findStream(id) : undefined);
    const fineS = (wish.range.toS - wish.range.fromS) / wish.width;
    const stretches: Stretch[] = [];
    const toNs = (seconds: number): bigint => originNs + BigInt(Math.round(seconds * 1e9));
    let fromNs: bigint = toNs(wish.range.fromS);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const frames = framesOf(client);
      const request = frames.nextRequest();
      const stop = frames.onReply(request, (block) => waiting.push(block));
      try {
        const answer = await client.call(
          'history.read',
          {
            request,
            origin,
            channels: [...wish.channels],
            fromNs: String(fromNs),
            toNs: String(toNs(wish.range.toS)),
            // What is left of the range in what is left of the width: the same columns in every round.
            width: Math.max(
              16,
              Math.round(
                (wish.width * Number(toNs(wish.range.toS) - fromNs)) / 1e9 / (wish.range.toS - wish.range.fromS),
              ),
            ),
          },
          { signal },
        );
        for (const stream of answer.streams) streams.set(stream.id, stream);
        const fromS = Number(fromNs - originNs) / 1e9;
        let stretch = stretches.at(-1);
        if (!stretch?.fits(waiting)) {
          if (stretch) stretch.toS = fromS;
          const { toS } = wish.range;
          stretch = new Stretch(new ColumnSet(originNs, 4 * WIDEST, find), { fromS, toS, fineS });
          stretches.push(stretch);
        }
        for (const block of waiting) stretch.take(block);
        waiting = [];
        if (answer.nextNs === null || BigInt(answer.nextNs) <= fromNs) break;
        fromNs = BigInt(answer.nextNs);
      } finally {
        stop();
      }
    }
    return {
      fromS: wish.range.fromS,
      toS: wish.range.toS,
      fineS,
      channels: new Set(wish.channels),
      sets: stretches.map(({ set }) => set),
      usedAt: ++this.#uses,
      pieces: (channel, fromS, toS) => mixColumns(stretches, channel, fromS, toS),
    };
  }

  #keep(patch: Patch): void {
    this.#patches.push(patch);
    if (this.#patches.length > MOST_PATCHES) {
      const oldest = this.#patches.reduce((a, b) => (a.usedAt <= b.usedAt ? a : b));
      this.#patches.splice(this.#patches.indexOf(oldest), 1);
    }
    this.revision++;
    this.#options.onAnswer();
  }
}

/** Neighbouring rounds of one answer whose streams come in columns as wide: a stream that ends, or the rest of a cut answer, may have others. */
class Stretch implements ColumnCover {
  readonly set: ColumnSet;
  readonly fromS: number;
  readonly fineS: number;
  toS: number;
  /** Rows a column has, by stream. */
  readonly #sizes = new Map<number, number>();

  constructor(set: ColumnSet, { fromS, toS, fineS }: Pick<ColumnCover, 'fromS' | 'toS' | 'fineS'>) {
    this.set = set;
    this.fromS = fromS;
    this.toS = toS;
    this.fineS = fineS;
  }

  fits(blocks: readonly FrameBlock[]): boolean {
    return blocks.every((block) => {
      const n = block.kind === 'columns' ? this.#sizes.get(block.stream) : undefined;
      return n === undefined || (block.kind === 'columns' && block.columns.n === n);
    });
  }

  take(block: FrameBlock): void {
    if (block.kind === 'columns') this.#sizes.set(block.stream, block.columns.n);
    this.set.take(block);
  }

  pieces(channel: string, fromS: number, toS: number): TraceColumns[] {
    return this.set.pieces(channel, fromS, toS);
  }
}

function widened(wish: HistoryWish): HistoryWish {
  const margin = (wish.range.toS - wish.range.fromS) * MARGIN;
  const fromS = Math.max(Math.min(wish.limits.fromS, wish.range.fromS), wish.range.fromS - margin);
  const toS = Math.min(Math.max(wish.limits.toS, wish.range.toS), wish.range.toS + margin);
  const width = (wish.width * (toS - fromS)) / (wish.range.toS - wish.range.fromS);
  return { ...wish, range: { fromS, toS }, width: Math.min(WIDEST, Math.ceil(width)) };
}
