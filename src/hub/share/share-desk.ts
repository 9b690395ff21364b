import type { CallInput, CallOutput } from '../../contract/calls.ts';
import type { HubCall } from '../../contract/share-calls.ts';
import { SHARE_CALLS } from '../../contract/share-calls.ts';
import type { ShareToken, ShareUser } from '../../contract/share-schema.ts';
import { LabError } from '../../core/errors.ts';
import { takenOffText } from '../../core/taken-off.ts';
import type { Access } from '../access/access.ts';
import type { KeyView, UserView } from '../access/access-view.ts';
import { parseRole } from '../access/role.ts';
import type { Hub } from '../hub.ts';
import { type ConnectionRates, shareStats } from './share-report.ts';

export interface ShareDeskOptions {
  access: Access;
  /** The hub that is open now. */
  hub: () => Hub | undefined;
  rates: ConnectionRates;
  nowNs: () => bigint;
}

type Answers = { [N in HubCall]: (input: CallInput<N>, who: string) => Promise<CallOutput<N>> };

/** What screens ask of the hub, carried out: users, tokens, connections. */
export class ShareDesk {
  readonly #answers: Answers;

  constructor(options: ShareDeskOptions) {
    const { users, keys } = options.access;
    this.#answers = {
      'share.users': async () => ({ users: users.list().map(userRow) }),
      'share.addUser': async ({ user, role, password }) => userRow(await users.add(user, namedRole(role), password)),
      'share.removeUser': async ({ user }) => {
        await users.remove(user);
        return {};
      },
      'share.setRole': async ({ user, role }) => userRow(await users.setRole(user, namedRole(role))),
      'share.setPassword': async ({ user, password }) => {
        await users.setPassword(user, password);
        return {};
      },
      'share.endCodes': async ({ user }) => {
        await users.setMfa(user, null);
        return {};
      },
      'share.tokens': async () => ({ tokens: keys.list().map(tokenRow) }),
      'share.addToken': async ({ user, label, ttlS }) => {
        const { key, secret } = await keys.add(user, { label, ttlMs: ttlS == null ? null : ttlS * 1000 });
        return { token: tokenRow(key), secret };
      },
      'share.removeToken': async ({ token }) => {
        await keys.remove(token);
        return {};
      },
      'share.kick': async ({ connection }, who) => {
        const connections = options.hub()?.parts.connections;
        const lost = connections?.lost.find(({ id }) => id === connection);
        if (lost) {
          lost.end();
          return {};
        }
        const found = connections?.find(connection);
        if (!found) throw new LabError('hub.unknown', 'That connection is not open any more. Nothing was done.');
        connections?.takeOff(found, takenOffText(personOf(who)));
        return {};
      },
      'share.stats': async () => shareStats(options.hub(), options.nowNs(), options.rates),
    };
  }

  /** `who` asks. Throws what the call throws; call.invalid for an input that does not fit. */
  async answer(call: HubCall, input: unknown, who: string): Promise<unknown> {
    const parsed = SHARE_CALLS[call].input.safeParse(input);
    if (!parsed.success) throw new LabError('call.invalid', `${call} does not fit the contract. Nothing was done.`);
    return await (this.#answers[call] as (value: unknown, who: string) => Promise<unknown>)(parsed.data, who);
  }
}

/** `anna (client screen 3f…)` is somebody who came over the hub; a screen at the bench has no person's name. */
function personOf(who: string): string {
  return /^(.+) \(client [^()]*\)$/.exec(who)?.[1] ?? 'Somebody at the bench';
}

function namedRole(role: string): 'admin' | 'developer' | 'viewer' | 'bot' {
  const named = parseRole(role);
  if (named) return named;
  throw new LabError(
    'call.invalid',
    `A user cannot be ${role.slice(0, 40)}. Nothing was changed; choose another role.`,
  );
}

const nsOf = (ms: number): string => String(BigInt(Math.round(ms)) * 1_000_000n);

function userRow({ name, role, createdMs, lastLoginMs, hasMfa }: UserView): ShareUser {
  const seenNs = lastLoginMs === undefined ? null : nsOf(lastLoginMs);
  return { user: name, role, createdNs: nsOf(createdMs), seenNs, hasCodes: hasMfa };
}

function tokenRow({ id, user, label, createdMs, expiresMs, usedMs }: KeyView): ShareToken {
  return {
    id,
    user,
    label,
    createdNs: nsOf(createdMs),
    expiresNs: expiresMs === undefined ? null : nsOf(expiresMs),
    usedNs: usedMs === undefined ? null : nsOf(usedMs),
  };
}
