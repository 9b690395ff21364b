import { createDeferred } from '../../core/deferred.ts';
import { LOCK_RESPONSE } from '../../protocol/hislip.ts';

/** Lock requests that wait at once, of all clients. */
const MAX_WAITING = 64;

interface Waiting {
  holder: object;
  key: string;
  settle(isGranted: boolean): void;
}

/**
 * Locks of one device (IVI-6.1 2.6, 6.5): one exclusive lock, and a shared lock whose holders know its key. A holder of the shared lock may take
 * the exclusive one too; the others of the share then wait as everybody does. Who holds both releases the exclusive one first.
 */
export class HislipLocks {
  #exclusive: object | undefined;
  readonly #shared = new Set<object>();
  #key = '';
  #waiting: Waiting[] = [];
  #change = createDeferred<void>();

  /** Whether messages of this client are taken in (2.6). */
  mayUse(holder: object): boolean {
    if (this.#exclusive) return this.#exclusive === holder;
    return this.#shared.size === 0 || this.#shared.has(holder);
  }

  /** Resolves when locks change. */
  changed(): Promise<void> {
    return this.#change.promise;
  }

  /** An empty key asks for the exclusive lock. Gives the control code of the answer (Table 20). */
  async request(holder: object, key: string, timeoutMs: number): Promise<number> {
    const isHeld = key === '' ? this.#exclusive === holder : this.#shared.has(holder);
    if (isHeld || this.#waiting.some((one) => one.holder === holder)) return LOCK_RESPONSE.error;
    if (this.#grant(holder, key)) return LOCK_RESPONSE.success;
    if (timeoutMs === 0 || this.#waiting.length >= MAX_WAITING) return LOCK_RESPONSE.failure;
    const isGranted = await new Promise<boolean>((resolve) => {
      const waiting: Waiting = { holder, key, settle: resolve };
      // setTimeout takes 31 bits; a longer wait is for ever.
      const timer = timeoutMs < 0x7fff_ffff ? setTimeout(() => waiting.settle(false), timeoutMs) : undefined;
      waiting.settle = (granted) => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        resolve(granted);
      };
      this.#waiting.push(waiting);
    });
    return isGranted ? LOCK_RESPONSE.success : LOCK_RESPONSE.failure;
  }

  /** Gives the control code of the answer (Table 19). */
  release(holder: object): number {
    const wasExclusive = this.#exclusive === holder;
    if (wasExclusive) this.#exclusive = undefined;
    else if (!this.#shared.delete(holder)) return LOCK_RESPONSE.error;
    this.#serve();
    return wasExclusive ? LOCK_RESPONSE.success : LOCK_RESPONSE.sharedReleased;
  }

  /** The client has gone: its locks and requests with it (6.5). */
  leave(holder: object): void {
    for (const one of this.#waiting.filter((waiting) => waiting.holder === holder)) one.settle(false);
    if (this.#exclusive === holder) this.#exclusive = undefined;
    this.#shared.delete(holder);
    this.#serve();
  }

  /** 6.6: whether there is an exclusive lock, and how many clients hold one of either kind. */
  get info(): { isExclusive: boolean; holders: number } {
    const holders = new Set(this.#shared);
    if (this.#exclusive) holders.add(this.#exclusive);
    return { isExclusive: this.#exclusive !== undefined, holders: holders.size };
  }

  #grant(holder: object, key: string): boolean {
    if (this.#exclusive && this.#exclusive !== holder) return false;
    if (key === '') {
      if (this.#shared.size > 0 && !this.#shared.has(holder)) return false;
      this.#exclusive = holder;
    } else {
      if (this.#shared.size > 0 && this.#key !== key) return false;
      this.#key = key;
      this.#shared.add(holder);
    }
    return true;
  }

  /** In the order they asked. */
  #serve(): void {
    for (const one of [...this.#waiting]) if (this.#grant(one.holder, one.key)) one.settle(true);
    this.#change.resolve();
    this.#change = createDeferred();
  }
}
