import { createHmac } from 'node:crypto';
import type { RandomBytes } from './password-hash.ts';
import { digest } from './user-table.ts';

const SIZE = 32;
/** Random bytes of it; the rest tells whose it is. */
const RANDOM = 26;

/** Whose a token is that is in no table. */
export type TokenOrigin = 'ours' | 'before' | 'foreign';

/**
 * Tokens to come back with: 32 bytes, base64url, 43 characters. 26 are random (208 bits); 4 say that this hub made it, 2 in which of its runs: so that a client
 * hears `instance_changed` after a restart, when nothing is left to look the token up in. To everybody without the hub's key all 32 are random.
 */
export class ResumeTokens {
  readonly #key: Uint8Array;
  readonly #instance: Buffer;
  readonly #random: RandomBytes;

  constructor(key: Uint8Array, instance: string, random: RandomBytes) {
    this.#key = key;
    this.#instance = createHmac('sha256', key).update(`instance ${instance}`).digest().subarray(0, 2);
    this.#random = random;
  }

  create(): string {
    const bytes = Buffer.alloc(SIZE);
    bytes.set(this.#random(RANDOM), 0);
    const mark = this.#mark(bytes.subarray(0, RANDOM));
    mark.copy(bytes, RANDOM, 0, 4);
    for (let at = 0; at < 2; at++) bytes[RANDOM + 4 + at] = (mark[4 + at] ?? 0) ^ (this.#instance[at] ?? 0);
    return bytes.toString('base64url');
  }

  originOf(token: string): TokenOrigin {
    if (!/^[\w-]{43}$/.test(token)) return 'foreign';
    const bytes = Buffer.from(token, 'base64url');
    const mark = this.#mark(bytes.subarray(0, RANDOM));
    if (!mark.subarray(0, 4).equals(bytes.subarray(RANDOM, RANDOM + 4))) return 'foreign';
    const isThisRun = [0, 1].every(
      (at) => ((mark[4 + at] ?? 0) ^ (this.#instance[at] ?? 0)) === bytes[RANDOM + 4 + at],
    );
    return isThisRun ? 'ours' : 'before';
  }

  #mark(random: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(random).digest();
  }
}

/** What is kept of a token: nobody who sees the memory of the hub can come back with it. */
export function hashToken(token: string): string {
  return digest(token);
}
