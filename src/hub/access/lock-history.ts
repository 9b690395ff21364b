/** Something that happened to a lock. */
export interface LockEvent {
  readonly kind: 'acquired' | 'queued' | 'released' | 'expired' | 'revoked' | 'forced';
  readonly instrument: string;
  /** Session id; '' for a force by an admin. */
  readonly session: string;
  readonly user: string;
  /** ms since 1970. */
  readonly atMs: number;
}

/** The last things that happened to locks, oldest first; bounded. */
export class LockHistory {
  readonly #max: number;
  #events: LockEvent[] = [];

  constructor(max = 1000) {
    this.#max = max;
  }

  add(event: LockEvent): void {
    this.#events.push(event);
    // In one piece now and then, not one by one.
    if (this.#events.length >= 2 * this.#max) this.#events = this.#events.slice(-this.#max);
  }

  /** The newest `limit` of an instrument or a session, oldest first. */
  list(of: { instrument?: string; session?: string }, limit = 100): LockEvent[] {
    const isMeant = (event: LockEvent): boolean =>
      (of.instrument ?? event.instrument) === event.instrument && (of.session ?? event.session) === event.session;
    return this.#events.slice(-this.#max).filter(isMeant).slice(-Math.max(1, limit));
  }
}
