import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { TryLimits } from './try-table.ts';
import { TryTable } from './try-table.ts';

const WINDOW_MS = 30 * 60_000;

export interface LoginThrottleOptions {
  /** Wrong logins of one user from one place. Default: 5, then 30 min, as LabLink. */
  pair?: Partial<TryLimits>;
  /** Of all users together from one place: somebody who tries one password with many names. Default 30. */
  place?: Partial<TryLimits>;
  /** Of one user from places the user never logged in from, together: somebody with many addresses. Default 100. */
  user?: Partial<TryLimits>;
  /** Logins of one place looked at or waiting at once. Default 4. */
  maxPending?: number;
}

/** A login that is being looked at. Counted as wrong from the beginning, so that a thousand at once are no thousand tries. */
export interface LoginTry {
  /** Wrong logins left to this user from this place before the lock. */
  readonly remaining: number;
  /** Neither right nor wrong: it is not counted. */
  drop(): void;
  right(): void;
  wrong(): void;
}

/**
 * Slows guessing down. What counts is the pair of user and place, so nobody locks a user out from another place. Only a user guessed at from very many places
 * is closed for a while to places that are new to the user: those the user came from before, the machine itself, logins that are renewed and API keys stay open,
 * and a new password (`labwire user password`) opens it again.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #pairs: TryTable;
  readonly #places: TryTable;
  readonly #users: TryTable;
  /** Names nobody has: apart, so that inventing names pushes no user's count out. They answer alike. */
  readonly #strangers: TryTable;
  readonly #maxPending: number;
  #pending = new Map<string, number>();

  constructor(clock: Clock, options: LoginThrottleOptions = {}) {
    const common = { windowMs: WINDOW_MS, lockMs: WINDOW_MS, max: 20_000 };
    this.#clock = clock;
    this.#pairs = new TryTable({ ...common, tries: 5, ...options.pair });
    this.#places = new TryTable({ ...common, tries: 30, ...options.place });
    this.#users = new TryTable({ ...common, tries: 100, ...options.user });
    this.#strangers = new TryTable({ ...common, tries: 100, ...options.user });
    this.#maxPending = options.maxPending ?? 4;
  }

  /** Entries held, for the bound. */
  get size(): number {
    return this.#pairs.size + this.#places.size + this.#users.size + this.#strangers.size;
  }

  /**
   * Begins a login of `name` from `place`; `isUser`: there is one of that name; `isAtHome`: the user came from there before, or it is the machine itself.
   * Throws hub.throttled {retryAfterS, attemptsRemaining: 0}, hub.busy {retryAfterS}.
   */
  begin(name: string, place: string, isUser: boolean, isAtHome: boolean): LoginTry {
    const nowMs = this.#clock.monotonicMs();
    const users = isUser ? this.#users : this.#strangers;
    const user = name.toLowerCase().slice(0, 64);
    const pair = `${user} ${place}`;
    const lockedMs = Math.max(
      this.#pairs.lockedMs(pair, nowMs),
      this.#places.lockedMs(place, nowMs),
      isAtHome ? 0 : users.lockedMs(user, nowMs),
    );
    if (lockedMs > 0) throw throttled(lockedMs);
    const pending = this.#pending.get(place) ?? 0;
    if (pending >= this.#maxPending) {
      const text = `${pending} logins from your address are being looked at already. This one was not; wait for them, then try again.`;
      throw new LabError('hub.busy', text, { retryAfterS: 1 });
    }
    this.#pending.set(place, pending + 1);
    const remaining = this.#pairs.take(pair, nowMs);
    this.#places.take(place, nowMs);
    if (!isAtHome) users.take(user, nowMs);
    let isOpen = true;
    const finish = (how: () => void) => () => {
      if (!isOpen) return;
      isOpen = false;
      this.#left(place);
      how();
    };
    const giveBack = (): void => {
      this.#places.giveBack(place);
      if (!isAtHome) users.giveBack(user);
    };
    return {
      remaining,
      drop: finish(() => {
        this.#pairs.giveBack(pair);
        giveBack();
      }),
      right: finish(() => {
        this.#pairs.forget(pair);
        giveBack();
      }),
      wrong: finish(() => {}),
    };
  }

  /** The user has a new password: nothing that was tried with the old one counts. */
  forgive(name: string, places: readonly string[]): void {
    const user = name.toLowerCase();
    this.#users.forget(user);
    this.#pairs.forgetWhere((key) => key.startsWith(`${user} `));
    for (const place of places) this.#places.forget(place);
  }

  /** Frees what counts no more; now and then is enough. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const table of [this.#pairs, this.#places, this.#users, this.#strangers]) table.sweep(nowMs);
  }

  #left(place: string): void {
    const pending = (this.#pending.get(place) ?? 1) - 1;
    if (pending > 0) this.#pending.set(place, pending);
    else this.#pending.delete(place);
  }
}

function throttled(lockedMs: number): LabError {
  const retryAfterS = Math.ceil(lockedMs / 1000);
  const minutes = Math.ceil(retryAfterS / 60);
  const text = `Too many wrong logins. Further ones from here are refused for ${minutes} min; who is logged in stays so, and measurements go on. Wait, log in from another place, or have an admin set a new password.`;
  return new LabError('hub.throttled', text, { retryAfterS, attemptsRemaining: 0 });
}
