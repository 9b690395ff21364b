import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { ANONYMOUS, type Principal } from './principal.ts';
import type {
  FenceReason,
  ResumeAnswer,
  ResumeResult,
  ResumeSession,
  ResumeStore,
  SessionHold,
  SessionOwner,
} from './resume-session.ts';
import { hashToken, type ResumeTokens } from './resume-token.ts';

export interface SessionStoreOptions<Kept> {
  clock: Clock;
  tokens: ResumeTokens;
  /** From the loss of the socket. Default 300 s. */
  ttlS?: number | undefined;
  /** A new token so often. Default 600 s. */
  reissueS?: number | undefined;
  /** Live and lost together. Default 10,000. */
  maxSessions?: number | undefined;
  /** Lost ones of one user; a further one takes the place of the oldest. Default 100. */
  maxAwayPerUser?: number | undefined;
  /** Tokens of the past that are remembered, to say why they are refused. Default 10,000. */
  maxPast?: number | undefined;
  /** For so long. Default 3600 s. */
  pastS?: number | undefined;
  /** A lost session is given up: what was kept for it can go. */
  onDropped?: ((session: ResumeSession<Kept>, why: 'expired' | 'evicted' | 'revoked') => void) | undefined;
}

/** The newest token and the one before: that the newest reached the client is not known until it is used. */
const TOKENS_EACH = 2;

interface Entry<Kept> {
  /** What others see of it. */
  readonly session: ResumeSession<Kept> & { principal: Principal };
  /** Hashes of the tokens that are good, newest last. */
  hashes: string[];
  /** Undefined while it is lost. */
  owner: SessionOwner | undefined;
  /** Goes up with each owner: holds of the ones before are void. */
  turn: number;
  /** When it was lost; monotonic ms. */
  lostMs: number;
  issuedMs: number;
}

type PastResult = Exclude<ResumeResult, 'ok' | 'unknown' | 'instance_changed' | 'user_mismatch'>;

/**
 * Logical sessions of clients, which outlive their sockets.
 *
 *            open                    lost                300 s
 *     (none) ────▶ live (one owner) ─────▶ away (none) ────────▶ gone: expired
 *                   │  ▲   ▲                 │    │
 *                   │  │   └──── resume ─────┘    └─ too many ─▶ gone: evicted
 *                   │  └ resume: the owner before is fenced first
 *                   ├─ end ─────▶ gone
 *                   └─ revoke ──▶ gone: the owner is fenced
 *
 * A session has one owner at most, and a token is good once. Everything happens within one call: nothing can come in between.
 */
export class SessionStore<Kept> implements ResumeStore<Kept> {
  readonly #options: SessionStoreOptions<Kept>;
  readonly #ttlMs: number;
  readonly #reissueMs: number;
  /** By id. */
  #sessions = new Map<string, Entry<Kept>>();
  #byHash = new Map<string, Entry<Kept>>();
  /** In order of loss, which is the order of their ends. */
  #away = new Set<Entry<Kept>>();
  /** How many of each user are lost. */
  #awayCounts = new Map<string, number>();
  /** In order of their last token, which is the order of the next one. */
  #live = new Set<Entry<Kept>>();
  /** Tokens that are good no more, oldest first, with the reason and until when it is remembered. */
  #past = new Map<string, { result: PastResult; untilMs: number }>();
  #timer: Disposable | undefined;
  #timerMs = Number.POSITIVE_INFINITY;
  #disposed = false;

  constructor(options: SessionStoreOptions<Kept>) {
    this.#options = options;
    this.#ttlMs = (options.ttlS ?? 300) * 1000;
    this.#reissueMs = (options.reissueS ?? 600) * 1000;
  }

