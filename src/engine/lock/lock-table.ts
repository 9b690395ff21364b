import { randomUUID } from 'node:crypto';
import type { CallOutput } from '../../contract/calls.ts';
import type { InstrumentLock, ListedLock } from '../../contract/lock-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { LockEntry } from './lock-entry.ts';
import type { LockCaller, LockWish } from './lock-wish.ts';

export interface LockTableOptions {
  clock: Clock;
  /** How an instrument is called. */
  labelOf(instrument: string): string;
  /** What `exclusive` gives of this instrument has changed. */
  changed(instrument: string): void;
  /** A lock of somebody whose link has gone is kept that long, ms. Default 30 s. */
  graceMs?: number;
  /** Default 16. */
  maxWaiting?: number;
  /** Of one instrument. Default 64. */
  maxObservers?: number;
}

/** An end that moves by less is not told. */
const SEEN_NS = 1_000_000_000n;

type Given = CallOutput<'lock.take'>;

/**
 * Who has which instrument for themselves. One exclusive holder an instrument at most, observers beside it, a queue in order of arrival.
 *
 *               take, free                                    take, held, wait
 *     (nothing) ───────────▶ held ◀──head of the queue── waiting ◀──────────── (nothing)
 *                             │                             │
 *                 touch, take └─▶ its time counts anew ◀────┘
 *                             │                             │
 *     release, force, its time is over, its link gone for 30 s, the instrument detached ──▶ (nothing), and the next in the queue has it
 *
 * A link that is back in time: any touch, or take, over another one. Observers keep nobody from anything. Nothing is kept on disk.
 */
export class LockTable implements Disposable {
  readonly #options: LockTableOptions;
  /** In order of arrival. */
  readonly #entries = new Map<string, LockEntry>();
  #number = 0;

  constructor(options: LockTableOptions) {
    this.#options = options;
  }

  /** As `lock.take`. Throws instrument.locked, call.limit when the queue or the list of observers is full. */
  take(by: LockCaller, wish: LockWish): Given {
    const own = this.#of(wish.instrument).find(({ caller }) => caller === by.caller);
    if (own && own.mode === wish.mode) {
      this.#renew(own, by, wish.holder, wish.ttlS);
      return this.#given(own);
    }
    const entry = this.#enter(by, wish);
    // Who had the other mode has it no longer.
    if (own) this.#end(own);
    return this.#given(entry);
  }

  /** As `lock.release`. Throws lock.unknown, call.denied. */
  release(by: LockCaller, lock: string, key?: string): void {
    this.#end(this.#own(by, lock, key));
  }

  /** As `lock.touch`. Throws lock.unknown, call.denied. */
  touch(by: LockCaller, lock: string, key?: string): Given {
    const entry = this.#own(by, lock, key);
    this.#renew(entry, by, entry.holder, entry.ttlS);
    return this.#given(entry);
  }

