import { LabError } from '../../core/errors.ts';
import type { RandomBytes, ScryptCosts } from './password-hash.ts';
import { hashPassword, SCRYPT_COSTS, systemRandom, verifyPassword } from './password-hash.ts';

export interface PasswordDeskOptions {
  random?: RandomBytes | undefined;
  costs?: ScryptCosts | undefined;
  /** Hashes computed at once; each takes 32 MiB and a thread of four. Default 2. */
  atOnce?: number | undefined;
  /** How many may wait. Default 32. */
  maxWaiting?: number | undefined;
}

/** What to wait when the queue is full, s: it takes about so long to get through it. */
const RETRY_AFTER_S = 5;

/**
 * Computes password hashes a few at a time, so that a flood of logins leaves threads for files and cores for measurements.
 */
export class PasswordDesk {
  readonly #options: Required<PasswordDeskOptions>;
  /** A hash nobody knows the password of: an unknown user costs as much time as a known one. */
  #nobody: Promise<string> | undefined;
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(options: PasswordDeskOptions = {}) {
    const { random = systemRandom, costs = SCRYPT_COSTS, atOnce = 2, maxWaiting = 32 } = options;
    this.#options = { random, costs, atOnce, maxWaiting };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get costs(): ScryptCosts {
    return this.#options.costs;
  }

  /** Throws hub.busy when too many wait. */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hashPassword(password, this.#options.random, this.#options.costs));
  }

  /** `stored` undefined: there is no such user; false after as long a time. Throws hub.busy when too many wait. */
  verify(password: string, stored: string | undefined): Promise<boolean> {
    return this.#inTurn(async () => {
      const isRight = await verifyPassword(password, stored ?? (await this.#nobodysHash()));
      return isRight && stored !== undefined;
    });
  }

  /** Makes the first login of an unknown user as quick as the second. */
  async prepare(): Promise<void> {
    await this.#nobodysHash();
  }

  #nobodysHash(): Promise<string> {
    const { random, costs } = this.#options;
    this.#nobody ??= hashPassword(Buffer.from(random(16)).toString('hex'), random, costs);
    return this.#nobody;
  }

  async #inTurn<T>(action: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.atOnce) {
      if (this.#waiting.length >= this.#options.maxWaiting) {
        const text = `Too many logins at once. This one was not looked at; who is logged in stays so. Try again in ${RETRY_AFTER_S} s.`;
        throw new LabError('hub.busy', text, { retryAfterS: RETRY_AFTER_S });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await action();
    } finally {
      // The place goes straight to the next one: nobody can come in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
