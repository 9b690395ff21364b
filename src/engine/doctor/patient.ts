import type { AttachOptions, DoctorCheck, LineSettings } from '../../contract/discovery-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Resource, ResourceKind } from '../../core/resource-shape.ts';

/** Times of an examination; all bounded. */
export interface DoctorLimits {
  /** Connecting, and waiting for an answer. */
  answerMs: number;
  /** How long something that speaks first is listened to. */
  greetingMs: number;
  /** Each try of another line end or baud rate. */
  tryMs: number;
  /** Longest time for one check, whatever the system does: the examination goes on without it. */
  checkMs: number;
}

export const DOCTOR_LIMITS: DoctorLimits = { answerMs: 2000, greetingMs: 300, tryMs: 400, checkMs: 20_000 };

/** What the system is, injected: a test looks at a folder of its own. */
export interface DoctorSystem {
  platform: NodeJS.Platform;
  proc: string;
  sys: string;
  dev: string;
  lockFolders: readonly string[];
}

export const DOCTOR_SYSTEM: DoctorSystem = {
  platform: process.platform,
  proc: '/proc',
  sys: '/sys',
  dev: '/dev',
  lockFolders: ['/run/lock', '/var/lock'],
};

/** A resource under examination, and what was learned of it so far. */
export interface Patient<K extends ResourceKind = ResourceKind> {
  readonly resource: string;
  readonly parsed: Extract<Resource, { kind: K }>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Other line ends and baud rates may be tried. */
  readonly tries: boolean;
  readonly line: LineSettings | undefined;
  readonly limits: DoctorLimits;
  readonly system: DoctorSystem;
  idn: string | null;
  works: AttachOptions | undefined;
}

/** What a check found. `ends`: there is no sense in looking further; the checks behind it are skipped. */
export type Finding = DoctorCheck & { ends?: boolean };

/** One thing to look at. Never throws but for cancellation. */
export interface Check {
  readonly id: string;
  readonly title: string;
  /** Undefined: it does not apply here. */
  look(patient: Patient): Promise<Omit<Finding, 'id' | 'title'> | undefined>;
}

/** Nothing wrong here. */
export function fine(cause: string): Omit<Finding, 'id' | 'title'> {
  return { state: 'ok', cause, fix: '' };
}

/** Why it does not work. Checks behind it are skipped unless `goesOn`. */
export function problem(
  cause: string,
  fix: string,
  more: { paste?: string; goesOn?: boolean } = {},
): Omit<Finding, 'id' | 'title'> {
  const { paste, goesOn = false } = more;
  return { state: 'problem', cause, fix, ...(paste === undefined ? {} : { paste }), ends: !goesOn };
}

/** What may be in the way. */
export function warning(cause: string, fix: string, paste?: string): Omit<Finding, 'id' | 'title'> {
  return { state: 'warning', cause, fix, ...(paste === undefined ? {} : { paste }) };
}
