import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { ServerLogin } from '../server-login.ts';

/** A token that ends is renewed after that share of its life. */
const RENEW_SHARE = 0.8;

export interface TokenHost {
  /** The token changed: the connection that stands is told. */
  renewed(token: string | undefined): void;
  failed(error: LabError): void;
}

/** Renews the token of a login before it ends, on the connection as it stands. */
export class TokenKeeper implements Disposable {
  readonly #login: ServerLogin;
  readonly #clock: Clock;
  readonly #host: TokenHost;
  readonly #stop = new AbortController();
  #timer: Disposable | undefined;

  constructor(login: ServerLogin, clock: Clock, host: TokenHost) {
    this.#login = login;
    this.#clock = clock;
    this.#host = host;
  }

  /** At once: the present token is not taken any more. Throws as `ServerLogin.renew`. */
  async renew(signal: AbortSignal | undefined): Promise<void> {
    await this.#login.renew(signal);
    this.watch();
  }

  /** From now on the present token counts. */
  watch(): void {
    this.forget();
    const { expiresInS, canRenew } = this.#login;
    if (expiresInS === undefined || !canRenew) return;
    this.#timer = this.#clock.after(expiresInS * 1000 * RENEW_SHARE, () => {
      this.#login.renew(this.#stop.signal, true).then(
        () => {
          this.watch();
          this.#host.renewed(this.#login.token);
        },
        (thrown: unknown) => {
          const error = LabError.from(thrown);
          if (!error.isCancelled) this.#host.failed(error);
        },
      );
    });
  }

  forget(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    this.forget();
    this.#stop.abort(new LabError('call.cancelled', 'The connection to the lab server is closed.'));
  }
}
