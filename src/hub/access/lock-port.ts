/** Who holds a lock or waits for one: a user in one of its sessions. */
export interface LockOwner {
  /** Session id of the hub or of the client's choosing, unique among the clients of the hub. */
  readonly session: string;
  readonly user: string;
  /** For other people: `anna`. */
  readonly name: string;
}

export type LockMode = 'exclusive' | 'observer';

export interface InstrumentLock {
  readonly lockId: string;
  readonly instrument: string;
  readonly mode: LockMode;
  readonly owner: LockOwner;
  /** ms since 1970. */
  readonly sinceMs: number;
  readonly touchedMs: number;
  /** 0: it never runs out. */
  readonly timeoutMs: number;
}

export interface LockWaiter {
  readonly owner: LockOwner;
  readonly sinceMs: number;
  readonly timeoutMs: number;
}

/** All there is about the locks of one instrument. */
export interface LockState {
  readonly instrument: string;
  /** At most one exclusive, or any number of observers. */
  readonly locks: readonly InstrumentLock[];
  /** Who waits for the exclusive lock, next one first. */
  readonly queue: readonly LockWaiter[];
}

export interface LockRequest {
  instrument: string;
  mode: LockMode;
  owner: LockOwner;
  /** Without a touch for so long it runs out; 0: never. */
  timeoutMs: number;
  /** Wait in the queue if it is taken. */
  queue: boolean;
}

export type TakeOutcome =
  | { outcome: 'locked' | 'refreshed' | 'observer'; lock: InstrumentLock }
  | { outcome: 'queued'; position: number; waiter: LockWaiter; holder: InstrumentLock }
  | { outcome: 'busy'; holder: InstrumentLock };

/** The engine's locks: they hold for the screens at the bench as well, and Outputs off ignores them. */
export interface LockPort {
  take(request: LockRequest): Promise<TakeOutcome>;
  /** `force`: whoever holds it. Gives what was released; `none` if there was nothing of that session, `foreign` if another's and no force. */
  release(
    instrument: string,
    session: string,
    force: boolean,
  ): Promise<'released' | 'observer_released' | 'none' | 'foreign'>;
  /** Puts the end off; false: that session holds nothing there. */
  touch(instrument: string, session: string): Promise<boolean>;
  list(): Promise<readonly LockState[]>;
}
