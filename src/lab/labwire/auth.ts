import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import type { LabServerOptions, Login } from '../lab-server.ts';
import type { RestAnswer, RestClient } from '../rest-client.ts';

const granted = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().optional(),
  expires_in: z.number().positive().optional(),
});

/** The token of one server, in memory, and how a new one is got; what renews it goes to `onSession`, too. */
export class LabwireAuth {
  token: string | undefined;
  /** Of the token in use, as the server said; s. Undefined: not known. */
  expiresInS: number | undefined;
  readonly #rest: () => RestClient;
  #login: Login | undefined;
  #refreshToken: string | undefined;

  readonly #onSession: (session: string | undefined) => void;

  constructor(
    rest: () => RestClient,
    { token, login, session, onSession }: Pick<LabServerOptions, 'token' | 'login' | 'session' | 'onSession'>,
  ) {
    this.#rest = rest;
    this.token = token;
    this.#login = login;
    this.#refreshToken = session;
    this.#onSession = onSession ?? (() => undefined);
  }

  get canRenew(): boolean {
    return this.#refreshToken !== undefined || this.#login !== undefined;
  }

  /** Throws server.unauthorized, server.mfa-required, server.busy, server.unreachable. */
  async login(login: Login, signal: AbortSignal | undefined): Promise<void> {
    const body = {
      username: login.user,
      password: login.password,
      ...(login.mfaToken === undefined ? {} : { mfa_token: login.mfaToken }),
    };
    const answer = await this.#rest().answer('/api/security/login', { method: 'POST', body, isOpen: true, signal });
    if (answer.status === 403 && answer.headers['x-mfa-required'] !== undefined)
      throw new LabError(
        'server.mfa-required',
        'The lab server wants a one-time code with the login. Nothing was changed there. Enter the code of your app.',
      );
    this.#take(answer);
    // A one-time code does not work twice: then the login cannot be said again.
    this.#login = login.mfaToken === undefined ? login : undefined;
  }

  /** A new token by the refresh token, else by the login. Throws server.unauthorized where there is neither or both are refused. */
  async renew(signal: AbortSignal | undefined): Promise<void> {
    const refreshToken = this.#refreshToken;
    this.#refreshToken = undefined;
    if (refreshToken !== undefined) {
      const body = { refresh_token: refreshToken };
      const answer = await this.#rest().answer('/api/security/refresh', { method: 'POST', body, isOpen: true, signal });
      if (answer.status >= 200 && answer.status < 300) {
        this.#take(answer);
        return;
      }
      // A server that stumbles says nothing of the login: what renews it is good for the next try.
      if (answer.status >= 500) {
        this.#refreshToken = refreshToken;
        throw new LabError(
          'server.unreachable',
          `The lab server could not renew the login (HTTP ${answer.status}). Nothing was changed; it is tried again with the next connection.`,
        );
      }
    }
    this.#onSession(undefined);
    if (!this.#login) throw unauthorized('');
    await this.login(this.#login, signal);
  }

  forget(): void {
    this.token = undefined;
    this.expiresInS = undefined;
    this.#login = undefined;
    this.#refreshToken = undefined;
    this.#onSession(undefined);
  }

  #take(answer: RestAnswer): void {
    if (answer.status === 429 || answer.status === 423)
      throw new LabError(
        'server.busy',
        'The lab server takes no login now: too many were tried. Nothing was changed there. Wait and try again.',
      );
    const judged = granted.safeParse(answer.json);
    if (answer.status >= 300 || !judged.success) throw unauthorized(` (HTTP ${answer.status})`);
    this.token = judged.data.access_token;
    this.#refreshToken = judged.data.refresh_token;
    this.#onSession(this.#refreshToken);
    this.expiresInS = judged.data.expires_in;
  }
}

function unauthorized(what: string): LabError {
  return new LabError(
    'server.unauthorized',
    `The lab server does not take the login${what}. Nothing comes live from it; log in again, or give another token.`,
  );
}
