import { LabError } from '../../core/errors.ts';
import { loginAnswer } from '../../protocol/lab/lablink-rest.ts';
import { errorText } from '../http-error.ts';
import type { LabServerOptions, Login } from '../lab-server.ts';
import type { RestAnswer, RestClient } from '../rest-client.ts';

/**
 * The login at one server: its tokens, in memory; what renews them goes to `onSession`, too. They all die with the server's process, whose secret is random; then the login given is used once
 * more, if there is one.
 */
export class LabLinkLogin {
  #rest: RestClient | undefined;
  #access: string | undefined;
  #refresh: string | undefined;
  #login: Login | undefined;

  readonly #onSession: (session: string | undefined) => void;

  constructor({
    token,
    login,
    session,
    onSession,
  }: Pick<LabServerOptions, 'token' | 'login' | 'session' | 'onSession'>) {
    this.#access = token;
    this.#login = login;
    this.#refresh = session;
    this.#onSession = onSession ?? (() => undefined);
  }

  /** The client that asks; it itself asks for the token. */
  use(rest: RestClient): void {
    this.#rest = rest;
  }

  get token(): string | undefined {
    return this.#access;
  }

  /** Whether there is anything to get a token with. */
  get canRenew(): boolean {
    return this.#refresh !== undefined || this.#login !== undefined;
  }

  /** Throws server.unauthorized, server.mfa-required, server.busy (too many tries), server.unreachable. */
  async login(login: Login, signal?: AbortSignal): Promise<void> {
    const answer = await this.#post(
      '/api/security/login',
      {
        username: login.user,
        password: login.password,
        ...(login.mfaToken === undefined ? {} : { mfa_token: login.mfaToken }),
      },
      signal,
    );
    if (answer.status !== 200) throw loginError(answer);
    this.#take(answer);
    // A one-time code works once: it is no part of what may be said again.
    this.#login = login.mfaToken === undefined ? login : undefined;
  }

  /** A new access token: by the refresh token, else by the login. Throws server.unauthorized when neither helps, server.unreachable. */
  async renew(signal?: AbortSignal): Promise<void> {
    if (this.#refresh !== undefined) {
      const answer = await this.#post('/api/security/refresh', { refresh_token: this.#refresh }, signal);
      if (answer.status === 200) return this.#take(answer);
      if (answer.status >= 500) throw loginError(answer);
      this.#refresh = undefined;
      this.#onSession(undefined);
    }
    if (this.#login) return this.login(this.#login, signal);
    this.#access = undefined;
    throw new LabError(
      'server.unauthorized',
      'The login at the lab server ended, or none was given. What needs no login is polled on. Log in to get live data.',
    );
  }

  /** Forgets the tokens here, whatever the server says: there they stay valid until they run out. */
  async logout(): Promise<void> {
    try {
      if (this.#access !== undefined) await this.#rest?.answer('/api/security/logout', { method: 'POST' });
    } finally {
      this.#access = undefined;
      this.#refresh = undefined;
      this.#login = undefined;
      this.#onSession(undefined);
    }
  }

  #take(answer: RestAnswer): void {
    const tokens = loginAnswer.safeParse(answer.json);
    if (!tokens.success)
      throw new LabError('server.malformed', 'The lab server answered the login with no token. You are not logged in.');
    this.#access = tokens.data.access_token;
    this.#refresh = tokens.data.refresh_token ?? this.#refresh;
    this.#onSession(this.#refresh);
  }

  async #post(path: string, body: unknown, signal: AbortSignal | undefined): Promise<RestAnswer> {
    if (!this.#rest) throw new LabError('server.unreachable', 'There is no connection to the lab server.');
    return this.#rest.answer(path, { method: 'POST', body, signal, isOpen: true });
  }
}

function loginError(answer: RestAnswer): LabError {
  const said = errorText(answer.json, answer.text);
  const saying = said === '' ? '' : ` It says: ${said}`;
  const details = { status: answer.status, said };
  if (answer.headers['x-mfa-required']?.toLowerCase() === 'true')
    return new LabError(
      'server.mfa-required',
      'The lab server wants the one-time code of your authenticator.',
      details,
    );
  if (answer.status === 429)
    return new LabError('server.busy', `The lab server takes no more logins for a while.${saying} Wait.`, details);
  if (answer.status === 401 || answer.status === 403)
    return new LabError('server.unauthorized', `The lab server did not take the login.${saying}`, details);
  return new LabError(
    'server.rejected',
    `The lab server could not do the login (HTTP ${answer.status}).${saying} If its security is switched off, no login is needed.`,
    details,
  );
}
