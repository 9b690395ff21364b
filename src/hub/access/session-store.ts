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

interface Entry<Kept> extends ResumeSession<Kept> {
  principal: Principal;
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

  open(principal: Principal, clientId: string, owner: SessionOwner, kept: Kept): SessionHold<Kept> {
    this.#sweep();
    this.#makeRoom();
    const id = randomUUID();
    const session: Entry<Kept> = {
      id,
      clientId,
      principal,
      kept,
      hashes: [],
      owner,
      turn: 0,
      lostMs: 0,
      issuedMs: 0,
    };
    this.#sessions.set(id, session);
    return this.#own(session, owner);
  }

  resume(token: string, principal: Principal, clientId: string | undefined, owner: SessionOwner): ResumeAnswer<Kept> {
    this.#sweep();
    const hash = hashToken(token);
    const session = this.#byHash.get(hash);
    if (!session) return { result: this.#past.get(hash)?.result ?? this.#stranger(token) };
    // The token stays good: who shows a copy of it can neither use it nor spoil it.
    const isSame = session.principal.user === principal.user && (clientId ?? session.clientId) === session.clientId;
    if (!isSame) return { result: 'user_mismatch' };
    this.#forgetTokens(session, 'used');
    const before = session.principal;
    // Before it is fenced it still owns what is kept, and puts there what it has not sent.
    this.#fence(session, 'superseded');
    session.principal = principal;
    return { result: 'ok', hold: this.#own(session, owner), before };
  }

  revoke(isConcerned: (principal: Principal) => boolean): number {
    const concerned = [...this.#sessions.values()].filter(({ principal }) => isConcerned(principal));
    for (const session of concerned) {
      const isAway = session.owner === undefined;
      this.#remove(session, 'revoked', 'revoked');
      if (isAway) this.#options.onDropped?.(session, 'revoked');
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

  #own(session: Entry<Kept>, owner: SessionOwner): SessionHold<Kept> {
    this.#leaveAway(session);
    session.owner = owner;
    const turn = ++session.turn;
    const token = this.#issue(session);
    const isOwner = (): boolean => session.turn === turn && session.owner === owner;
    return {
      session,
      token,
      expiresInS: this.#ttlMs / 1000,
      get isOwner() {
        return isOwner();
      },
      reissue: () => (isOwner() ? this.#issue(session) : undefined),
      lost: () => {
        if (isOwner()) this.#lose(session);
      },
      end: () => {
        if (!isOwner()) return;
        session.owner = undefined;
        this.#remove(session, 'expired');
      },
    };
  }

  #issue(session: Entry<Kept>): string {
    const token = this.#options.tokens.create();
    const hash = hashToken(token);
    session.hashes.push(hash);
    this.#byHash.set(hash, session);
    if (session.hashes.length > TOKENS_EACH) this.#forget(session.hashes.shift(), 'expired');
    session.issuedMs = this.#nowMs();
    this.#live.delete(session);
    this.#live.add(session);
    this.#schedule();
    return token;
  }

  #lose(session: Entry<Kept>): void {
    session.owner = undefined;
    session.lostMs = this.#nowMs();
    this.#live.delete(session);
    this.#away.add(session);
    const { user } = session.principal;
    const count = (this.#awayCounts.get(user) ?? 0) + 1;
    this.#awayCounts.set(user, count);
    // Nobody's sessions share one user: for them only the limit of all holds.
    if (count > (this.#options.maxAwayPerUser ?? 100) && user !== ANONYMOUS.user) {
      this.#evict([...this.#away].find(({ principal }) => principal.user === user));
    }
    this.#schedule();
  }

  #leaveAway(session: Entry<Kept>): void {
    if (!this.#away.delete(session)) return;
    const { user } = session.principal;
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

  #evict(session: Entry<Kept> | undefined): void {
    if (!session) return;
    this.#remove(session, 'expired', 'evicted');
    this.#options.onDropped?.(session, 'evicted');
  }

  /** Ends a session; an owner it still has is fenced. */
  #remove(session: Entry<Kept>, tokens: PastResult, fence: FenceReason = 'evicted'): void {
    this.#sessions.delete(session.id);
    this.#forgetTokens(session, tokens);
    this.#leaveAway(session);
    this.#live.delete(session);
    this.#fence(session, fence);
  }

  #fence(session: Entry<Kept>, reason: FenceReason): void {
    const { owner } = session;
    // First, so that nothing the owner does counts as its own any more.
    session.turn++;
    session.owner = undefined;
    owner?.fenced(reason);
  }

  #forgetTokens(session: Entry<Kept>, result: PastResult): void {
    for (const hash of session.hashes) this.#forget(hash, result);
    session.hashes = [];
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
    for (const session of this.#away) {
      if (session.lostMs + this.#ttlMs > nowMs) break;
      this.#remove(session, 'expired');
      this.#options.onDropped?.(session, 'expired');
    }
    for (const [hash, { untilMs }] of this.#past) {
      if (untilMs > nowMs) break;
      this.#past.delete(hash);
    }
  }

  #renew(): void {
    const dueMs = this.#nowMs() - this.#reissueMs;
    // One that got its token stands at the end, where this stops.
    for (const session of this.#live) {
      if (session.issuedMs > dueMs) break;
      const token = this.#issue(session);
      session.owner?.reissued(token, this.#ttlMs / 1000);
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
