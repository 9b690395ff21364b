import { z } from 'zod';
import { id, shortText, timeNs } from './value-schema.ts';

/**
 * `exclusive`: nobody else controls the instrument. `observer`: says that its holder only looks; keeps nobody else from anything, and its holder from
 * controlling by mistake.
 */
export const lockMode = z.enum(['exclusive', 'observer']);
export type LockMode = z.infer<typeof lockMode>;

/** Who has an instrument for themselves, as every screen sees it. Not the VISA lock, which an instrument keeps against its own keys (`isLocked`). */
export const instrumentLock = z.object({
  /** Names it in `lock.*`; opens nothing. */
  id,
  holder: shortText,
  /** Person and client, where it came through the hub: `anna (client 7f)`. */
  who: z.string().max(500),
  mode: lockMode,
  sinceNs: timeNs,
  expiresNs: timeNs,
  /** How many wait for it. */
  waiting: z.int().nonnegative(),
});
export type InstrumentLock = z.infer<typeof instrumentLock>;

/** A lock, or a place in the queue for one, of the list. */
export const listedLock = z.object({
  id,
  instrument: id,
  holder: shortText,
  who: z.string().max(500),
  mode: lockMode,
  state: z.enum(['held', 'waiting']),
  /** When it was given; of one that waits: when it began to. */
  sinceNs: timeNs,
  expiresNs: timeNs,
  /** Of the one who asks. */
  isMine: z.boolean(),
});
export type ListedLock = z.infer<typeof listedLock>;
