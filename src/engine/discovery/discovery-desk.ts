import type { DiscoveryState, FoundInstrument, PathSource, SearchState } from '../../contract/discovery-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { Identity } from '../../core/instrument.ts';
import { matchesExpression } from '../../core/resource-expression.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import type { StateBoard } from '../state/state-board.ts';
import { unitKey } from './identity-key.ts';
import { IdentityScout, type ScoutParts } from './identity-scout.ts';
import { createScanSearch, type ScanOptions } from './scan-search.ts';
import type { Search, SearchPlace } from './search.ts';
import { type BookLimits, SightingBook } from './sighting-book.ts';
import { subnetHosts } from './subnet.ts';

export interface DiscoveryLimits {
  /** Shortest time between two events. */
  publishMs: number;
  /** A look is over then, whatever it waits for. */
  lookMs: number;
  /** A unit that is sought is looked for so often at most. */
  seekMs: number;
  /** While watched, a way that was not there is looked at again so long after, if it goes on by itself where it is. */
  retryMs: number;
  /** The end waits so long for what is looking; one that does not hear its signal is left behind. */
  endMs: number;
}

/** Making the list takes this share of the time at most: one in so many. */
const REST_SHARE = 20;

export const DISCOVERY_LIMITS: DiscoveryLimits = {
  publishMs: 200,
  lookMs: 10_000,
  seekMs: 15_000,
  retryMs: 20_000,
  endMs: 2000,
};

export interface DiscoveryParts {
  clock: Clock;
  board: StateBoard;
  /** In the order in which their rows appear. */
  searches: readonly Search[];
  /** An attached instrument has a connection to that host; with a port: there. */
  isInUse(host: string, port?: number): boolean;
  limits?: Partial<DiscoveryLimits> | undefined;
  book?: Partial<BookLimits> | undefined;
  scan?: Partial<ScanOptions> | undefined;
  scout?: Pick<ScoutParts, 'limits' | 'fetchLxi'> | undefined;
}

/** A search and what it is doing. */
interface Running {
  search: Search;
  state: SearchState;
  look: { abort: AbortController; done: Promise<void> } | undefined;
  /** While watched. */
  watching: Disposable | undefined;
  again: Disposable | undefined;
  changes: Disposable | undefined;
  /** Something changed while it was looking. */
  isStale: boolean;
}

/**
 * One list of everything found, from many ways of looking. Each has a state and a reason of its own; one that fails takes nothing along.
 *
 *              search, find                  all through
 *     (idle) ───────────────▶ searching ─────────────────▶ done · failed · unavailable · cancelled
 *        │                                                   │ while a screen watches: lists are looked at
 *        └── watch on ──▶ searching ──▶ watching ◀───────────┘ again, announcements go on being heard
 *                           ▲             │ cannot be heard any more
 *                           └─ retryMs ── unavailable
 *
 * What is found is published when it changes, at most every `publishMs`. Nothing runs, and nothing is asked, while nobody watches or searches.
 */
