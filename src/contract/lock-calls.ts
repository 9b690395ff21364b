import { z } from 'zod';
import { listedLock, lockMode } from './lock-schema.ts';
import { id, nothing, shortText, timeNs } from './value-schema.ts';

const ttlS = z.number().min(1).max(3600).default(300);

const given = z.object({
  lock: id,
  state: z.enum(['held', 'waiting']),
  /** 0: held; 1: next in the queue. */
  position: z.int().nonnegative(),
  expiresNs: timeNs,
  /** Shows later that the lock is yours: a screen that was loaded anew gives it to `lock.touch` and `lock.release`. Told to nobody else. */
  key: z.string(),
});

/**
 * Locks of instruments. They belong to who took them: a screen, or a client of the hub. They end by release, by expiry, by force, with the instrument,
 * and 30 s after the link of their holder unless it touches them over another. No lock outlives the engine.
 */
export const LOCK_CALLS = {
  /**
   * Takes it, or renews the one the caller has on that instrument, in that mode. Held by another: throws instrument.locked, or queues with `wait` (first
   * come first served; the state says when `lock.id` is yours). A place in the queue expires like a lock. `exclusive` needs the right control.
   */
  'lock.take': {
    right: 'view',
    input: z.object({
      instrument: id,
      mode: lockMode.default('exclusive'),
      /** Shown to everybody. */
      holder: shortText.min(1),
      ttlS,
      wait: z.boolean().default(false),
    }),
    output: given,
  },
  /** Gives it back, or leaves the queue. Throws lock.unknown, call.denied when it is another's. */
  'lock.release': {
    right: 'view',
    input: z.object({ lock: id, key: z.string().max(100).optional() }),
    output: nothing,
  },
  /** Counts its time anew (`ttlS` as taken); with `key` it belongs to this screen from now on. Throws lock.unknown, call.denied. */
  'lock.touch': {
    right: 'view',
    input: z.object({ lock: id, key: z.string().max(100).optional() }),
    output: given,
  },
  /** Ends another's lock; it is recorded who did. With `take` the caller has it next, before those who wait. Throws lock.unknown. */
  'lock.force': {
    right: 'manage',
    input: z.object({ lock: id, take: z.object({ holder: shortText.min(1), ttlS }).optional() }),
    output: z.object({ taken: given.nullable() }),
  },
  /** Holders first, then those who wait, in their order. */
  'lock.list': {
    right: 'view',
    input: z.object({ instrument: id.optional() }),
    output: z.object({ locks: z.array(listedLock).max(20_000) }),
  },
} as const;
