import { randomUUID } from 'node:crypto';
import type { Asker } from '../../contract/envelope.ts';
import type { ListedLock, LockMode } from '../../contract/lock-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LockHistory } from './lock-history.ts';
import type { GivenLock, LockPort } from './lock-port.ts';
import type { Holding, LockSessionOptions, LockSessionView } from './lock-session.ts';
import { LockSession } from './lock-session.ts';
import type { Principal } from './principal.ts';
import { hasRight } from './role.ts';

export interface LockDeskOptions {
  clock: Clock;
  port: LockPort;
  history: LockHistory;
  say: (text: string) => void;
  /** Sessions at most. Default 1000. */
  maxSessions?: number | undefined;
  /** Of one user. Default 100. */
  maxPerUser?: number | undefined;
}

export interface AcquireRequest {
  instrument: string;
  session: string;
  mode: LockMode;
  /** Without a touch for so long it runs out; 0: never. */
  timeoutS: number;
  /** Wait in the queue if it is taken. */
  queue: boolean;
}

export interface AcquireAnswer {
  /** `queued`: it is another's still; `position` counts from 1. */
  readonly status: 'locked' | 'refreshed' | 'observer' | 'queued';
  readonly lock: string;
  readonly position: number;
  readonly expiresMs: number;
}

export type ReleaseStatus = 'released' | 'observer_released' | 'not_locked';

/** The longest the engine keeps a lock without a touch, s (`lock.take`). */
const ENGINE_TTL_S = 3600;
/** A lock that outlives that is touched by the hub so often, ms. */
const RENEW_MS = 1_200_000;
const SWEEP_MS = 10_000;

/**
 * Locks of instruments for clients that name them by a session id of their own, as LabLink's do. The locks themselves are the engine's.
 * A session belongs to the user who opened it, or used its id first.
 */
