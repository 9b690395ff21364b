import { z } from 'zod';
import { shareRole, shareState, shareStats, shareToken, shareUser, userName } from './share-schema.ts';
import { errorRecord, id, nothing, shortText } from './value-schema.ts';

/** The hub hashes it; nobody writes it down. */
const password = z.string().min(1).max(200);

/**
 * What the hub carries out for screens: the engine passes each on to it (`share.asked`) and answers with what it says.
 * All throw share.off without a hub, share.gone when it does not answer within 10 s, and what the hub throws.
 */
const CARRIED_BY_HUB = {
  'share.users': { right: 'manage', input: nothing, output: z.object({ users: z.array(shareUser).max(1000) }) },
  /** Throws hub.user-known, hub.weak-password. */
  'share.addUser': {
    right: 'manage',
    input: z.object({ user: userName, role: shareRole, password }),
    output: shareUser,
  },
  /** Ends its connections. Throws hub.user-unknown, hub.last-admin. */
  'share.removeUser': { right: 'manage', input: z.object({ user: userName }), output: nothing },
  'share.setRole': { right: 'manage', input: z.object({ user: userName, role: shareRole }), output: shareUser },
  'share.setPassword': { right: 'manage', input: z.object({ user: userName, password }), output: nothing },
  /** One-time codes are asked for no more (a lost telephone). Throws hub.user-unknown. */
  'share.endCodes': { right: 'manage', input: z.object({ user: userName }), output: nothing },
  'share.tokens': { right: 'manage', input: nothing, output: z.object({ tokens: z.array(shareToken).max(1000) }) },
  /** `secret` is told this once. `ttlS` null: until it is removed. */
  'share.addToken': {
    right: 'manage',
    input: z.object({
      user: userName,
      label: shortText,
      ttlS: z.int().positive().max(315_360_000).nullable().default(null),
    }),
    output: z.object({ token: shareToken, secret: z.string().max(8000) }),
  },
  'share.removeToken': { right: 'manage', input: z.object({ token: id }), output: nothing },
  /** Takes one connection off the bench: it is told who did, and its user is refused from that address for a minute. A lost one is given up. */
  'share.kick': { right: 'manage', input: z.object({ connection: id }), output: nothing },
  'share.stats': { right: 'view', input: nothing, output: shareStats },
} as const;

/** Names of the calls the engine hands on to the hub. */
export type HubCall = keyof typeof CARRIED_BY_HUB;
export const HUB_CALLS = Object.keys(CARRIED_BY_HUB) as readonly HubCall[];

/** The part of the list about sharing a bench. */
export const SHARE_CALLS = {
  ...CARRIED_BY_HUB,
  /** Of the hub: it serves others from now on, and is asked what screens ask. Only over a trusted link; throws call.denied, share.taken. Ends with its link. */
  'share.offer': { right: 'manage', input: nothing, output: nothing },
  /** Of the hub that offered: what it serves, and whom. At most twice a second. Throws call.denied. */
  'share.report': {
    right: 'manage',
    input: shareState.extend({ state: z.enum(['starting', 'on', 'failed']) }),
    output: nothing,
  },
  /** Of the hub that offered: what came of a `share.asked`. One that is asked no more is ignored. Throws call.denied. */
  'share.answer': {
    right: 'manage',
    input: z.object({ ask: z.int().nonnegative(), output: z.unknown().optional(), error: errorRecord.optional() }),
    output: nothing,
  },
} as const;
