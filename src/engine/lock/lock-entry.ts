import type { InstrumentLock, LockMode } from '../../contract/lock-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { LockCaller, LockWish } from './lock-wish.ts';

interface LockEntryParts {
  clock: Clock;
  id: string;
  /** Whoever shows it is the owner. */
  key: string;
  by: LockCaller;
  wish: LockWish;
  state: 'held' | 'waiting';
  /** Its time is over, or its owner did not come back. */
  ended(): void;
}

/** One lock, or one place in the queue for it, with its time. Disposing stops the time. */
export class LockEntry implements Disposable {
  readonly id: string;
  readonly key: string;
  readonly instrument: string;
  readonly mode: LockMode;
  readonly #clock: Clock;
  readonly #ended: () => void;
  #by: LockCaller;
  #holder: string;
  #ttlS: number;
  #state: 'held' | 'waiting';
  #sinceNs: bigint;
  #expiresNs: bigint;
  #expiry: Disposable;
  #grace: Disposable | undefined;

  constructor({ clock, id, key, by, wish, state, ended }: LockEntryParts) {
    this.id = id;
    this.key = key;
    this.instrument = wish.instrument;
    this.mode = wish.mode;
    this.#clock = clock;
    this.#ended = ended;
    this.#by = by;
    this.#holder = wish.holder;
    this.#ttlS = wish.ttlS;
    this.#state = state;
    this.#sinceNs = clock.nowNs();
    this.#expiresNs = this.#endNs();
    this.#expiry = this.#count();
  }

  get caller(): string {
    return this.#by.caller;
  }

  get who(): string {
    return this.#by.who;
  }

  /** The link it was taken or touched over last. */
  get screen(): number {
    return this.#by.screen;
  }

  get holder(): string {
    return this.#holder;
  }

  get ttlS(): number {
    return this.#ttlS;
  }

  get state(): 'held' | 'waiting' {
    return this.#state;
  }

  get isExclusive(): boolean {
    return this.mode === 'exclusive' && this.#state === 'held';
  }

  get shown(): Omit<InstrumentLock, 'waiting'> {
    return {
      id: this.id,
      holder: this.#holder,
      who: this.#by.who,
      mode: this.mode,
      sinceNs: String(this.#sinceNs),
      expiresNs: String(this.#expiresNs),
    };
  }

  /** Its time counts anew, and it belongs to this caller and its link. */
  renew(by: LockCaller, holder: string, ttlS: number): void {
    this.#by = by;
    this.#holder = holder;
    this.#ttlS = ttlS;
    this.#grace?.[Symbol.dispose]();
    this.#grace = undefined;
    this.#restart();
  }

  /** It is its turn. An owner whose link has gone has the rest of the grace to come back. */
  grant(): void {
    this.#state = 'held';
    this.#sinceNs = this.#clock.nowNs();
    this.#restart();
  }

  /** The link of its owner has gone. */
  forsake(graceMs: number): void {
    this.#grace ??= this.#clock.after(graceMs, this.#ended);
  }

  [Symbol.dispose](): void {
    this.#expiry[Symbol.dispose]();
    this.#grace?.[Symbol.dispose]();
  }

  #restart(): void {
    this.#expiry[Symbol.dispose]();
    this.#expiresNs = this.#endNs();
    this.#expiry = this.#count();
  }

  #endNs(): bigint {
    return this.#clock.nowNs() + BigInt(Math.round(this.#ttlS * 1e9));
  }

  #count(): Disposable {
    return this.#clock.after(this.#ttlS * 1000, this.#ended);
  }
}
