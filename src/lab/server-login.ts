import { LabError } from '../core/errors.ts';
import { loginAnswer } from '../protocol/lab/lablink-rest.ts';
import { errorText } from './http-error.ts';
import type { LabServerOptions, Login } from './lab-server.ts';
import type { RestAnswer, RestClient } from './rest-client.ts';

const LOGIN = '/api/security/login';
const REFRESH = '/api/security/refresh';
const LOGOUT = '/api/security/logout';

/**
 * The login at one server that speaks `/api/security`: its tokens, in memory; what renews them goes to `onSession`, too. Tokens may die with the server's process;
 * then the login given is used once more, if there is one.
 */
export class ServerLogin {
  readonly #rest: () => RestClient;
  readonly #onSession: (session: string | undefined) => void;
  #token: string | undefined;
  #expiresInS: number | undefined;
  #login: Login | undefined;
  #refreshToken: string | undefined;
  #renewing: Promise<void> | undefined;

  /** `rest`: the client that asks; it may itself ask for the token. */
  constructor(
    rest: () => RestClient,
    { token, login, session, onSession }: Pick<LabServerOptions, 'token' | 'login' | 'session' | 'onSession'>,
  ) {
    this.#rest = rest;
    this.#token = token;
    this.#login = login;
    this.#refreshToken = session;
    this.#onSession = onSession ?? (() => undefined);
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** Life of the token, as the server said with it; s. Undefined: not known. */
  get expiresInS(): number | undefined {
    return this.#expiresInS;
  }

  /** Whether there is anything to get a token with. */
  get canRenew(): boolean {
    return this.#refreshToken !== undefined || this.#login !== undefined;
  }

  /** Throws server.unauthorized, server.mfa-required, server.busy (too many tries), server.rejected, server.malformed, server.unreachable. */
  async login(login: Login, signal?: AbortSignal): Promise<void> {
    const body = {
      username: login.user,
      password: login.password,
      ...(login.mfaToken === undefined ? {} : { mfa_token: login.mfaToken }),
    };
    const answer = await this.#post(LOGIN, body, signal);
    if (!isGood(answer)) throw refusal(answer);
    // What renewed the login before may be of somebody else.
    this.#take(answer, undefined);
    // A one-time code works once: with it the login cannot be said again.
    this.#login = login.mfaToken === undefined ? login : undefined;
  }

  /**
   * A new token: by the refresh token, else by the login; once for all who ask at the same time. `isEarly`: the present one still holds and stays if neither
   * helps. Throws server.unauthorized when neither helps, server.unreachable, and as `login`.
   */
  async renew(signal?: AbortSignal, isEarly = false): Promise<void> {
    if (this.#renewing) {
      try {
        return await this.#renewing;
      } catch (thrown) {
        // Who asked first gave up; that is no answer for others.
        if (!LabError.from(thrown).isCancelled || signal?.aborted) throw thrown;
      }
    }
    const renewing = this.#renew(signal, isEarly).finally(() => {
      if (this.#renewing === renewing) this.#renewing = undefined;
    });
    this.#renewing = renewing;
    return renewing;
  }

  /** Forgets everything here, whatever the server says: there the tokens may stay valid until they run out. */
  async logout(): Promise<void> {
    try {
      if (this.#token !== undefined) await this.#rest().answer(LOGOUT, { method: 'POST' });
    } finally {
      this.#token = undefined;
      this.#expiresInS = undefined;
      this.#login = undefined;
      this.#keep(undefined);
    }
  }

  async #renew(signal: AbortSignal | undefined, isEarly: boolean): Promise<void> {
    const refreshToken = this.#refreshToken;
    if (refreshToken !== undefined) {
      const answer = await this.#post(REFRESH, { refresh_token: refreshToken }, signal);
      // A server that does not rotate it names no other one.
      if (isGood(answer)) return this.#take(answer, refreshToken);
      // A server that stumbles says nothing of the login: what renews it is good for the next try.
      if (answer.status >= 500)
        throw new LabError(
          'server.unreachable',
          `The lab server could not renew the login (HTTP ${answer.status}). Nothing was changed; it is tried again with the next connection.`,
        );
      this.#keep(undefined);
    }
    if (this.#login) return this.login(this.#login, signal);
    if (!isEarly) this.#token = undefined;
    throw new LabError(
      'server.unauthorized',
      'The login at the lab server ended, or none was given. What needs no login goes on. Log in to get live data, or give another token.',
    );
  }

  #take({ json }: RestAnswer, refreshToken: string | undefined): void {
    const said = loginAnswer.safeParse(json).data;
    if (!said || said.access_token === '')
      throw new LabError('server.malformed', 'The lab server answered the login with no token. You are not logged in.');
    const { access_token, expires_in = 0, refresh_token } = said;
    this.#token = access_token;
    this.#expiresInS = expires_in > 0 && Number.isFinite(expires_in) ? expires_in : undefined;
    this.#keep(refresh_token ?? refreshToken);
  }

  #keep(refreshToken: string | undefined): void {
    this.#refreshToken = refreshToken;
    this.#onSession(refreshToken);
  }

  #post(path: string, body: unknown, signal: AbortSignal | undefined): Promise<RestAnswer> {
    return this.#rest().answer(path, { method: 'POST', body, signal, isOpen: true });
  }
}

function isGood({ status }: RestAnswer): boolean {
  return status >= 200 && status < 300;
}

function refusal({ status, headers, json, text }: RestAnswer): LabError {
  const said = errorText(json, text);
  const saying = said === '' ? '' : ` It says: ${said}`;
  const details = { status, said };
  if (headers['x-mfa-required']?.toLowerCase() === 'true')
    return new LabError(
      'server.mfa-required',
      'The lab server wants a one-time code with the login. Nothing was changed there. Enter the code of your authenticator.',
      details,
    );
  if (status === 429 || status === 423)
    return new LabError(
      'server.busy',
      `The lab server takes no login for a while: too many were tried.${saying} Nothing was changed there. Wait and try again.`,
      details,
    );
  if (status === 401 || status === 403)
    return new LabError('server.unauthorized', `The lab server did not take the login.${saying}`, details);
  return new LabError(
    'server.rejected',
    `The lab server could not do the login (HTTP ${status}).${saying} If its security is switched off, no login is needed.`,
    details,
  );
}
