export interface TryLimits {
  /** The last of so many tries locks. */
  tries: number;
  /** They count together within that, ms. */
  windowMs: number;
  lockMs: number;
  /** Entries kept at most. */
  max: number;
}

interface Tries {
  count: number;
  firstMs: number;
  /** 0: not locked. */
  untilMs: number;
}

/** Of the oldest entries so many are looked at for one that may go without loss. */
const LOOK = 32;

/**
 * Counts tries by key, bounded: when it is full the entry touched longest ago goes, one that locks nobody first. All times are monotonic, ms.
 */
export class TryTable {
  readonly #limits: TryLimits;
  /** In order of last touch. */
  #tries = new Map<string, Tries>();

  constructor(limits: TryLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#tries.size;
  }

  /** How long a key is locked still, ms; 0: it is not. */
  lockedMs(key: string, nowMs: number): number {
    return Math.max(0, (this.#current(key, nowMs)?.untilMs ?? 0) - nowMs);
  }

  /** Counts one; gives how many are left. The one that leaves none locks. */
  take(key: string, nowMs: number): number {
    const { tries, lockMs } = this.#limits;
    const entry = this.#current(key, nowMs) ?? { count: 0, firstMs: nowMs, untilMs: 0 };
    entry.count++;
    if (entry.count >= tries && entry.untilMs === 0) entry.untilMs = nowMs + lockMs;
    this.#tries.delete(key);
    this.#tries.set(key, entry);
    if (this.#tries.size > this.#limits.max) this.#tries.delete(this.#victim(nowMs));
    return Math.max(0, tries - entry.count);
  }

  /** The try was none, or a right one: it counts no more. */
  giveBack(key: string): void {
    const entry = this.#tries.get(key);
    if (!entry) return;
    entry.count--;
    if (entry.count < this.#limits.tries) entry.untilMs = 0;
    if (entry.count <= 0) this.#tries.delete(key);
  }

  forget(key: string): void {
    this.#tries.delete(key);
  }

  forgetWhere(isMeant: (key: string) => boolean): void {
    for (const key of this.#tries.keys()) if (isMeant(key)) this.#tries.delete(key);
  }

  /** Removes what counts no more. */
  sweep(nowMs: number): void {
    for (const key of this.#tries.keys()) this.#current(key, nowMs);
  }

  /** The entry, unless its time is over. */
  #current(key: string, nowMs: number): Tries | undefined {
    const entry = this.#tries.get(key);
    if (!entry || nowMs < this.#overMs(entry)) return entry;
    this.#tries.delete(key);
    return undefined;
  }

  #overMs({ firstMs, untilMs }: Tries): number {
    return untilMs > 0 ? untilMs : firstMs + this.#limits.windowMs;
  }

  #victim(nowMs: number): string {
    let oldest = '';
    let looked = 0;
    for (const [key, entry] of this.#tries) {
      if (oldest === '') oldest = key;
      if (entry.untilMs <= nowMs) return key;
      if (++looked >= LOOK) break;
    }
    return oldest;
  }
}