export class LockDesk implements AsyncDisposable {
  readonly #options: LockDeskOptions;
  #sessions = new Map<string, LockSession>();
  #timer: Disposable | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(options: LockDeskOptions) {
    this.#options = options;
    this.#later();
  }

  /** Throws hub.busy when there are too many. */
  openSession(principal: Principal, options: LockSessionOptions = {}): LockSessionView {
    const session = this.#add(randomUUID(), principal, options);
    return this.#view(session);
  }

  /** Undefined: there is none, or it has ended. */
  session(id: string): LockSessionView | undefined {
    const session = this.#sessions.get(id);
    return session && this.#view(session);
  }

  sessions(): LockSessionView[] {
    return [...this.#sessions.values()].map((session) => this.#view(session));
  }

  /** Puts the end of the session off; false: there is none. Throws hub.forbidden for another's. */
  touchSession(principal: Principal, id: string): boolean {
    const session = this.#own(principal, id);
    if (session) session.seenMs = this.#nowMs();
    return session !== undefined;
  }

  /** Ends a session; gives how many locks it had; undefined: there is none. Throws hub.forbidden for another's, which only an admin ends. */
  async endSession(principal: Principal, id: string): Promise<number | undefined> {
    const session = principal.role === 'admin' ? this.#sessions.get(id) : this.#own(principal, id);
    return session && (await this.#end(session, 'released'));
  }

  /**
   * Takes a lock, renews it, or queues for it. A session id not seen yet opens a session. Throws hub.forbidden (an exclusive lock needs the right control; the session
   * is another's), instrument.locked, call.limit, hub.busy.
   */
  async acquire(principal: Principal, request: AcquireRequest): Promise<AcquireAnswer> {
    const { instrument, mode, timeoutS, queue } = request;
    if (mode === 'exclusive' && !hasRight(principal.role, 'control')) {
      const text = `The role ${principal.role} only looks: it takes no exclusive lock. Nothing was changed; ask for the role developer, or take an observer's lock.`;
      throw new LabError('hub.forbidden', text);
    }
    const session = this.#own(principal, request.session) ?? this.#add(request.session, principal, {});
    const ttlS = timeoutS === 0 ? ENGINE_TTL_S : Math.min(Math.max(timeoutS, 1), ENGINE_TTL_S);
    const before = session.holdings.get(instrument);
    const wish = { instrument, mode, holder: session.holder, ttlS, wait: queue };
    const given = await this.#options.port.take(wish, session.asker);
    const nowMs = this.#nowMs();
    session.seenMs = nowMs;
    const holding: Holding = {
      lock: given.lock,
      instrument,
      mode,
      timeoutMs: timeoutS * 1000,
      seenMs: nowMs,
      toldMs: nowMs,
    };
    session.holdings.set(instrument, holding);
    await this.#stillMay(session, holding);
    return this.#answer(session, holding, given, before);
  }

  /** Gives back a lock or a place in the queue. `force`: another's, for admins alone. Throws hub.forbidden. */
  async release(
    principal: Principal,
    instrument: string,
    sessionId: string,
    force = false,
  ): Promise<{ status: ReleaseStatus; wasForced: boolean }> {
    const session = this.#sessions.get(sessionId);
    const holding = session?.principal.user === principal.user ? session.holdings.get(instrument) : undefined;
    if (session && holding && (await this.#giveBack(session, holding))) {
      const status = holding.mode === 'observer' ? 'observer_released' : 'released';
      this.#note('released', instrument, session);
      return { status, wasForced: false };
    }
    const held = (await this.#options.port.list(instrument)).find(isExclusive);
    if (!held) return { status: 'not_locked', wasForced: false };
    if (!force || principal.role !== 'admin') {
      const what = force ? 'Only an admin takes a lock from somebody.' : 'It is given back by whoever holds it.';
      throw new LabError('hub.forbidden', `${held.holder} has ${instrument}. ${what} The lock is as it was; ask them.`);
    }
    await this.#force(principal, held);
    return { status: 'released', wasForced: true };
  }

  /** Counts the time of a lock anew: for `activity`, and for each command of the session. False: it has none there. Throws hub.forbidden. */
  async touch(principal: Principal, instrument: string, sessionId: string): Promise<boolean> {
    const session = this.#own(principal, sessionId);
    const holding = session?.holdings.get(instrument);
    if (!session || !holding) return false;
    const nowMs = this.#nowMs();
    session.seenMs = nowMs;
    if (!(await this.#tell(session, holding))) return false;
    holding.seenMs = nowMs;
    return true;
  }

  /**
   * In whose name the engine carries out what comes under a session id: only so it knows the lock. Undefined: there is no such session.
   * Throws hub.forbidden for another's.
   */
  asker(principal: Principal, sessionId: string): Asker | undefined {
    return this.#own(principal, sessionId)?.asker;
  }

  /** Holders first, then those who wait; `session` of those that came through here. */
  async list(instrument?: string): Promise<(ListedLock & { session: string | undefined })[]> {
    const sessions = new Map<string, string>();
    for (const session of this.#sessions.values()) {
      for (const { lock } of session.holdings.values()) sessions.set(lock, session.id);
    }
    const locks = await this.#options.port.list(instrument);
    return locks.map((lock) => ({ ...lock, session: sessions.get(lock.id) }));
  }

  /** After a change of roles or logins: sessions of who is out end, exclusive locks of who may only look are given back. */
  async review(recheck: (principal: Principal) => Principal | undefined): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      const now = recheck(session.principal);
      if (!now) {
        await this.#end(session, 'revoked');
        continue;
      }
      session.principal = now;
      if (hasRight(now.role, 'control')) continue;
      for (const holding of [...session.holdings.values()]) {
        if (holding.mode !== 'exclusive') continue;
        this.#note('revoked', holding.instrument, session);
        await this.#giveBack(session, holding);
      }
    }
  }

  /** Gives every lock back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#sweeping;
    for (const session of [...this.#sessions.values()]) await this.#end(session, 'released');
  }

  /** The session may have ended while the engine was asked, or its role changed: nobody would ever give the lock back. Throws lock.unknown. */
  async #stillMay(session: LockSession, holding: Holding): Promise<void> {
    const isThere = this.#sessions.get(session.id) === session;
    if (isThere && (holding.mode === 'observer' || hasRight(session.principal.role, 'control'))) return;
    await this.#giveBack(session, holding);
    throw new LabError(
      'lock.unknown',
      'The session ended while it took the lock. The lock was given back; open a session and try again.',
    );
  }

  #answer(session: LockSession, holding: Holding, given: GivenLock, before: Holding | undefined): AcquireAnswer {
    const { instrument, mode } = holding;
    const { lock, position, expiresMs } = given;
    const answer = (status: AcquireAnswer['status']): AcquireAnswer => ({ status, lock, position, expiresMs });
    if (given.state === 'waiting') {
      this.#note('queued', instrument, session);
      return answer('queued');
    }
    if (before?.lock === lock) return answer(mode === 'observer' ? 'observer' : 'refreshed');
    this.#note('acquired', instrument, session);
    return answer(mode === 'observer' ? 'observer' : 'locked');
  }

  #own(principal: Principal, id: string): LockSession | undefined {
    const session = this.#sessions.get(id);
    if (!session) return undefined;
    if (session.principal.user !== principal.user) {
      const text = 'That session is of another user. Nothing was changed; open one of your own.';
      throw new LabError('hub.forbidden', text);
    }
    session.principal = principal;
    return session;
  }

  #add(id: string, principal: Principal, options: LockSessionOptions): LockSession {
    const { maxSessions = 1000, maxPerUser = 100, clock } = this.#options;
    const own = [...this.#sessions.values()].filter((session) => session.principal.user === principal.user).length;
    if (this.#sessions.size >= maxSessions || own >= maxPerUser) {
      const text =
        'Too many sessions for locks are open. None was opened; end those nobody needs, or wait until they run out.';
      throw new LabError('hub.busy', text, { retryAfterS: 60 });
    }
    const client = `lock-${randomUUID()}`;
    const session = new LockSession(id, client, principal, options, this.#wallMs(), clock.monotonicMs());
    this.#sessions.set(id, session);
    return session;
  }

  async #end(session: LockSession, why: 'released' | 'expired' | 'revoked'): Promise<number> {
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
    let count = 0;
    for (const holding of [...session.holdings.values()]) {
      this.#note(why, holding.instrument, session);
      if (await this.#giveBack(session, holding)) count++;
    }
    return count;
  }

  /** False: it was over. */
  async #giveBack(session: LockSession, holding: Holding): Promise<boolean> {
    if (session.holdings.get(holding.instrument) === holding) session.holdings.delete(holding.instrument);
    return await isThere(this.#options.port.release(holding.lock, session.asker));
  }

  async #tell(session: LockSession, holding: Holding): Promise<boolean> {
    if (await isThere(this.#options.port.touch(holding.lock, session.asker))) {
      holding.toldMs = this.#nowMs();
      return true;
    }
    if (session.holdings.get(holding.instrument) === holding) session.holdings.delete(holding.instrument);
    return false;
  }

  async #force(principal: Principal, held: ListedLock): Promise<void> {
    const { port, history } = this.#options;
    const { name: user, role } = principal;
    const rights: Asker['rights'] = ['view', 'control', 'manage'];
    if (!(await isThere(port.force(held.id, { user, client: `lock-force-${randomUUID()}`, role, rights })))) return;
    for (const session of this.#sessions.values()) {
      if (session.holdings.get(held.instrument)?.lock === held.id) session.holdings.delete(held.instrument);
    }
    history.add({ kind: 'forced', instrument: held.instrument, session: '', user, atMs: this.#wallMs() });
  }

  #note(kind: 'acquired' | 'queued' | 'released' | 'expired' | 'revoked', instrument: string, by: LockSession): void {
    this.#options.history.add({
      kind,
      instrument,
      session: by.id,
      user: by.principal.name,
      atMs: this.#wallMs(),
    });
  }

  #view(session: LockSession): LockSessionView {
    return session.view(this.#nowMs(), this.#wallMs());
  }

  #later(): void {
    this.#timer = this.#options.clock.after(SWEEP_MS, () => {
      this.#sweeping = this.#sweep()
        .catch((thrown) => this.#options.say(LabError.from(thrown).message))
        .then(() => {
          if (!this.#disposed) this.#later();
        });
    });
  }

  /** What ran out is given back; what outlives the engine's time is touched. */
  async #sweep(): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      for (const holding of [...session.holdings.values()]) await this.#keep(session, holding);
      // A lock that never runs out, or not yet, keeps its session.
      const isIdle = this.#nowMs() - session.seenMs >= session.timeoutMs;
      if (session.timeoutMs > 0 && isIdle && session.holdings.size === 0) this.#sessions.delete(session.id);
    }
  }

  async #keep(session: LockSession, holding: Holding): Promise<void> {
    const { timeoutMs, seenMs, toldMs, instrument } = holding;
    const nowMs = this.#nowMs();
    const isOver = timeoutMs > 0 && nowMs - seenMs >= timeoutMs;
    if (isOver) {
      this.#note('expired', instrument, session);
      await this.#giveBack(session, holding);
      return;
    }
    const isLong = timeoutMs === 0 || timeoutMs > ENGINE_TTL_S * 1000;
    if (isLong && nowMs - toldMs >= RENEW_MS) await this.#tell(session, holding);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #wallMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n);
  }
}

function isExclusive({ mode, state }: ListedLock): boolean {
  return mode === 'exclusive' && state === 'held';
}

/** False if the lock a call was about was over already. */
async function isThere(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof LabError && error.code === 'lock.unknown') return false;
    throw error;
  }
}
