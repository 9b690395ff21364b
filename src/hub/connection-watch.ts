import type { Clock } from '../core/clock.ts';
import type { Access } from './access/access.ts';
import { type AccessChange, isConcerned, type Principal } from './access/principal.ts';

/** Section 5.9: the login is not, or no more, good. */
const CLOSE_LOGIN = 4401;
/** An end that is further away is looked at again meanwhile: renewals move it, and so does a clock that is set. */
const LOOK_MS = 60_000;

/** What stands on a login or a key. */
export interface Watched {
  /** Who it acts for; its role may change while it is open. */
  readonly principal: Principal;
  /**
   * What it speaks asks for a token at the handshake and knows no renewal: the end of the token is not its end, that of the login or the key is.
   * Default false.
   */
  readonly isAskedOnce?: boolean;
  /** Somebody changed what it may; the principal is the one of now. */
  roleChanged(principal: Principal): void;
  /** Ends it now. */
  end(code: number, reason: string): void;
}

/**
 * Ends connections whose login or key is no more, whatever they speak, and tells the others their new role. The end of a token ends the connections
 * whose dialect can renew it; the others last as long as the login behind it, for the servers they were written for ask for a token once
 * (`isAskedOnce`).
 */
export class ConnectionWatch implements Disposable {
  readonly #access: Access;
  readonly #clock: Clock;
  /** Undefined: it has no end. */
  readonly #timers = new Map<Watched, Disposable | undefined>();
  readonly #ear: Disposable;

  constructor(access: Access, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
    this.#ear = access.onRevoked((change) => this.#changed(change));
  }

  /** From now on, until `forget`. Again after a renewal. */
  watch(connection: Watched): void {
    this.#timers.get(connection)?.[Symbol.dispose]();
    const endMs = this.#endOf(connection);
    if (endMs === undefined) {
      this.#timers.set(connection, undefined);
      return;
    }
    const leftMs = endMs - this.#nowMs();
    const look = (): void => {
      const now = this.#endOf(connection);
      if (now === undefined || now > this.#nowMs()) this.watch(connection);
      else connection.end(CLOSE_LOGIN, overText(connection.principal));
    };
    this.#timers.set(connection, this.#clock.after(Math.min(LOOK_MS, Math.max(0, leftMs)), look));
  }

  forget(connection: Watched): void {
    this.#timers.get(connection)?.[Symbol.dispose]();
    this.#timers.delete(connection);
  }

  [Symbol.dispose](): void {
    this.#ear[Symbol.dispose]();
    for (const connection of [...this.#timers.keys()]) this.forget(connection);
  }

  #changed(change: AccessChange): void {
    for (const connection of [...this.#timers.keys()]) {
      const { principal } = connection;
      if (!isConcerned(principal, change)) continue;
      const now = change.what === 'ended' ? undefined : this.#access.recheck(principal);
      if (now) connection.roleChanged(now);
      else connection.end(CLOSE_LOGIN, `${change.reason} Log in again.`);
    }
  }

  #endOf({ principal, isAskedOnce }: Watched): number | undefined {
    return isAskedOnce ? this.#access.endOf(principal) : principal.expiresMs;
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

function overText({ keyId }: Principal): string {
  return keyId === undefined
    ? 'The login ran out and was not renewed. Log in again.'
    : 'The API key has run out. Make another one at the bench.';
}
