import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../src/core/clock.ts';

/** An event that must arrive: sent again until it is acknowledged. */
export interface HeldEvent {
  id: string;
  message: Record<string, unknown>;
}

export interface WantedStream {
  key: string;
  intervalMs: number;
}

/** What outlives a connection. */
export class Session {
  readonly id: string;
  readonly user: string;
  readonly role: string;
  streams = new Map<string, WantedStream>();
  channels = new Set<string>();
  events: HeldEvent[] = [];
  /** Monotonic ms since when nobody is connected. */
  lostMs: number | undefined;
  /** Closes the connection that holds it. */
  fence: (() => void) | undefined;

  constructor(user: string, role: string) {
    this.id = randomBytes(8).toString('hex');
    this.user = user;
    this.role = role;
  }
}

export type ResumeResult = { session: Session } | { reason: string };

/** Sessions by token. A token works once, for its user, so long after the loss. */
export class SessionBook {
  readonly ttlS: number;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { session: Session; isUsed: boolean }>();
  readonly #foreign = new Set<string>();
  readonly sessions = new Set<Session>();

  constructor(clock: Clock, ttlS: number) {
    this.#clock = clock;
    this.ttlS = ttlS;
  }

  issue(session: Session): string {
    const token = randomBytes(32).toString('base64url');
    this.#tokens.set(token, { session, isUsed: false });
    this.sessions.add(session);
    return token;
  }

  resume(token: string, user: string): ResumeResult {
    if (this.#foreign.has(token)) return { reason: 'instance_changed' };
    const known = this.#tokens.get(token);
    if (!known) return { reason: 'unknown' };
    if (known.isUsed) return { reason: 'used' };
    const { session } = known;
    if (session.lostMs !== undefined && this.#clock.monotonicMs() - session.lostMs > this.ttlS * 1000) {
      this.#tokens.delete(token);
      this.sessions.delete(session);
      return { reason: 'expired' };
    }
    if (session.user !== user) return { reason: 'user_mismatch' };
    for (const other of this.#tokens.values()) if (other.session === session) other.isUsed = true;
    return { session };
  }

  /** The process began anew: nothing of before is known but that it was. */
  forget(): void {
    for (const token of this.#tokens.keys()) this.#foreign.add(token);
    this.#tokens.clear();
    this.sessions.clear();
  }
}
