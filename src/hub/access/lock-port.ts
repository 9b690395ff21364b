import type { Asker } from '../../contract/envelope.ts';
import type { ListedLock, LockMode } from '../../contract/lock-schema.ts';

/** What `lock.take` and `lock.touch` of the contract give; times in ms since 1970. */
export interface GivenLock {
  readonly lock: string;
  readonly state: 'held' | 'waiting';
  /** 0: held; 1: next in the queue. */
  readonly position: number;
  readonly expiresMs: number;
}

export interface LockWish {
  instrument: string;
  mode: LockMode;
  /** Shown to everybody. */
  holder: string;
  ttlS: number;
  /** Wait in the queue if it is taken. */
  wait: boolean;
}

/**
 * The engine's locks (`lock.*` of the contract, each call in the name of a client): they hold for the screens at the bench as well. Errors are those
 * of the contract: instrument.locked, lock.unknown, call.denied, call.limit.
 */
export interface LockPort {
  take(wish: LockWish, as: Asker): Promise<GivenLock>;
  touch(lock: string, as: Asker): Promise<GivenLock>;
  release(lock: string, as: Asker): Promise<void>;
  force(lock: string, as: Asker): Promise<void>;
  /** Holders first, then those who wait, in their order. */
  list(instrument?: string): Promise<readonly ListedLock[]>;
}
