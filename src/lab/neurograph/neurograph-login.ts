import { LabError } from '../../core/errors.ts';
import type { Finding, Login } from '../lab-server.ts';
import type { RestClient } from '../rest-client.ts';
import { tokenClaims } from './token-claims.ts';

/** Answers 401 for a token that is none, and something else for one that is. */
const TOKEN_TEST = '/api/v1/metrics';

const REFUSES_TOKENS: Finding = {
  feature: 'Login on the socket',
  state: 'broken',
  text: 'The socket refuses a token that the rest of the server accepts (NeuroGraph 0.60.1 refuses every one). Connected without it: only what is open to everybody is given.',
};

/** Who we are to the server: a token given or got by a login, or nobody. */
export class NeurographLogin {
  readonly #rest: () => RestClient;
  #token: string | undefined;
  #login: Login | undefined;
  #refusesTokens = false;

  constructor(rest: () => RestClient, token: string | undefined, login: Login | undefined) {
    this.#rest = rest;
    this.#token = token;
    this.#login = login;
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** Of the socket: none where it refuses them all. */
  get socketToken(): string | undefined {
    return this.#refusesTokens ? undefined : this.#token;
  }

  get role(): string | undefined {
    return this.socketToken === undefined ? undefined : (tokenClaims(this.socketToken)?.role ?? '');
  }

  get findings(): readonly Finding[] {
    return this.#refusesTokens ? [REFUSES_TOKENS] : [];
  }

  /** Whether a login is known and no token was got with it yet. */
  get isDue(): boolean {
    return this.#token === undefined && this.#login !== undefined;
  }

  /** Throws server.unauthorized, server.unreachable, server.malformed. */
  async login(login: Login, signal: AbortSignal | undefined): Promise<void> {
    const body = { username: login.user, password: login.password };
    const answer = await this.#rest().json('/api/v1/auth/login', { method: 'POST', body, isOpen: true, signal });
    const token = (answer as { access_token?: unknown } | undefined)?.access_token;
    if (typeof token !== 'string') {
      throw new LabError('server.malformed', 'The server answered the login without a token. You are not logged in.');
    }
    this.#token = token;
    this.#login = login;
    this.#refusesTokens = false;
  }

  /** With the login that is known. Throws as `login`. */
  async loginAgain(signal: AbortSignal | undefined): Promise<void> {
    if (this.#login) await this.login(this.#login, signal);
  }

  logout(): void {
    this.#token = undefined;
    this.#login = undefined;
    this.#refusesTokens = false;
  }

  /**
   * The socket was refused (a 403 without a word): the token ended, or this server's socket takes none. REST tells which. Throws server.unauthorized when the token
   * ended and no login is known.
   */
  async renew(signal: AbortSignal): Promise<void> {
    if (this.#token !== undefined && (await this.#isGood(signal))) {
      this.#refusesTokens = true;
      return;
    }
    if (this.#login) return this.loginAgain(signal);
    throw new LabError(
      'server.unauthorized',
      'The server refuses the token: it ended, or was never one of its own. Nothing comes from it; log in, or give another token.',
    );
  }

  async #isGood(signal: AbortSignal): Promise<boolean> {
    const { status } = await this.#rest().answer(TOKEN_TEST, { signal, timeoutMs: 5000 });
    return status !== 401 && status !== 403;
  }
}
