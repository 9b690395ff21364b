import type { Clock } from '../../core/clock.ts';
import type { StreamExtras } from '../../protocol/lab/lablink-command.ts';
import { clampInterval } from '../../protocol/lab/lablink-command.ts';
import type { SocketKind } from './socket-protocol.ts';
import type { SocketTrust } from './socket-trust.ts';

/** One stream as the socket knows it. */
export interface StreamTarget {
  /** Its messages carry dates: a server that is not repaired cuts everybody off at the first. */
  isDated: boolean;
  /** Its every message does, so one of them proves that the server can send dates. */
  isProof: boolean;
  start(intervalMs: number, extras: StreamExtras): string;
  stop(): string;
}

export interface StarterHost {
  clock: Clock;
  /** false: there is no connection. */
  send(text: string): boolean;
  /** A new connection is the only cure. */
  renew(reason: string): void;
  /** Knowledge of the socket that stands now. */
  trust(): SocketTrust;
  /** Version shipped with the defect, on the basic socket: nothing dated is started untried. */
  isSuspect(): boolean;
  /** A dated stream is wanted and nobody knows whether it may be started. */
  wantTrial(): void;
  /** What is known of the socket changed. */
  trustChanged(): void;
  /** The instrument answers when it is asked over REST. */
  answers(key: string): boolean;
}

interface Started {
  intervalMs: number;
  hasDelivered: boolean;
  /** It ran before we asked: somebody else watches it. */
  wasForeign: boolean;
  deliveredMs: number;
  retriedMs: number;
}

/** Share of the enhanced socket's rate limit this client uses; past the limit its queue drops all, answers included. */
const RATE_SHARE = 0.8;
const DEFAULT_RATE = 100;
/** Data of others count as present for so long. */
const FOREIGN_MS = 5_000;
/** A stream that stopped is asked for again no sooner than that: clients that stop each other's must not fight. */
const RETRY_MS = 10_000;
const SILENT_MS = 2_000;
/** What comes so soon after our stop was under way already: it is nobody else's. */
const TRAIL_MS = 2_000;

/**
 * Starts and stops streams on the connection that stands: each once, none that could cut others off, those of others left alone, and on the enhanced socket no
 * more messages than it can send.
 */
export class StreamStarter {
  readonly #host: StarterHost;
  readonly #targets = new Map<string, StreamTarget>();
  readonly #wanted = new Map<string, number>();
  readonly #started = new Map<string, Started>();
  /** Streams of others, and when they were last seen; of any key. */
  readonly #foreign = new Map<string, number>();
  /** When we stopped a stream. */
  readonly #stopped = new Map<string, number>();
  readonly #checks = new Set<Disposable>();
  #flush: Disposable | undefined;
  #kind: SocketKind | undefined;
  #extras: StreamExtras = {};
  #rateLimit = Number.POSITIVE_INFINITY;
  #stretch = 1;
  /** A date came on the connection that stands. */
  #isProven = false;

  constructor(host: StarterHost) {
    this.#host = host;
  }

  describe(key: string, target: StreamTarget): void {
    this.#targets.set(key, target);
  }

  /** A connection stands. `rateLimit`: messages each second, of the enhanced socket. */
  connected(kind: SocketKind, rateLimit: number | undefined, extras: StreamExtras): void {
    this.ended();
    this.#kind = kind;
    this.#extras = extras;
    this.#rateLimit = kind === 'enhanced' ? (rateLimit ?? DEFAULT_RATE) * RATE_SHARE : Number.POSITIVE_INFINITY;
  }

