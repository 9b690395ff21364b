import type { ListedLock } from '../../contract/lock-schema.ts';
import type { LockEvent } from '../access/lock-history.ts';
import type { LockSessionView } from '../access/lock-session.ts';
import { isoTime, isoTimeOfMs } from '../server-time.ts';

/** A lock of the engine, and the session of this hub it came through. */
export type SessionLock = ListedLock & { session: string | undefined };

/** A lock in the words of LabLink. */
export interface LockShape {
  lock_id: string;
  equipment_id: string;
  session_id: string;
  lock_mode: 'exclusive' | 'observer';
  acquired_at: string;
  last_activity: string;
  timeout_seconds: number;
  /** For people: who has it. */
  holder: string;
}

export interface QueueShape {
  queue_id: string;
  equipment_id: string;
  session_id: string;
  lock_mode: 'exclusive' | 'observer';
  queued_at: string;
  position: number;
}

/** Of a lock that no session of this hub holds (a screen at the bench), the name of its holder. */
export function sessionOf({ session, holder }: SessionLock): string {
  return session ?? holder;
}

export function lockShape(lock: SessionLock, equipment: string, session: LockSessionView | undefined): LockShape {
  const sinceNs = BigInt(lock.sinceNs);
  const seenNs = session ? BigInt(Math.round(session.seenMs)) * 1_000_000n : sinceNs;
  const touchedNs = seenNs > sinceNs ? seenNs : sinceNs;
  return {
    lock_id: lock.id,
    equipment_id: equipment,
    session_id: sessionOf(lock),
    lock_mode: lock.mode,
    acquired_at: isoTime(sinceNs),
    last_activity: isoTime(touchedNs),
    timeout_seconds: Math.round(Number(BigInt(lock.expiresNs) - touchedNs) / 1e9),
    holder: lock.holder,
  };
}

export function queueShape(lock: SessionLock, equipment: string, position: number): QueueShape {
  return {
    queue_id: lock.id,
    equipment_id: equipment,
    session_id: sessionOf(lock),
    lock_mode: lock.mode,
    queued_at: isoTime(BigInt(lock.sinceNs)),
    position,
  };
}

export function lockEventShape({ kind, session, user, atMs }: LockEvent, equipment: string) {
  return {
    event: `lock_${kind}`,
    equipment_id: equipment,
    session_id: session,
    user,
    timestamp: isoTimeOfMs(atMs) ?? '',
  };
}

export function sessionShape(session: LockSessionView, nowMs: number) {
  return {
    session_id: session.id,
    client_name: session.clientName === '' ? null : session.clientName,
    client_ip: session.clientAddress === '' ? null : session.clientAddress,
    created_at: isoTimeOfMs(session.createdMs) ?? '',
    last_activity: isoTimeOfMs(session.seenMs) ?? '',
    time_remaining: session.remainingS ?? null,
    duration_seconds: Math.max(0, nowMs - session.createdMs) / 1000,
    metadata: { ...session.metadata },
  };
}
