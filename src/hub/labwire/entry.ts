import { ANONYMOUS, type Principal } from '../access/principal.ts';
import type { ResumeAnswer, SessionHold, SessionOwner } from '../access/resume-session.ts';
import { isoOf } from '../server-time.ts';
import type { Hello } from './client-message.ts';
import type { LabwireRoom } from './labwire-room.ts';
import { LabwireSession, streamKey } from './labwire-session.ts';
import type { Body } from './outgoing.ts';
import { planResume, type ResumePlan, resumedEntry } from './resume-plan.ts';
import type { StreamDesk } from './stream-desk.ts';
import { channelsFor } from './subscription-desk.ts';
import { TransferShelf } from './transfer-shelf.ts';

const ENDED_MEANWHILE = 'The stream ended while nobody was connected.';

/** The session a client has from its hello on. */
export interface Entry {
  hold: SessionHold<LabwireSession>;
  isResumed: boolean;
  /** Why a resume was refused. */
  reason: string | undefined;
}

/** Resumes the session of the token, or begins one. Throws hub.busy. */
export function takeSession(
  { sessions, limits, transfers }: LabwireRoom,
  hello: Hello,
  principal: Principal,
  owner: SessionOwner & { readonly id: string },
): Entry {
  let asked: ResumeAnswer<LabwireSession> | undefined;
  if (hello.resume) asked = sessions.resume(hello.resume.token, principal, undefined, owner);
  if (asked?.result === 'ok') return { hold: asked.hold, isResumed: true, reason: undefined };
  const { shelfTransfers, shelfBytes } = limits;
  const shelf = new TransferShelf(transfers, { transfers: shelfTransfers, bytes: shelfBytes });
  const session = new LabwireSession(limits.maxMissed, shelf);
  const hold = sessions.open(principal, hello.client.id ?? owner.id, owner, session);
  return { hold, isResumed: false, reason: asked?.result };
}

/** Rows of a numbering that goes on no more, which the client will not get; both ends belong to them. */
export interface EndedRows {
  key: string;
  epoch: number;
  from: number;
  to: number;
}

/** How the streams of a session go on. */
export interface ResumedStreams {
  plans: ReadonlyMap<string, ResumePlan>;
  gaps: readonly EndedRows[];
}

export const NOTHING_RESUMED: ResumedStreams = { plans: new Map(), gaps: [] };

/**
 * What of the streams of a session goes on, and from where; those that are desired no more end. Where an instrument went and came again meanwhile, its stream begins
 * anew, and what was left of the old numbering is a gap.
 */
export function planStreams(
  session: LabwireSession,
  { desired, resume }: Hello,
  streams: StreamDesk,
  limits: LabwireRoom['limits'],
): ResumedStreams {
  const wanted = new Map(desired.flatMap((one) => ('equipment_id' in one ? [[streamKey(one), one] as const] : [])));
  for (const key of [...session.wanted.keys()]) if (!wanted.has(key)) session.wanted.delete(key);
  session.feeds.retain(session.wanted);
  const plans = new Map<string, ResumePlan>();
  const gaps: EndedRows[] = [];
  const budget = { bytes: limits.replayBytes };
  for (const place of resume?.streams ?? []) {
    const { key, epoch, seq } = place;
    const wish = wanted.get(key);
    if (!wish || !session.wanted.has(key)) continue;
    const feed = streams.kept(wish);
    const endRow = session.feeds.endOf(key, epoch);
    if (endRow !== undefined && endRow > seq + 1) gaps.push({ key, epoch, from: seq + 1, to: endRow - 1 });
    if (!feed) continue;
    plans.set(key, planResume(feed, place, streams.nextHandle(), limits, budget, wish.delivery === 'latest'));
  }
  return { plans, gaps };
}

/** The answer to a hello. */
export function connectedBody(
  { parts }: LabwireRoom,
  client: { id: string; principal: Principal; re: Hello['id'] },
  { hold, isResumed, reason }: Entry,
  plans: ReadonlyMap<string, ResumePlan>,
): Body {
  const { user, name, role } = client.principal;
  return {
    type: 'connected',
    ...(client.re === undefined ? {} : { re: client.re }),
    client_id: client.id,
    user_id: user === ANONYMOUS.user ? null : name,
    role,
    channels: channelsFor(role, parts.roles),
    reconnected: isResumed,
    ...(reason === undefined ? {} : { reason }),
    resume: { token: hold.token, expires_in: hold.expiresInS },
    session: hold.session.id,
    streams: [...plans].map(([key, plan]) => resumedEntry(key, plan)),
    timestamp: isoOf(parts.clock.nowNs()),
  };
}

/** Rows that are not sent again, as messages. */
export function gapBodies(plans: ReadonlyMap<string, ResumePlan>, ended: readonly EndedRows[]): Body[] {
  const older = [...plans].flatMap(([key, { gap, epoch }]) =>
    gap ? [{ type: 'gap', key, epoch, ...gap, reason: 'They are older than what is sent again.' }] : [],
  );
  return [...ended.map((rows) => ({ type: 'gap', ...rows, reason: ENDED_MEANWHILE })), ...older];
}
