import type { Clock } from '../../core/clock.ts';
import { type NeurographRate, neurographRate } from '../../protocol/lab/neurograph-role.ts';
import { TokenBucket } from './token-bucket.ts';

/** The client asks far too much; it may come back after a while. */
export const CLOSE_RATE = 4429;

export interface RequestLimits {
  /** Bucket of a message type; default: 140/2, 50/1, 30/0.5, 80/10 (burst 20 included). */
  rateOf(type: string): NeurographRate;
  /** Types with a bucket of their own; all others share one, so that invented types gain nothing. */
  knownTypes: ReadonlySet<string>;
  /** So many refusals within `warnMs` give the verdict `warn`, once in that time. */
  warnAfter: number;
  warnMs: number;
  /** So many refusals, none of them `forgiveMs` after the one before, give `close`. */
  closeAfter: number;
  forgiveMs: number;
  /** A client silent for so long is forgotten; ms. */
  staleMs: number;
  /** Clients remembered; the longest silent ones go first. */
  maxClients: number;
}

export const REQUEST_LIMITS: Readonly<RequestLimits> = {
  rateOf: neurographRate,
  knownTypes: new Set(['ping', 'subscribe', 'unsubscribe', 'get_subscriptions']),
  warnAfter: 3,
  warnMs: 10_000,
  closeAfter: 100,
  forgiveMs: 60_000,
  staleMs: 3_600_000,
  maxClients: 10_000,
};

/** Whether a request is carried out. A refused one is dropped, never queued. */
export type RequestVerdict =
  | { kind: 'allowed' }
  /** `retryAfterS`: from then on one would pass. `warn`: tell the client what it does. `close`: with 4429. */
  | { kind: 'refused'; retryAfterS: number; action: 'answer' | 'warn' | 'close' };

/** Since the hub began, or `resetStats`. */
export interface RequestStats {
  clients: number;
  buckets: number;
  allowed: number;
  refused: number;
  warned: number;
  closed: number;
  /** By known type; the shared bucket is `other`. */
  refused_by_type: Record<string, number>;
}

interface ClientBuckets {
  buckets: Map<string, TokenBucket>;
  seenMs: number;
  /** Times of the refusals that count for a warning; at most `warnAfter`. */
  recent: number[];
  warnedMs: number;
  refusedInARow: number;
  refusedMs: number;
}

const ALLOWED: RequestVerdict = { kind: 'allowed' };
const SHARED = 'other';

/** Limits what clients ask: a token bucket per client and message type. */
export class RequestBuckets {
  readonly #clock: Clock;
  readonly #limits: RequestLimits;
  /** Longest silent first: a client that asks moves to the end. */
  readonly #clients = new Map<string, ClientBuckets>();
  #allowed = 0;
  #refused = 0;
  #warned = 0;
  #closed = 0;
  #refusedByType = new Map<string, number>();

  constructor(clock: Clock, limits: Partial<RequestLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...REQUEST_LIMITS, ...limits };
  }

  /** Counts one request of a client; `client` is whatever a limit belongs to (connection, user). */
  take(client: string, type: string): RequestVerdict {
    const now = this.#clock.monotonicMs();
    const known = this.#clients.get(client);
    const state = known ?? this.#newClient();
    state.seenMs = now;
    this.#clients.delete(client);
    this.#clients.set(client, state);
    this.#sweep(now);
    const name = this.#limits.knownTypes.has(type) ? type : SHARED;
    const bucket = this.#bucketOf(state, name);
    if (bucket.take(now)) {
      this.#allowed++;
      return ALLOWED;
    }
    return this.#refuse(state, name, bucket, now);
  }

  /** The client is gone, and so is what was counted of it. */
  leave(client: string): void {
    this.#clients.delete(client);
  }

  stats(): RequestStats {
    let buckets = 0;
    for (const client of this.#clients.values()) buckets += client.buckets.size;
    return {
      clients: this.#clients.size,
      buckets,
      allowed: this.#allowed,
      refused: this.#refused,
      warned: this.#warned,
      closed: this.#closed,
      refused_by_type: Object.fromEntries(this.#refusedByType),
    };
  }

  resetStats(): void {
    this.#allowed = 0;
    this.#refused = 0;
    this.#warned = 0;
    this.#closed = 0;
    this.#refusedByType = new Map();
  }

  #newClient(): ClientBuckets {
    const never = Number.NEGATIVE_INFINITY;
    return { buckets: new Map(), seenMs: 0, recent: [], warnedMs: never, refusedInARow: 0, refusedMs: never };
  }

  #bucketOf(client: ClientBuckets, name: string): TokenBucket {
    const found = client.buckets.get(name);
    if (found) return found;
    const { capacity, perS } = this.#limits.rateOf(name);
    const made = new TokenBucket(capacity, perS, this.#clock.monotonicMs());
    client.buckets.set(name, made);
    return made;
  }

  #refuse(client: ClientBuckets, name: string, bucket: TokenBucket, now: number): RequestVerdict {
    const { warnAfter, warnMs, closeAfter, forgiveMs } = this.#limits;
    this.#refused++;
    this.#refusedByType.set(name, (this.#refusedByType.get(name) ?? 0) + 1);
    client.refusedInARow = now - client.refusedMs > forgiveMs ? 1 : client.refusedInARow + 1;
    client.refusedMs = now;
    client.recent.push(now);
    if (client.recent.length > warnAfter) client.recent.shift();
    const retryAfterS = bucket.waitMs(now) / 1000;
    if (client.refusedInARow >= closeAfter) {
      this.#closed++;
      return { kind: 'refused', retryAfterS, action: 'close' };
    }
    const isMany = client.recent.length >= warnAfter && now - (client.recent[0] ?? now) <= warnMs;
    if (!isMany || now - client.warnedMs <= warnMs) return { kind: 'refused', retryAfterS, action: 'answer' };
    client.warnedMs = now;
    this.#warned++;
    return { kind: 'refused', retryAfterS, action: 'warn' };
  }

  /** The first in the map is the longest silent: nothing behind one that stays must be looked at. */
  #sweep(now: number): void {
    for (const [client, { seenMs }] of this.#clients) {
      if (this.#clients.size <= this.#limits.maxClients && now - seenMs <= this.#limits.staleMs) return;
      this.#clients.delete(client);
    }
  }
}
