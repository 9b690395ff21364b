import type { LockMode } from '../../contract/lock-schema.ts';

/** Who takes, as the calls know it. */
export interface LockCaller {
  /** The same over all its calls: `screen 3`, `client 7f`. */
  caller: string;
  /** For other people. */
  who: string;
  /** The link its call came over. */
  screen: number;
}

export interface LockWish {
  instrument: string;
  mode: LockMode;
  holder: string;
  ttlS: number;
  /** Queues when it is held. */
  wait: boolean;
}
