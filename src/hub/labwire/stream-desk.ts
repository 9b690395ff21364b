import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { EquipmentStream } from '../bench/equipment.ts';
import type { FeedHold } from '../bench/feed-table.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import type { StreamFeed } from '../bench/stream-feed.ts';
import type { Attachment } from '../delivery/delivery-source.ts';
import type { Outbox } from '../delivery/outbox.ts';
import type { WantedStream } from './client-message.ts';
import { FeedSource } from './feed-source.ts';
import type { FrameCompressor } from './frame-compressor.ts';
import type { LabwireLimits } from './greeting.ts';
import { type LabwireSession, streamKey } from './labwire-session.ts';
import { textMessage } from './outgoing.ts';
import type { ResumePlan } from './resume-plan.ts';
import type { RowAccept } from './row-form.ts';
import type { SheddingRules } from './row-shedding.ts';
import { isOffered, schemaOf } from './stream-form.ts';
import { paceOf } from './stream-pace.ts';

export interface StreamDeskHost {
  /** Id of this hub: what came through it once is not sent again. */
  hub: string;
  bench: HubBench;
  outbox: Outbox;
  session: LabwireSession;
  accept: RowAccept;
  compressor: FrameCompressor;
  limits: LabwireLimits;
  /** Whether the client may read values now. */
  mayRead(): boolean;
  nowNs(): bigint;
}

interface Running {
  wanted: WantedStream;
  /** The engine's key. */
  feedKey: string;
  source: FeedSource;
  hold: FeedHold;
  attachment: Attachment | undefined;
  /** As the client was told; ms. */
  intervalMs: number;
}

type Re = string | number | undefined;

const MOST_HANDLES = 0xffff;
/** The distance of rows changed by more than that: it is told. */
const TOLD_FACTOR = 1.5;

/**
 * The streams of one client. What it wants is kept: a stream that is not there, or goes, begins as soon as it is.
 *
 *     wanted ──there──▶ running ──instrument gone: stream_stopped──▶ wanted
 *        └────stop_stream────┴──▶ (none)
 */
export class StreamDesk {
  readonly #host: StreamDeskHost;
  readonly #running = new Map<string, Running>();
  #accept: RowAccept;
  #handles = 0;
  /** Nothing begins any more: rows between would be missing, and nobody would say so. */
  #isOver = false;