  ended(): void {
    this.#kind = undefined;
    this.#started.clear();
    this.#foreign.clear();
    this.#stopped.clear();
    this.#wanted.clear();
    this.#flush?.[Symbol.dispose]();
    this.#flush = undefined;
    this.#stretch = 1;
    this.#isProven = false;
    for (const check of this.#checks) check[Symbol.dispose]();
    this.#checks.clear();
  }

  want(key: string, intervalMs: number): void {
    this.#wanted.set(key, clampInterval(intervalMs));
    // The enhanced socket has a limit for all together: streams that are wanted in one go are started in one go.
    if (this.#kind === 'enhanced') this.#flush ??= this.#host.clock.after(0, () => this.#flushed());
    else this.#sync(key);
  }

  unwant(key: string): void {
    this.#wanted.delete(key);
    this.#stop(key);
    this.#targets.delete(key);
    // What is left may go faster now.
    if (this.#kind === 'enhanced') this.#flush ??= this.#host.clock.after(0, () => this.#flushed());
  }

  /** Whether the socket may be asked for it now. */
  mayStart(key: string): boolean {
    const target = this.#targets.get(key);
    if (!target || this.#kind === undefined) return false;
    if (!target.isDated) return true;
    const { state } = this.#host.trust();
    return state === 'works' || (state === 'unknown' && !this.#host.isSuspect());
  }

  /** Another client is there and watches something: a trial could cut it off. */
  get hasOthers(): boolean {
    const now = this.#host.clock.monotonicMs();
    return [...this.#foreign.values()].some((seenMs) => now - seenMs < FOREIGN_MS);
  }

  /** The first dated stream that waits for a trial. */
  get waiting(): string | undefined {
    for (const key of this.#wanted.keys()) if (this.#targets.get(key)?.isDated && !this.#started.has(key)) return key;
    return undefined;
  }

  get started(): readonly string[] {
    return [...this.#started.keys()];
  }

  /** Starts one stream although nobody knows what it does. */
  trial(key: string): void {
    const intervalMs = this.#wanted.get(key);
    if (intervalMs !== undefined) this.#start(key, intervalMs);
  }

  /** They would cut off every new connection, so they are stopped first: all with dates. */
  abandonDated(): void {
    for (const key of [...this.#started.keys()]) if (this.#targets.get(key)?.isDated) this.#stop(key);
  }

  /** A message of a stream came, ours or not. `isDated`: with a date in it. */
  delivered(key: string, isDated: boolean): void {
    const now = this.#host.clock.monotonicMs();
    const started = this.#started.get(key);
    if (started) {
      started.hasDelivered = true;
      started.deliveredMs = now;
    } else if (now - (this.#stopped.get(key) ?? Number.NEGATIVE_INFINITY) > TRAIL_MS) {
      this.#foreign.set(key, now);
      if (this.#foreign.size > 1000) this.#foreign.clear();
    }
    this.#isProven ||= isDated;
    if (isDated && this.#host.trust().sawDate()) {
      this.#host.trustChanged();
      this.resume();
    }
  }

  /** Starts what waits and may be started now. */
  resume(): void {
    this.#balance();
    for (const key of this.#wanted.keys()) this.#sync(key);
  }

  /**
   * A started stream went silent. One that delivered before was stopped by somebody, or its instrument was away, or another client cut us off: it is asked
   * for once more, then the connection is made anew. One that never delivered may have cut everybody off.
   */
  silent(key: string, reason: string): void {
    const started = this.#started.get(key);
    const target = this.#targets.get(key);
    if (!started || !target) return;
    if (started.hasDelivered) {
      this.#retry(key, started, reason);
      return;
    }
    // Where others deliver, only this instrument has nothing to say.
    if (!target.isDated || this.#isProven) return;
    const trust = this.#host.trust();
    this.abandonDated();
    // It could once: the server is another one now, or the instrument is away. A trial tells.
    if (trust.state === 'works' && this.#host.isSuspect()) trust.reset();
    else trust.kills('A stream with dates was started and nothing came: the server cannot send them.');
    this.#host.trustChanged();
    if (trust.state === 'kills') this.#host.renew(reason);
    else this.#host.wantTrial();
  }

  /** Asks again for started streams that have been silent for a minute: an instrument may be back. */
  retrySilent(): void {
    const now = this.#host.clock.monotonicMs();
    for (const [key, started] of this.#started)
      if (now - Math.max(started.deliveredMs, started.retriedMs) > 60_000) this.#again(key, started);
  }

  /** The instrument was away and is back, its streams are not. */
  back(keys: Iterable<string>): void {
    for (const key of keys) {
      const started = this.#started.get(key);
      if (started) this.#again(key, started);
    }
  }

  /** Before the connection is ended: on the enhanced socket what is not stopped runs for ever. */
  farewell(): string[] {
    return [...this.#started].flatMap(([key, { wasForeign }]) => {
      const target = this.#targets.get(key);
      return target && !(wasForeign && this.#kind === 'basic') ? [target.stop()] : [];
    });
  }

  #sync(key: string): void {
    const asked = this.#wanted.get(key);
    const target = this.#targets.get(key);
    if (asked === undefined || !target || this.#kind === undefined) return;
    if (!this.mayStart(key)) {
      if (target.isDated && this.#host.trust().state === 'unknown') this.#host.wantTrial();
      return;
    }
    const intervalMs = clampInterval(asked * this.#stretch);
    const started = this.#started.get(key);
    if (started?.intervalMs === intervalMs) return;
    // Started twice, the enhanced socket leaves the first running for ever.
    if (started && this.#kind === 'enhanced') this.#stop(key);
    this.#start(key, intervalMs, started);
  }

  #start(key: string, intervalMs: number, before?: Started): void {
    const target = this.#targets.get(key);
    if (!target || !this.#host.send(target.start(intervalMs, this.#extras))) return;
    const now = this.#host.clock.monotonicMs();
    const seenMs = this.#foreign.get(key);
    this.#foreign.delete(key);
    const wasForeign = before?.wasForeign ?? (seenMs !== undefined && now - seenMs < FOREIGN_MS);
    const hasDelivered = before?.hasDelivered ?? wasForeign;
    this.#started.set(key, {
      intervalMs,
      hasDelivered,
      wasForeign,
      deliveredMs: before?.deliveredMs ?? now,
      retriedMs: before?.retriedMs ?? Number.NEGATIVE_INFINITY,
    });
  }

  #stop(key: string): void {
    const started = this.#started.get(key);
    if (!started) return;
    this.#started.delete(key);
    this.#stopped.set(key, this.#host.clock.monotonicMs());
    // On the basic socket a stop is for everybody.
    const target = this.#targets.get(key);
    if (target && !(started.wasForeign && this.#kind === 'basic')) this.#host.send(target.stop());
  }

  #retry(key: string, started: Started, reason: string): void {
    const { clock } = this.#host;
    const now = clock.monotonicMs();
    if (now - started.retriedMs < RETRY_MS) return;
    this.#again(key, started);
    const wait = Math.max(SILENT_MS, 3 * started.intervalMs);
    const check = clock.after(wait, () => {
      this.#checks.delete(check);
      // Where others deliver, the connection is good and the instrument is not.
      const isDead = [...this.#started.values()].every(({ deliveredMs }) => deliveredMs < now);
      if (this.#started.get(key) === started && isDead) this.#host.renew(reason);
    });
    this.#checks.add(check);
  }

  #again(key: string, started: Started): void {
    const target = this.#targets.get(key);
    if (!target || !this.mayStart(key)) return;
    started.retriedMs = this.#host.clock.monotonicMs();
    if (this.#kind === 'enhanced') this.#host.send(target.stop());
    this.#host.send(target.start(started.intervalMs, this.#extras));
  }

  #flushed(): void {
    this.#flush = undefined;
    this.resume();
  }

  /** Stretches all intervals alike when the enhanced socket would be asked for more than it can send. */
  #balance(): void {
    if (!Number.isFinite(this.#rateLimit)) return;
    let rate = 0;
    for (const [key, intervalMs] of this.#wanted) if (this.mayStart(key)) rate += 1000 / intervalMs;
    const stretch = Math.max(1, rate / this.#rateLimit);
    if (stretch <= this.#stretch && stretch > this.#stretch * 0.8) return;
    this.#stretch = stretch;
  }
}