  get counts(): { live: number; away: number; tokens: number } {
    return { live: this.#live.size, away: this.#away.size, tokens: this.#byHash.size + this.#past.size };
  }

  /** Those whose socket was lost, in the order of their ends; `leftS`: until then. */
  get away(): { session: ResumeSession<Kept>; leftS: number }[] {
    this.#sweep();
    const nowMs = this.#nowMs();
    return [...this.#away].map(({ session, lostMs }) => ({ session, leftS: (lostMs + this.#ttlMs - nowMs) / 1000 }));
  }

  /** Gives a lost session up before its time. False: none of that id is lost. */
  giveUp(id: string): boolean {
    const entry = this.#sessions.get(id);
    if (!entry || entry.owner) return false;
    this.#evict(entry);
    return true;
  }

  open(principal: Principal, clientId: string, owner: SessionOwner, kept: Kept): SessionHold<Kept> {
    this.#sweep();
    this.#makeRoom();
    const session = { id: randomUUID(), clientId, principal, kept };
    const entry: Entry<Kept> = {
      session,
      hashes: [],
      owner,
      turn: 0,
      lostMs: 0,
      issuedMs: 0,
    };
    this.#sessions.set(session.id, entry);
    return this.#own(entry, owner);
  }

  resume(token: string, principal: Principal, clientId: string | undefined, owner: SessionOwner): ResumeAnswer<Kept> {
    this.#sweep();
    const hash = hashToken(token);
    const entry = this.#byHash.get(hash);
    if (!entry) return { result: this.#past.get(hash)?.result ?? this.#stranger(token) };
    // The token stays good: who shows a copy of it can neither use it nor spoil it.
    const { session } = entry;
    const isSame = session.principal.user === principal.user && (clientId ?? session.clientId) === session.clientId;
    if (!isSame) return { result: 'user_mismatch' };
    this.#forgetTokens(entry, 'used');
    const before = session.principal;
    // Before it is fenced it still owns what is kept, and puts there what it has not sent.
    this.#fence(entry, 'superseded');
    session.principal = principal;
    return { result: 'ok', hold: this.#own(entry, owner), before };
  }

  revoke(isConcerned: (principal: Principal) => boolean): number {
    const concerned = [...this.#sessions.values()].filter(({ session }) => isConcerned(session.principal));
    for (const entry of concerned) {
      const isAway = entry.owner === undefined;
      this.#remove(entry, 'revoked', 'revoked');
      if (isAway) this.#options.onDropped?.(entry.session, 'revoked');
    }
    return concerned.length;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#sessions.clear();
    this.#byHash.clear();
    this.#away.clear();
    this.#awayCounts.clear();
    this.#live.clear();
    this.#past.clear();
  }

  #own(entry: Entry<Kept>, owner: SessionOwner): SessionHold<Kept> {
    this.#leaveAway(entry);
    entry.owner = owner;
    const turn = ++entry.turn;
    const token = this.#issue(entry);
    const isOwner = (): boolean => entry.turn === turn && entry.owner === owner;
    return {
      session: entry.session,
      token,
      expiresInS: this.#ttlMs / 1000,
      get isOwner() {
        return isOwner();
      },
      reissue: () => (isOwner() ? this.#issue(entry) : undefined),
      lost: () => {
        if (isOwner()) this.#lose(entry);
      },
      end: () => {
        if (!isOwner()) return;
        entry.owner = undefined;
        this.#remove(entry, 'expired');
      },
    };
  }

  #issue(entry: Entry<Kept>): string {
    const token = this.#options.tokens.create();
    const hash = hashToken(token);
    entry.hashes.push(hash);
    this.#byHash.set(hash, entry);
    if (entry.hashes.length > TOKENS_EACH) this.#forget(entry.hashes.shift(), 'expired');
    entry.issuedMs = this.#nowMs();
    this.#live.delete(entry);
    this.#live.add(entry);
    this.#schedule();
    return token;
  }

  #lose(entry: Entry<Kept>): void {
    entry.owner = undefined;
    entry.lostMs = this.#nowMs();
    this.#live.delete(entry);
    this.#away.add(entry);
    const { user } = entry.session.principal;
    const count = (this.#awayCounts.get(user) ?? 0) + 1;
    this.#awayCounts.set(user, count);
    // Nobody's sessions share one user: for them only the limit of all holds.
    if (count > (this.#options.maxAwayPerUser ?? 100) && user !== ANONYMOUS.user) {
      this.#evict([...this.#away].find(({ session }) => session.principal.user === user));
    }
    this.#schedule();
  }

  #leaveAway(entry: Entry<Kept>): void {
    if (!this.#away.delete(entry)) return;
    const { user } = entry.session.principal;
    const count = (this.#awayCounts.get(user) ?? 1) - 1;
    if (count > 0) this.#awayCounts.set(user, count);
    else this.#awayCounts.delete(user);
  }

  #makeRoom(): void {
    const { maxSessions = 10_000 } = this.#options;
    if (this.#sessions.size < maxSessions) return;
    const [oldest] = this.#away;
    if (!oldest) {
      const text = `${maxSessions} clients are connected already. This one was not taken; measurements go on. Close clients nobody needs, or try again later.`;
      throw new LabError('hub.busy', text, { retryAfterS: 30 });
    }
    this.#evict(oldest);
  }

  #evict(entry: Entry<Kept> | undefined): void {
    if (!entry) return;
    this.#remove(entry, 'expired', 'evicted');
    this.#options.onDropped?.(entry.session, 'evicted');
  }

  /** Ends a session; an owner it still has is fenced. */
  #remove(entry: Entry<Kept>, tokens: PastResult, fence: FenceReason = 'evicted'): void {
    this.#sessions.delete(entry.session.id);
    this.#forgetTokens(entry, tokens);
    this.#leaveAway(entry);
    this.#live.delete(entry);
    this.#fence(entry, fence);
  }

  #fence(entry: Entry<Kept>, reason: FenceReason): void {
    const { owner } = entry;
    // First, so that nothing the owner does counts as its own any more.
    entry.turn++;
    entry.owner = undefined;
    owner?.fenced(reason);
  }

  #forgetTokens(entry: Entry<Kept>, result: PastResult): void {
    for (const hash of entry.hashes) this.#forget(hash, result);
    entry.hashes = [];
  }

  #forget(hash: string | undefined, result: PastResult): void {
    if (hash === undefined) return;
    const { maxPast = 10_000, pastS = 3600 } = this.#options;
    this.#byHash.delete(hash);
    this.#past.set(hash, { result, untilMs: this.#nowMs() + pastS * 1000 });
    if (this.#past.size <= maxPast) return;
    const [oldest] = this.#past.keys();
    if (oldest !== undefined) this.#past.delete(oldest);
  }

  #stranger(token: string): 'unknown' | 'instance_changed' {
    return this.#options.tokens.originOf(token) === 'before' ? 'instance_changed' : 'unknown';
  }

  /** Everything that is due by now; called by the timer and before each question, so that no answer depends on a timer. */
  #sweep(): void {
    const nowMs = this.#nowMs();
    for (const entry of this.#away) {
      if (entry.lostMs + this.#ttlMs > nowMs) break;
      this.#remove(entry, 'expired');
      this.#options.onDropped?.(entry.session, 'expired');
    }
    for (const [hash, { untilMs }] of this.#past) {
      if (untilMs > nowMs) break;
      this.#past.delete(hash);
    }
  }

  #renew(): void {
    const dueMs = this.#nowMs() - this.#reissueMs;
    // One that got its token stands at the end, where this stops.
    for (const entry of this.#live) {
      if (entry.issuedMs > dueMs) break;
      const token = this.#issue(entry);
      entry.owner?.reissued(token, this.#ttlMs / 1000);
    }
  }

  /** One timer, for whatever is due first. */
  #schedule(): void {
    const [away] = this.#away;
    const [live] = this.#live;
    const [past] = this.#past.values();
    const dueMs = Math.min(
      away ? away.lostMs + this.#ttlMs : Number.POSITIVE_INFINITY,
      live ? live.issuedMs + this.#reissueMs : Number.POSITIVE_INFINITY,
      past ? past.untilMs : Number.POSITIVE_INFINITY,
    );
    if (dueMs >= this.#timerMs || this.#disposed) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerMs = dueMs;
    this.#timer = this.#options.clock.after(Math.max(0, dueMs - this.#nowMs()), () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#sweep();
      this.#renew();
      this.#schedule();
    });
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