  constructor(host: StreamDeskHost) {
    this.#host = host;
    this.#accept = host.accept;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Of a stream that runs. */
  source(key: string): FeedSource | undefined {
    return this.#running.get(key)?.source;
  }

  hold(key: string): FeedHold | undefined {
    return this.#running.get(key)?.hold;
  }

  /** Of 16 bits, and of no stream that runs: over a long life they come again. */
  nextHandle(): number {
    const taken = new Set([...this.#running.values()].map(({ source }) => source.handle));
    do this.#handles = (this.#handles % MOST_HANDLES) + 1;
    while (taken.has(this.#handles));
    return this.#handles;
  }

  /**
   * Starts a stream, or changes how one that runs is sent. It stays wanted whatever comes. Throws hub.forbidden, hub.no-equipment, hub.no-stream, call.limit,
   * driver.unsupported, hub.busy.
   */
  start(wanted: WantedStream, re?: Re, plan?: ResumePlan): void {
    const { session, limits, outbox } = this.#host;
    if (this.#isOver)
      throw new LabError(
        'hub.busy',
        'The hub ends this connection. Nothing is sent over it any more; come again in a moment.',
      );
    if (!this.#host.mayRead())
      throw new LabError('hub.forbidden', 'Values are for those with a login here. Nothing is sent; log in first.');
    const key = streamKey(wanted);
    if (!session.wanted.has(key) && session.wanted.size >= limits.maxStreams)
      throw new LabError(
        'call.limit',
        `${limits.maxStreams} streams are wanted already. This one is not sent; stop another first.`,
      );
    session.wanted.set(key, wanted);
    const running = this.#running.get(key);
    if (running) this.#change(running, wanted);
    const started = running ?? this.#begin(key, wanted, plan);
    outbox.offer(
      textMessage(this.#startedBody(key, started, re), wanted.priority === 'CRITICAL' ? { priority: 'CRITICAL' } : {}),
    );
    if (started.attachment) return;
    started.attachment = outbox.attach(started.source);
  }

  /** False: it was not wanted. */
  stop(key: string, reason: string, re?: Re): boolean {
    const wasWanted = this.#host.session.wanted.delete(key);
    const running = this.#running.get(key);
    if (running) this.#end(key, running);
    if (!wasWanted) return false;
    this.#host.outbox.offer(textMessage({ type: 'stream_stopped', ...(re === undefined ? {} : { re }), key, reason }));
    return true;
  }

  stopAll(reason: string): void {
    for (const key of [...this.#host.session.wanted.keys()]) this.stop(key, reason);
  }

  /** Throws hub.no-stream. */
  setPriority(key: string, priority: WantedStream['priority']): void {
    const wanted = this.#host.session.wanted.get(key);
    if (!wanted) throw notWanted(key);
    this.#host.session.wanted.set(key, { ...wanted, priority });
    this.#host.outbox.setPriority(key, priority);
  }

  /** Other codecs from the next frame on. */
  setCodecs(codecs: RowAccept['codecs']): void {
    this.#accept = { ...this.#accept, codecs };
    for (const { source } of this.#running.values()) source.codecs = codecs;
  }

  /** The bench changed: streams that are there now begin, those whose rate changed are chosen from anew. */
  follow(): void {
    if (this.#isOver) return;
    for (const [key, wanted] of this.#host.session.wanted) {
      const running = this.#running.get(key);
      if (running) this.#settle(key, running);
      else if (this.#find(wanted)) {
        try {
          this.start(wanted);
        } catch {
          // It went again, or may not be read any more: it stays wanted.
        }
      }
    }
  }

  /** The socket is gone: rows go on into the feeds for when it comes back. */
  keep(): void {
    this.#isOver = true;
    const { bench, session } = this.#host;
    for (const [key, { feedKey, hold, wanted }] of this.#running) {
      try {
        // One that ended is not in the bench any more: the one that came after it is kept, or none.
        if (hold.feed.isEnded) session.feeds.ended(key, hold.feed);
        session.feeds.keep(key, (listener) => bench.hold(feedKey, listener, demandOf(hold.feed.info, wanted)));
      } catch {
        // There is nothing to keep.
      }
      hold[Symbol.dispose]();
    }
    this.#running.clear();
  }

  /** The feed kept for a stream while its client was away; if that ended, the one there is now, kept from here on. */
  kept(wanted: WantedStream): StreamFeed | undefined {
    const { bench, session } = this.#host;
    const key = streamKey(wanted);
    const feed = session.feeds.get(key);
    const now = feed || !session.feeds.hasEnded(key) ? undefined : this.#find(wanted);
    if (!now) return feed;
    const { info } = now;
    try {
      return session.feeds.keep(key, (listener) => bench.hold(info.key, listener, demandOf(info, wanted)));
    } catch {
      // It went again.
      return undefined;
    }
  }

  /** Lets all feeds go. */
  release(): void {
    this.#isOver = true;
    for (const { hold } of this.#running.values()) hold[Symbol.dispose]();
    this.#running.clear();
  }

  #begin(key: string, wanted: WantedStream, plan: ResumePlan | undefined): Running {
    const { bench, nowNs } = this.#host;
    const { info } = this.#findOrThrow(wanted);
    const { pace, intervalMs } = paceOf(info, this.#channelsOf(info.key), wanted.interval_ms);
    let running: Running | undefined;
    const hold = bench.hold(
      info.key,
      {
        rows: () => running?.attachment?.changed(),
        reset: () => {
          running?.source.reset();
          if (running) this.#settle(key, running);
          running?.attachment?.changed();
        },
        ended: (reason) => {
          running?.source.ended(reason);
          running?.attachment?.changed();
        },
      },
      demandOf(info, wanted),
    );
    // A plan is of one numbering; of another one it would wait for rows that never come.
    const isPlanned = plan?.epoch === hold.feed.info.epoch;
    if (plan && !isPlanned) this.#missOld(key, plan);
    const source = new FeedSource(hold, {
      key,
      handle: plan?.handle ?? this.nextHandle(),
      priority: wanted.priority,
      accept: this.#accept,
      compressor: this.#host.compressor,
      pace,
      maxFrameBytes: this.#host.outbox.options.maxFrameBytes,
      from: isPlanned ? plan?.from : plan ? hold.feed.ring.firstRow : firstRowOf(hold, wanted),
      shedding: sheddingOf(wanted),
      nowNs,
      replayTo: isPlanned ? plan?.replayTo : undefined,
      onOver: () => {
        if (running && this.#running.get(key) === running) this.#end(key, running);
      },
    });
    running = { wanted, feedKey: info.key, source, hold, attachment: undefined, intervalMs };
    this.#running.set(key, running);
    return running;
  }

  /** Rows of a plan whose numbering has ended. */
  #missOld(key: string, { epoch, from, replayTo }: ResumePlan): void {
    if (from === undefined || replayTo === undefined || replayTo <= from) return;
    const reason = 'The stream began anew.';
    this.#host.outbox.offer(textMessage({ type: 'gap', key, epoch, from, to: replayTo - 1, reason }));
  }

  #end(key: string, { attachment, hold }: Running): void {
    this.#running.delete(key);
    attachment?.detach();
    hold[Symbol.dispose]();
    this.#host.outbox.forget(key);
    this.#host.compressor.forget(hold.feed.key);
  }

  #change(running: Running, wanted: WantedStream): void {
    const { info } = running.hold.feed;
    const { pace, intervalMs } = paceOf(info, this.#channelsOf(info.key), wanted.interval_ms);
    if (wanted.priority !== running.wanted.priority) this.#host.outbox.setPriority(streamKey(wanted), wanted.priority);
    running.wanted = wanted;
    running.source.pace = pace;
    running.source.shedding = sheddingOf(wanted);
    running.intervalMs = intervalMs;
    running.hold.setRate(demandOf(info, wanted));
    running.attachment?.changed();
  }

  /** Rows come at another rate: which of them are due is chosen anew, and a distance that is another one is told. */
  #settle(key: string, running: Running): void {
    const { info } = running.hold.feed;
    const { pace, intervalMs } = paceOf(info, this.#channelsOf(info.key), running.wanted.interval_ms);
    const factor = intervalMs / running.intervalMs;
    if (factor < TOLD_FACTOR && factor > 1 / TOLD_FACTOR) return;
    running.source.pace = pace;
    running.intervalMs = intervalMs;
    this.#host.outbox.offer(
      textMessage({
        type: 'rate_changed',
        key,
        interval_ms: intervalMs,
        reason: 'The rate of the instrument changed.',
      }),
    );
  }

  #startedBody(key: string, { wanted, source, hold, intervalMs }: Running, re: Re): { type: string } {
    const { seq } = source;
    const started = {
      type: 'stream_started',
      ...(re === undefined ? {} : { re }),
      equipment_id: wanted.equipment_id,
      stream_type: wanted.stream_type,
      interval_ms: intervalMs,
      priority: wanted.priority,
      delivery: wanted.delivery,
      ...(wanted.max_age_ms === undefined ? {} : { max_age_ms: wanted.max_age_ms }),
      key,
      handle: source.handle,
      epoch: source.epoch,
      ...(seq === undefined ? {} : { seq }),
      schema: schemaOf(hold.feed.info, source.dtype),
    };
    return started;
  }

  #channelsOf(feedKey: string): HubBench['state']['channels'] {
    return this.#host.bench.state.channels.filter(({ stream }) => stream === feedKey);
  }

  #find({ equipment_id, stream_type }: WantedStream): EquipmentStream | undefined {
    const found = this.#host.bench.equipment.find(
      ({ id, via }) => id === equipment_id && !via.includes(this.#host.hub),
    );
    const stream = found?.streams.find(({ name }) => name === stream_type);
    return stream && isOffered(stream.info) ? stream : undefined;
  }

  #findOrThrow(wanted: WantedStream): EquipmentStream {
    const stream = this.#find(wanted);
    if (stream) return stream;
    this.#host.bench.find(wanted.equipment_id);
    throw notThere(streamKey(wanted));
  }
}

/** How often the instrument is to be asked for this client; Hz. 0: as it is. */
function demandOf({ kind }: Pick<StreamInfo, 'kind'>, { interval_ms }: WantedStream): number {
  return kind === 'timed' && interval_ms > 0 ? 1000 / interval_ms : 0;
}

function sheddingOf({ delivery, max_age_ms }: WantedStream): SheddingRules {
  return { isLatest: delivery === 'latest', maxAgeMs: max_age_ms };
}

/** Who wants the newest value gets the one there is at once; undefined: what comes from now on. */
function firstRowOf({ feed }: FeedHold, { delivery }: WantedStream): number | undefined {
  return delivery === 'latest' && feed.ring.firstRow !== undefined ? feed.endRow - 1 : undefined;
}

function notThere(key: string): LabError {
  return new LabError(
    'hub.no-stream',
    `There is no stream ${key.slice(0, 200)} now. Nothing is sent of it; it begins as soon as it is there.`,
  );
}

function notWanted(key: string): LabError {
  return new LabError('hub.no-stream', `The stream ${key.slice(0, 200)} does not run here. Nothing was changed.`);
}