export class DiscoveryDesk implements AsyncDisposable {
  readonly #parts: DiscoveryParts;
  readonly #limits: DiscoveryLimits;
  readonly #book: SightingBook;
  readonly #scout: IdentityScout;
  readonly #end = new AbortController();
  readonly #searches: Map<PathSource, Running>;
  readonly #watchers = new Set<object>();
  #startedNs: bigint | null = null;
  #published = '';
  /** The list is not made again before. */
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #publishing: Disposable | undefined;
  #dropping: Disposable | undefined;
  #soughtMs = Number.NEGATIVE_INFINITY;
  #disposed: Promise<void> | undefined;

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    this.#limits = { ...DISCOVERY_LIMITS, ...parts.limits };
    this.#book = new SightingBook(parts.book);
    this.#searches = new Map(parts.searches.map((search) => [search.source, running(search)]));
    this.#scout = new IdentityScout({
      clock: parts.clock,
      signal: this.#end.signal,
      isInUse: (host) => parts.isInUse(host),
      learned: (resource, answer) => {
        this.#book.answer(resource, answer);
        this.#changed();
      },
      ...parts.scout,
    });
  }

  /** For one screen; `off` when it goes. Looks once by all ways at the first. */
  watch(screen: object, on: boolean): void {
    if (!on) {
      this.#watchers.delete(screen);
      if (this.#watchers.size === 0) this.#rest();
      return;
    }
    const isFirst = this.#watchers.size === 0;
    this.#watchers.add(screen);
    if (isFirst) this.search();
  }

  /** Looks now, by all ways or these. Resolves when they are through and everybody found was asked; it need not be awaited. */
  search(sources?: readonly PathSource[]): Promise<void> {
    this.#startedNs = this.#parts.clock.nowNs();
    const wanted = [...this.#searches.values()].filter(
      ({ search }) => search.source !== 'scan' && (!sources || sources.includes(search.source)),
    );
    const looks = wanted.map((one) => this.#look(one));
    this.#changed();
    return Promise.all(looks).then(() => this.#scout.idle());
  }

  /** Looks and gives the list after `withinMs` at the latest. Throws `call.invalid` for a malformed expression, the signal's reason when aborted. */
  async find(withinMs: number, expression: string | undefined, signal: AbortSignal): Promise<FoundInstrument[]> {
    const fits = expression === undefined ? () => true : matchesExpression(expression);
    const over = new AbortController();
    try {
      const patience = delay(this.#parts.clock, withinMs, AbortSignal.any([over.signal, signal]));
      await Promise.race([this.search(), patience]);
    } finally {
      over.abort();
    }
    signal.throwIfAborted();
    return this.#update()
      .filter(({ state }) => state !== 'gone')
      .map((row) => (expression === undefined ? row : { ...row, resources: row.resources.filter(fits) }))
      .filter((row) => expression === undefined || row.resources.length > 0);
  }

  /** Knocks at every host of a subnet. Returns at once. Throws `call.invalid`. */
  scan(subnet: string): void {
    const hosts = subnetHosts(subnet);
    this.#searches.get('scan')?.look?.abort.abort();
    const search = createScanSearch(hosts, {
      isInUse: (host, port) => this.#parts.isInUse(host, port),
      ...this.#parts.scan,
    });
    const scan = running(search);
    this.#searches.set('scan', scan);
    this.#startedNs = this.#parts.clock.nowNs();
    void this.#look(scan, Number.POSITIVE_INFINITY);
    this.#changed();
  }

  /** Ends what is searching; what was found stays, and watching goes on. */
  cancel(): void {
    for (const one of this.#searches.values()) {
      if (one.look) one.state = { ...one.state, state: 'cancelled' };
      one.look?.abort.abort(new LabError('call.cancelled', 'The search was cancelled.'));
    }
    this.#changed();
  }

  /** The lists of these ways have changed: looked at again, if anybody has looked yet. */
  refresh(source: PathSource): void {
    const one = this.#searches.get(source);
    if (one && this.#startedNs !== null && !this.#end.signal.aborted) void this.#look(one);
  }

  /** Ways on which a unit is seen, the best first; looks for it if nobody looked lately. None for a unit without a serial number: others look the same. */
  async waysTo(identity: Identity, signal: AbortSignal): Promise<string[]> {
    const unit = unitKey(identity);
    if (unit === undefined) return [];
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#soughtMs >= this.#limits.seekMs) {
      this.#soughtMs = nowMs;
      const bound = delay(this.#parts.clock, this.#limits.lookMs, signal).catch(() => undefined);
      await Promise.race([this.search(), bound]);
    }
    return this.#update()
      .filter(({ idn }) => idn !== null && unitKey(parseIdentity(idn)) === unit)
      .flatMap(({ paths }) => paths.filter(({ state }) => state === 'usable').map(({ resource }) => resource));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#watchers.clear();
    this.#rest();
    this.#end.abort(new LabError('call.cancelled', 'The engine ends.'));
    this.#publishing?.[Symbol.dispose]();
    this.#dropping?.[Symbol.dispose]();
    const ended = Promise.all([...this.#searches.values()].map(({ look }) => look?.done)).then(() =>
      this.#scout.idle(),
    );
    const over = new AbortController();
    const patience = delay(this.#parts.clock, this.#limits.endMs, over.signal).catch(() => undefined);
    await Promise.race([ended, patience]);
    over.abort();
  }

  /** `isQuiet`: what is said of it stays until it is through. */
  #look(one: Running, limitMs = this.#limits.lookMs, isQuiet = false): Promise<void> {
    if (one.look) return one.look.done;
    // Its announcements are being heard already.
    if (one.watching) return Promise.resolve();
    if (this.#end.signal.aborted) return Promise.resolve();
    const abort = new AbortController();
    one.again?.[Symbol.dispose]();
    if (!isQuiet) one.state = { source: one.search.source, state: 'searching', found: one.state.found };
    const done = this.#lookAt(one, abort, limitMs).finally(() => {
      one.look = undefined;
      const { isStale } = one;
      one.isStale = false;
      if (this.#watchers.size > 0 && !this.#end.signal.aborted) this.#keepWatching(one);
      this.#changed();
      if (isStale && one.changes) void this.#look(one);
    });
    one.look = { abort, done };
    return done;
  }

  async #lookAt(one: Running, abort: AbortController, limitMs: number): Promise<void> {
    const { clock } = this.#parts;
    const { source } = one.search;
    const limit = Number.isFinite(limitMs)
      ? clock.after(limitMs, () => abort.abort(new LabError('transport.timeout', 'It took too long.')))
      : undefined;
    const seen = new Set<string>();
    const signal = AbortSignal.any([abort.signal, this.#end.signal]);
    const state = (word: SearchState['state'], reason?: string): void => {
      const found = this.#book.count(source);
      const progress = word === 'done' || one.state.progress === undefined ? {} : { progress: one.state.progress };
      one.state = { source, state: word, found, ...progress, ...(reason === undefined ? {} : { reason }) };
    };
    try {
      await one.search.look(this.#place(one, signal, seen));
      if (signal.aborted) state(one.state.state === 'cancelled' ? 'cancelled' : 'done');
      else {
        this.#book.keepOnly(source, seen);
        state('done');
      }
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (error.code === 'discovery.unavailable') this.#book.keepOnly(source, seen);
      if (error.isCancelled || one.state.state === 'cancelled') state('cancelled');
      else state(error.code === 'discovery.unavailable' ? 'unavailable' : 'failed', error.message);
    } finally {
      limit?.[Symbol.dispose]();
    }
  }

  #place(one: Running, signal: AbortSignal, seen?: Set<string>): SearchPlace {
    const { source } = one.search;
    return {
      signal,
      found: (found) => {
        // One that was left behind when the desk ended.
        if (this.#end.signal.aborted) return;
        seen?.add(found.resource);
        const kept = this.#book.add({ ...found, source, seenNs: String(this.#parts.clock.nowNs()) });
        if (kept) this.#scout.consider(kept);
        this.#changed();
      },
      lost: (resource) => {
        seen?.delete(resource);
        this.#book.remove(source, resource);
        this.#changed();
      },
      progress: (share) => {
        one.state = { ...one.state, progress: Math.min(1, share) };
        this.#changed();
      },
    };
  }

  #keepWatching(one: Running): void {
    const { search, state } = one;
    if (state.state === 'unavailable') {
      this.#lookLater(one);
      return;
    }
    try {
      one.changes ??= search.onChange?.(() => {
        one.isStale = one.look !== undefined;
        void this.#look(one);
      });
      if (search.watch)
        one.watching = search.watch(this.#place(one, this.#end.signal), (error) => this.#lose(one, error));
      else if (search.againMs !== undefined)
        one.again = this.#parts.clock.after(search.againMs, () => void this.#look(one));
      else return;
      if (state.state === 'done') one.state = { ...state, state: 'watching' };
    } catch (error) {
      one.state = { ...state, state: 'unavailable', reason: LabError.from(error).message };
      this.#lookLater(one);
    }
  }

  /** What it announced is not known to be there any more. */
  #lose(one: Running, error: LabError): void {
    if (!one.watching) return;
    one.watching[Symbol.dispose]();
    one.watching = undefined;
    const { source } = one.search;
    this.#book.keepOnly(source, new Set());
    one.state = { source, state: 'unavailable', found: 0, reason: error.message };
    this.#lookLater(one);
    this.#changed();
  }

  /** A network that comes back is not missed for as long as somebody watches. What looks only when asked stays as it is. */
  #lookLater(one: Running): void {
    const { watch, againMs } = one.search;
    if (!watch && againMs === undefined) return;
    one.again?.[Symbol.dispose]();
    one.again = this.#parts.clock.after(this.#limits.retryMs, () => void this.#look(one, undefined, true));
  }

  /** Nobody watches: what goes on by itself ends. */
  #rest(): void {
    for (const one of this.#searches.values()) {
      one.watching?.[Symbol.dispose]();
      one.again?.[Symbol.dispose]();
      one.changes?.[Symbol.dispose]();
      one.watching = undefined;
      one.again = undefined;
      one.changes = undefined;
      if (one.state.state === 'watching') one.state = { ...one.state, state: 'done' };
    }
    this.#changed();
  }

  #update(): readonly FoundInstrument[] {
    const nowMs = this.#parts.clock.monotonicMs();
    const rows = this.#book.update(nowMs);
    this.#dropping?.[Symbol.dispose]();
    const dropMs = this.#book.nextDropMs;
    this.#dropping = dropMs === undefined ? undefined : this.#parts.clock.after(dropMs - nowMs, () => this.#changed());
    return rows;
  }

  /** Told soon, and not more often than a screen can use. Before anybody has looked there is nothing to tell. */
  #changed(): void {
    if (this.#publishing || this.#startedNs === null || this.#end.signal.aborted) return;
    const waitMs = this.#restUntilMs - this.#parts.clock.monotonicMs();
    this.#publishing = this.#parts.clock.after(Math.max(0, waitMs), () => {
      this.#publishing = undefined;
      this.#publish();
    });
  }

  #publish(): void {
    const { clock } = this.#parts;
    const startMs = clock.monotonicMs();
    this.#tell();
    // A network that floods the list makes it slow to make: it must leave the engine its time. Also when nothing has changed.
    const nowMs = clock.monotonicMs();
    this.#restUntilMs = nowMs + Math.max(this.#limits.publishMs, (nowMs - startMs) * REST_SHARE);
  }

  #tell(): void {
    const discovery = this.#state();
    const text = JSON.stringify(discovery, (key, value) =>
      key === 'seenNs' || key === 'startedNs' ? undefined : value,
    );
    if (text === this.#published) return;
    this.#published = text;
    this.#parts.board.publish('discovery.changed', { discovery });
  }

  #state(): DiscoveryState {
    const searches = [...this.#searches.values()].map(({ search, state }) => ({
      ...state,
      found: this.#book.count(search.source),
    }));
    return {
      isSearching: this.#scout.isBusy || [...this.#searches.values()].some(({ look }) => look !== undefined),
      startedNs: this.#startedNs === null ? null : String(this.#startedNs),
      searches,
      found: [...this.#update()],
    };
  }
}

function running(search: Search): Running {
  return {
    search,
    state: { source: search.source, state: 'idle', found: 0 },
    look: undefined,
    watching: undefined,
    again: undefined,
    changes: undefined,
    isStale: false,
  };
}
