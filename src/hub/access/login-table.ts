import type { Clock } from '../../core/clock.ts';
import type { LoginFile, LoginRecord, UserRecord } from './access-schema.ts';
import type { KeptFile } from './kept-file.ts';
import { digest } from './user-table.ts';

export interface LoginLimits {
  /** A further one ends the one of that user that was renewed longest ago. Default 50. */
  perUser?: number | undefined;
  /** Of all users. Default 2000. */
  total?: number | undefined;
}

export const NO_LOGINS: LoginFile = { version: 1, logins: [] };

/** What became of a refresh token. */
export type Renewal = 'renewed' | 'over' | 'reused';

/** Logins that can be renewed, in `logins.json`: one for all the refresh tokens that followed each other. */
export class LoginTable {
  readonly #file: KeptFile<LoginFile>;
  readonly #clock: Clock;
  readonly #limits: Required<LoginLimits>;

  constructor(file: KeptFile<LoginFile>, clock: Clock, { perUser = 50, total = 2000 }: LoginLimits = {}) {
    this.#file = file;
    this.#clock = clock;
    // The schema of the file knows no more than 2000.
    this.#limits = { perUser, total: Math.min(total, 2000) };
  }

  /** A login that is not over. */
  find(id: string, user: UserRecord): LoginRecord | undefined {
    const nowMs = this.#nowMs();
    return this.#file.value.logins.find((login) => login.id === id && isGood(login, user, nowMs));
  }

  /** Throws hub.storage. */
  begin(id: string, user: UserRecord, tokenId: string, ttlMs: number, place: string): Promise<void> {
    const nowMs = this.#nowMs();
    const login: LoginRecord = {
      id,
      user: user.id,
      loginVersion: user.loginVersion,
      current: digest(tokenId),
      createdMs: nowMs,
      seenMs: nowMs,
      expiresMs: nowMs + ttlMs,
      place,
    };
    return this.#file.change((file) => [{ ...file, logins: this.#withRoom(file.logins, login, nowMs) }, undefined]);
  }

  /** The next refresh token in place of `tokenId`. `reused`: that one was used before, and the login has ended. Throws hub.storage. */
  renew(id: string, user: UserRecord, tokenId: string, nextId: string, ttlMs: number): Promise<Renewal> {
    const nowMs = this.#nowMs();
    return this.#file.change<Renewal>((file) => {
      const login = file.logins.find((known) => known.id === id);
      if (!login || !isGood(login, user, nowMs)) return [file, 'over'];
      if (login.current !== digest(tokenId)) return [without(file, id), 'reused'];
      const next = { ...login, current: digest(nextId), seenMs: nowMs, expiresMs: nowMs + ttlMs };
      return [{ ...file, logins: file.logins.map((known) => (known.id === id ? next : known)) }, 'renewed'];
    });
  }

  /** Gives how many ended: 1, or 0 if it was over. Throws hub.storage. */
  end(id: string): Promise<number> {
    return this.#file.change((file) => {
      const next = without(file, id);
      return next.logins.length === file.logins.length ? [file, 0] : [next, 1];
    });
  }

  #withRoom(logins: readonly LoginRecord[], login: LoginRecord, nowMs: number): LoginRecord[] {
    const kept = logins.filter(({ expiresMs }) => expiresMs > nowMs);
    const { perUser, total } = this.#limits;
    const own = kept.filter(({ user }) => user === login.user);
    const crowded = own.length >= perUser ? own : kept.length >= total ? kept : [];
    const oldest = crowded.reduce<LoginRecord | undefined>(
      (found, known) => (found && found.seenMs <= known.seenMs ? found : known),
      undefined,
    );
    return [...kept.filter((known) => known !== oldest), login];
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n);
  }
}

function isGood(login: LoginRecord, user: UserRecord, nowMs: number): boolean {
  return login.user === user.id && login.loginVersion === user.loginVersion && login.expiresMs > nowMs;
}

function without(file: LoginFile, id: string): LoginFile {
  return { ...file, logins: file.logins.filter((login) => login.id !== id) };
}
