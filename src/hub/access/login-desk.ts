import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Credentials } from './access.ts';
import type { AccessFiles } from './access-files.ts';
import type { UserFile, UserRecord } from './access-schema.ts';
import type { LoginThrottle, LoginTry } from './login-throttle.ts';
import type { MfaDesk } from './mfa-desk.ts';
import { wrongCode } from './mfa-desk.ts';
import { isWeakHash } from './password-hash.ts';
import { PASSWORD_LENGTH } from './password-rule.ts';
import { placeOf } from './place.ts';
import type { Caller } from './principal.ts';

/** A place the user came from is known that long, ms. */
const PLACE_MS = 30 * 86_400_000;
const MAX_PLACES = 16;

/** Checks who somebody says to be: tries counted, password and one-time code compared. */
export class LoginDesk {
  readonly #files: AccessFiles;
  readonly #throttle: LoginThrottle;
  readonly #mfa: MfaDesk;
  readonly #clock: Clock;

  constructor(files: AccessFiles, throttle: LoginThrottle, mfa: MfaDesk, clock: Clock) {
    this.#files = files;
    this.#throttle = throttle;
    this.#mfa = mfa;
    this.#clock = clock;
  }

  /** The user as it is after this login. Throws hub.unauthenticated {attemptsRemaining}, hub.mfa-required, hub.throttled, hub.busy, hub.storage. */
  async check(credentials: Credentials, from: Caller): Promise<{ user: UserRecord; place: string }> {
    const { username, password } = credentials;
    const place = placeOf(from.address);
    const found = this.#files.users.find(username);
    const attempt = this.#begin(username, found, place);
    try {
      const rehash = await this.#verify(found, password, attempt);
      if (!found) throw wrongPassword(attempt.remaining);
      const user = await this.#files.users.edit(found.id, (now) => {
        // Changed while the hash was computed: it proved nothing about the user of now.
        if (now.loginVersion !== found.loginVersion) return undefined;
        const mfa = now.mfa ? this.#afterCode(now.mfa, credentials.mfaToken, attempt) : null;
        const nowMs = this.#nowMs();
        return {
          ...now,
          mfa,
          password: rehash ?? now.password,
          lastLoginMs: nowMs,
          places: withPlace(now, place, nowMs),
        };
      });
      if (!user) throw wrongPassword(attempt.remaining);
      attempt.right();
      return { user, place };
    } catch (error) {
      // Only what was wrong counts: a missing code, a full queue and a full disk are no guesses.
      if (error instanceof LabError && error.code === 'hub.unauthenticated') attempt.wrong();
      else attempt.drop();
      throw error;
    }
  }

  /** The password of somebody who is in already; counted like a login. Throws hub.unauthenticated {attemptsRemaining}, hub.throttled, hub.busy. */
  async checkPassword(user: UserRecord, password: string, from: Caller): Promise<void> {
    const attempt = this.#begin(user.name, user, placeOf(from.address));
    let isRight = false;
    try {
      isRight = await this.#compare(user.password, password);
    } catch (error) {
      attempt.drop();
      throw error;
    }
    if (isRight) return attempt.right();
    attempt.wrong();
    throw wrongPassword(attempt.remaining);
  }

  /** Users with a new password are counted anew. */
  forgive(now: UserFile, before: UserFile): void {
    const versions = new Map(before.users.map(({ id, loginVersion }) => [id, loginVersion]));
    for (const { id, name, loginVersion, places } of now.users) {
      const known = versions.get(id);
      if (known === undefined || known === loginVersion) continue;
      this.#throttle.forgive(
        name,
        places.map(({ place }) => place),
      );
    }
  }

  #begin(name: string, user: UserRecord | undefined, place: string): LoginTry {
    const newestMs = this.#nowMs() - PLACE_MS;
    const isKnown = user?.places.some((known) => known.place === place && known.seenMs > newestMs) === true;
    return this.#throttle.begin(name, place, user !== undefined, place === 'loopback' || isKnown);
  }

  /** A new hash, if the one kept is cheaper to guess than one of today. Throws hub.unauthenticated, hub.busy. */
  async #verify(user: UserRecord | undefined, password: string, attempt: LoginTry): Promise<string | undefined> {
    const { desk } = this.#files;
    if (!(await this.#compare(user?.password, password)) || !user) throw wrongPassword(attempt.remaining);
    return isWeakHash(user.password, desk.costs) ? await desk.hash(password) : undefined;
  }

  #compare(stored: string | undefined, password: string): Promise<boolean> {
    // One too long to be anybody's costs as much as any other, and not more.
    const isPossible = password.length <= 4 * PASSWORD_LENGTH.most;
    return this.#files.desk.verify(isPossible ? password : '', isPossible ? stored : undefined);
  }

  #afterCode(mfa: NonNullable<UserRecord['mfa']>, code: string | undefined, attempt: LoginTry): UserRecord['mfa'] {
    if (code === undefined || code === '') {
      const text =
        'This user logs in with a one-time code as well. Nobody is logged in yet; give the code the authenticator shows.';
      throw new LabError('hub.mfa-required', text);
    }
    const next = this.#mfa.use(mfa, code.slice(0, 100));
    if (!next) throw wrongCode({ attemptsRemaining: attempt.remaining });
    return next;
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

function withPlace(user: UserRecord, place: string, seenMs: number): UserRecord['places'] {
  if (place === 'unknown' || place === 'loopback') return user.places;
  return [{ place, seenMs }, ...user.places.filter((known) => known.place !== place)].slice(0, MAX_PLACES);
}

/** The same words for a wrong name and a wrong password. */
function wrongPassword(attemptsRemaining: number): LabError {
  const left =
    attemptsRemaining > 0
      ? `${attemptsRemaining} ${attemptsRemaining === 1 ? 'try is' : 'tries are'} left before a pause of 30 min`
      : 'further tries are refused for 30 min';
  const text = `The user name or the password is wrong; ${left}. Nobody is logged in; check both, and the Caps Lock key.`;
  return new LabError('hub.unauthenticated', text, { attemptsRemaining });
}
