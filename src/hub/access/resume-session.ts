import type { Principal } from './principal.ts';

/** Outcome of a resume, in the words of labwire.1 (5.7). */
export const RESUME_RESULTS = [
  'ok',
  'expired',
  'used',
  'unknown',
  'instance_changed',
  'user_mismatch',
  'revoked',
] as const;
export type ResumeResult = (typeof RESUME_RESULTS)[number];

/** Why a socket owns its session no more; the close code is 4409, 4401 or 1013. */
export type FenceReason = 'superseded' | 'revoked' | 'evicted';

/** The socket that a session belongs to at the moment. Both are called synchronously and must not throw. */
export interface SessionOwner {
  /**
   * The session is another's, or ended: nothing may be written for it any more. What was not sent yet goes into `session.kept` now,
   * before this returns; then the socket is closed. Called once at most; a `lost` or `end` of its hold afterwards does nothing.
   */
  fenced(reason: FenceReason): void;
  /** The client's next token: to be sent to it. The one before stays good until one of the two is used. */
  reissued(token: string, expiresInS: number): void;
}

/** A logical session: outlives the socket by 300 s. `Kept` is the dialect's: subscriptions, positions of streams, unsent items. */
export interface ResumeSession<Kept> {
  readonly id: string;
  readonly clientId: string;
  /** As of the last open or resume: its role is the one of then. */
  readonly principal: Principal;
  kept: Kept;
}

/** What the owning socket holds. */
export interface SessionHold<Kept> {
  readonly session: ResumeSession<Kept>;
  /** The token to come back with, for `connected`. 43 characters. */
  readonly token: string;
  readonly expiresInS: number;
  /** False from `fenced`, `lost` or `end` on. */
  readonly isOwner: boolean;
  /** A new token now (`get_reconnection_token`); undefined if it owns the session no more. */
  reissue(): string | undefined;
  /** The socket is gone: the 300 s begin. */
  lost(): void;
  /** The client said goodbye, or was refused: the session ends, its tokens are worth nothing. */
  end(): void;
}

export type ResumeAnswer<Kept> =
  | { result: 'ok'; hold: SessionHold<Kept>; before: Principal }
  | { result: Exclude<ResumeResult, 'ok'> };

export interface ResumeStore<Kept> extends Disposable {
  /** A new session. Throws hub.busy when no session can be had. */
  open(principal: Principal, clientId: string, owner: SessionOwner, kept: Kept): SessionHold<Kept>;
  /**
   * Takes a session over with its token. `principal` is who authenticated now: it must be the same user, its role is the one in force.
   * `clientId` undefined: the client named none, and the token alone decides.
   */
  resume(token: string, principal: Principal, clientId: string | undefined, owner: SessionOwner): ResumeAnswer<Kept>;
  /** Ends every session whose principal is concerned; owners are fenced with `revoked`. Gives how many. */
  revoke(isConcerned: (principal: Principal) => boolean): number;
  readonly counts: { live: number; away: number; tokens: number };
}
