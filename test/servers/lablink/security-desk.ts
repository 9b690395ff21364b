import { randomBytes, randomUUID } from 'node:crypto';
import type { Answer } from './lock-book.ts';
import { refusal } from './lock-book.ts';
import { ADMIN } from './mode.ts';
import type { ServerTime } from './server-time.ts';

/** Login, refresh and the tokens of this run: all die with it, as the secret is random per start. */
export class SecurityDesk {
  readonly #access = new Map<string, number>();
  readonly #refresh = new Set<string>();
  readonly #time: ServerTime;
  readonly #mfa: string | undefined;
  readonly #ttlMs: number;
  #fails = 0;
  logins = 0;
  refreshes = 0;

  constructor(time: ServerTime, mfa: string | undefined, ttlMs: number) {
    this.#time = time;
    this.#mfa = mfa;
    this.#ttlMs = ttlMs;
  }

  isGood(token: string | null | undefined): boolean {
    const until = this.#access.get(token ?? '');
    return until !== undefined && until > Date.now();
  }

  /** Every access token given so far ends now. */
  expireAll(): void {
    this.#access.clear();
  }

  /** Refresh tokens, too: only a login helps. */
  forgetAll(): void {
    this.#access.clear();
    this.#refresh.clear();
  }

  login(body: Record<string, unknown>): Answer & { headers?: Record<string, string> } {
    if (this.#fails >= 5)
      return refusal(429, 'Account locked due to too many failed login attempts. Try again in 30 minutes.');
    if (body.username !== ADMIN.user || body.password !== ADMIN.password) {
      this.#fails++;
      const left = 5 - this.#fails;
      return refusal(401, `Invalid username or password.${left > 0 ? ` ${left} attempts remaining.` : ''}`);
    }
    if (this.#mfa !== undefined && body.mfa_token === undefined)
      return { ...refusal(403, 'MFA token required'), headers: { 'X-MFA-Required': 'true' } };
    if (this.#mfa !== undefined && body.mfa_token !== this.#mfa) return refusal(401, 'Invalid MFA token');
    this.#fails = 0;
    this.logins++;
    return this.#issue();
  }

  refresh(body: Record<string, unknown>): Answer {
    if (!this.#refresh.has(String(body.refresh_token))) return refusal(401, 'Invalid refresh token');
    this.refreshes++;
    return this.#issue();
  }

  #issue(): Answer {
    const access = token();
    const refresh = token();
    this.#access.set(access, Date.now() + this.#ttlMs);
    // The old one stays usable, as shipped.
    this.#refresh.add(refresh);
    return {
      status: 200,
      json: {
        access_token: access,
        token_type: 'bearer',
        expires_in: Math.round(this.#ttlMs / 1000),
        refresh_token: refresh,
        user: {
          user_id: randomUUID(),
          username: ADMIN.user,
          email: 'admin@example.com',
          roles: ['P5OUEterLac5Jf1YIbFV-w'],
          is_active: true,
          is_superuser: true,
          must_change_password: true,
          mfa_enabled: this.#mfa !== undefined,
          last_login: null,
          created_at: this.#time.utc(),
        },
      },
    };
  }
}

function token(): string {
  const part = (bytes: number) => randomBytes(bytes).toString('base64url');
  return `${part(20)}.${part(60)}.${part(32)}`;
}
