import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { MfaSetup } from './access.ts';
import type { UserRecord } from './access-schema.ts';
import { fromBase32, matchedStep, provisioningUri, toBase32 } from './one-time-code.ts';
import type { RandomBytes } from './password-hash.ts';
import { digest } from './user-table.ts';

/** RFC 4226 4: 160 bits recommended. */
const SECRET_BYTES = 20;
const BACKUP_CODES = 10;
const SETUP_MS = 10 * 60_000;
const SETUP_TRIES = 5;

type Mfa = NonNullable<UserRecord['mfa']>;

interface Pending {
  secret: string;
  backup: readonly string[];
  untilMs: number;
  tries: number;
}

/** One-time codes (RFC 6238): their set-up, and the check at the login. */
export class MfaDesk {
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #issuer: string;
  /** One for a user at most: bounded by the users. */
  #pending = new Map<string, Pending>();

  constructor(clock: Clock, random: RandomBytes, issuer: string) {
    this.#clock = clock;
    this.#random = random;
    this.#issuer = issuer;
  }

  /** Begins; a set-up begun before is forgotten. Good for 10 min. */
  begin(user: UserRecord): MfaSetup {
    const secret = toBase32(this.#random(SECRET_BYTES));
    const backup = Array.from({ length: BACKUP_CODES }, () => toBase32(this.#random(10)).slice(0, 10));
    this.#pending.set(user.id, { secret, backup, untilMs: this.#clock.monotonicMs() + SETUP_MS, tries: SETUP_TRIES });
    return { secret, provisioningUri: provisioningUri(secret, user.name, this.#issuer), backupCodes: backup };
  }

  /** What is kept of it from now on, if the code is right. Throws hub.unauthenticated. */
  confirm(user: UserRecord, code: string): Mfa {
    const pending = this.#pending.get(user.id);
    if (!pending || this.#clock.monotonicMs() >= pending.untilMs || pending.tries-- <= 0) {
      this.#pending.delete(user.id);
      throw new LabError(
        'hub.unauthenticated',
        'No set-up of one-time codes is open. Nothing was changed; begin it again.',
      );
    }
    const step = this.#step(pending.secret, code, -1);
    if (step === undefined) throw wrongCode();
    this.#pending.delete(user.id);
    return { secret: pending.secret, lastStep: step, backup: pending.backup.map(digest) };
  }

  /** The state after a right code was used; undefined: it is wrong or was used. */
  use(mfa: Mfa, code: string): Mfa | undefined {
    const text = code.replace(/[\s-]/g, '').toUpperCase();
    const step = this.#step(mfa.secret, text, mfa.lastStep);
    if (step !== undefined) return { ...mfa, lastStep: step };
    const used = digest(text);
    const backup = mfa.backup.filter((known) => known !== used);
    return backup.length < mfa.backup.length ? { ...mfa, backup } : undefined;
  }

  #step(secret: string, code: string, lastStep: number): number | undefined {
    const nowS = Number(this.#clock.nowNs() / 1_000_000_000n);
    return matchedStep(fromBase32(secret) ?? new Uint8Array(), code, nowS, lastStep);
  }
}

/** For a code that is wrong, too old, or used already. */
export function wrongCode(details: Record<string, unknown> = {}): LabError {
  const text =
    'The one-time code is wrong, too old, or was used already. Nothing was changed; wait for the next one, and check the clock of the telephone.';
  return new LabError('hub.unauthenticated', text, details);
}