  /** As `lock.force`: ends it; `take` puts the caller before all who wait. Gives whose it was. Throws lock.unknown. */
  force(
    by: LockCaller,
    lock: string,
    take?: { holder: string; ttlS: number },
  ): { was: LockEntry; taken: Given | null } {
    const was = this.#find(lock);
    const { instrument } = was;
    if (!take) {
      this.#end(was);
      return { was, taken: null };
    }
    // Who holds it holds it no longer, also when it was a place in the queue that was named.
    for (const entry of this.#of(instrument)) {
      if (entry === was || entry.isExclusive || entry.caller === by.caller) this.#remove(entry);
    }
    const taken = this.#add(by, { instrument, mode: 'exclusive', ...take, wait: false });
    this.#changed(instrument);
    return { was, taken: this.#given(taken) };
  }

  /** Throws instrument.locked when somebody else has this instrument, or the caller only observes it. */
  check(instrument: string, caller: string): void {
    const held = this.#exclusive(instrument);
    if (held && held.caller !== caller) throw this.#locked(held);
    if (held || !this.#of(instrument).some((entry) => entry.caller === caller && entry.mode === 'observer')) return;
    throw new LabError(
      'instrument.locked',
      `You hold ${this.#options.labelOf(instrument)} as an observer, which keeps you from changing it. Nothing was sent. Take its exclusive lock, or release this one.`,
      { instrument },
    );
  }

  /** Who has it, for the state. */
  exclusive(instrument: string): InstrumentLock | undefined {
    const held = this.#exclusive(instrument);
    if (!held) return undefined;
    const waiting = this.#of(instrument).filter(({ state }) => state === 'waiting').length;
    return { ...held.shown, waiting };
  }

  /** Instruments somebody has for themselves. */
  get exclusives(): string[] {
    return [...this.#entries.values()].filter((entry) => entry.isExclusive).map(({ instrument }) => instrument);
  }

  list(caller: string, instrument?: string): ListedLock[] {
    const all = [...this.#entries.values()].filter(
      (entry) => instrument === undefined || entry.instrument === instrument,
    );
    const inOrder = [...all.filter(({ state }) => state === 'held'), ...all.filter(({ state }) => state === 'waiting')];
    return inOrder.map((entry) => ({
      ...entry.shown,
      instrument: entry.instrument,
      state: entry.state,
      isMine: entry.caller === caller,
    }));
  }

  /** A link has closed: what came over it last ends after the grace. */
  left(screen: number): void {
    const { graceMs = 30_000 } = this.#options;
    for (const entry of this.#entries.values()) if (entry.screen === screen) entry.forsake(graceMs);
  }

  /** An instrument was detached: nobody waits for it. */
  detached(instrument: string): void {
    for (const entry of this.#of(instrument)) this.#remove(entry);
  }

  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) entry[Symbol.dispose]();
    this.#entries.clear();
  }

  #enter(by: LockCaller, wish: LockWish): LockEntry {
    const { maxWaiting = 16, maxObservers = 64 } = this.#options;
    const all = this.#of(wish.instrument);
    if (wish.mode === 'observer') {
      if (all.filter(({ mode }) => mode === 'observer').length >= maxObservers)
        throw this.#full(wish.instrument, `${maxObservers} observe it already`);
      return this.#add(by, wish);
    }
    const held = this.#exclusive(wish.instrument);
    if (held && !wish.wait) throw this.#locked(held);
    if (held && all.filter(({ state }) => state === 'waiting').length >= maxWaiting)
      throw this.#full(wish.instrument, `${maxWaiting} wait for it already`);
    const entry = this.#add(by, wish, held ? 'waiting' : 'held');
    this.#changed(wish.instrument);
    return entry;
  }

  #add(by: LockCaller, wish: LockWish, state: 'held' | 'waiting' = 'held'): LockEntry {
    const entry = new LockEntry({
      clock: this.#options.clock,
      id: `lock-${++this.#number}`,
      key: randomUUID(),
      by,
      wish,
      state,
      ended: () => this.#end(entry),
    });
    this.#entries.set(entry.id, entry);
    return entry;
  }

  /** Takes it out; the next one has it. */
  #end(entry: LockEntry): void {
    this.#remove(entry);
    const { instrument } = entry;
    if (!this.#exclusive(instrument))
      this.#of(instrument)
        .find(({ state }) => state === 'waiting')
        ?.grant();
    this.#changed(instrument);
  }

  #remove(entry: LockEntry): void {
    entry[Symbol.dispose]();
    this.#entries.delete(entry.id);
  }

  /** Screens are told when it shows: who touches often must not have them all drawn anew each time. */
  #renew(entry: LockEntry, by: LockCaller, holder: string, ttlS: number): void {
    const before = entry.shown;
    entry.renew(by, holder, ttlS);
    const { shown } = entry;
    const movedNs = BigInt(shown.expiresNs) - BigInt(before.expiresNs);
    const isSeen =
      movedNs >= SEEN_NS || movedNs <= -SEEN_NS || shown.holder !== before.holder || shown.who !== before.who;
    if (isSeen && entry.isExclusive) this.#changed(entry.instrument);
  }

  #changed(instrument: string): void {
    this.#options.changed(instrument);
  }

  #of(instrument: string): LockEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.instrument === instrument);
  }

  #exclusive(instrument: string): LockEntry | undefined {
    return this.#of(instrument).find(({ isExclusive }) => isExclusive);
  }

  #find(lock: string): LockEntry {
    const entry = this.#entries.get(lock);
    if (entry) return entry;
    throw new LabError(
      'lock.unknown',
      `There is no lock ${lock} any more: it was released, has run out, or was taken over. Nothing was changed. Take it again.`,
      { lock },
    );
  }

  #own(by: LockCaller, lock: string, key: string | undefined): LockEntry {
    const entry = this.#find(lock);
    if (entry.caller === by.caller || entry.key === key) return entry;
    throw new LabError(
      'call.denied',
      `The lock of ${this.#options.labelOf(entry.instrument)} belongs to ${entry.holder} (${entry.who}). Nothing was changed. Ask them, or take it over with the right “manage”.`,
      { lock },
    );
  }

  #given(entry: LockEntry): Given {
    const waiting = this.#of(entry.instrument).filter(({ state }) => state === 'waiting');
    return {
      lock: entry.id,
      state: entry.state,
      position: waiting.indexOf(entry) + 1,
      expiresNs: entry.shown.expiresNs,
      key: entry.key,
    };
  }

  #locked(held: LockEntry): LabError {
    const { id: lock, holder, who, expiresNs } = held.shown;
    const name = who.startsWith(holder) ? who : `${holder} (${who})`;
    const until = new Date(Number(BigInt(expiresNs) / 1_000_000n)).toISOString();
    return new LabError(
      'instrument.locked',
      `${name} has ${this.#options.labelOf(held.instrument)} for themselves until ${until}. Nothing was sent. Wait for it (lock.take with wait), ask them, or take it over with the right “manage”. Outputs off works all the same.`,
      { instrument: held.instrument, lock, holder, who, untilNs: expiresNs },
    );
  }

  #full(instrument: string, why: string): LabError {
    const label = this.#options.labelOf(instrument);
    return new LabError('call.limit', `${label} cannot be locked now: ${why}. Nothing was changed. Try again later.`, {
      instrument,
    });
  }
}
