import type { LabError } from '../../core/errors.ts';
import type { RowSource } from '../../core/link-word.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { LabOutlet, LabRows, LabStreamStats } from '../equipment.ts';
import type { LinkHealth } from '../link/link-view.ts';
import type { LabPorts } from '../ports.ts';
import { HeldRows } from './held-rows.ts';
import type { PollResult } from './poller.ts';
import { Poller } from './poller.ts';
import { RateMeter } from './rate-meter.ts';
import type { Verdict } from './row-order.ts';
import { cutToHole, RowOrder, sliceRows } from './row-order.ts';
import { movedS, orderedTimes } from './row-times.ts';
import type { ArrivedRows, Hole, KeeperRules, Skipped, StreamSpec } from './stream-spec.ts';

/** So many polls without a new row, and the stream counts as silent. */
const EMPTY_POLLS = 3;

/** What a keeper tells those around it. */
export interface KeeperEvents {
  /** How it gets its rows changed. */
  changed(): void;
  /** Rows are lost for good; `isUnaccounted`: nothing explains it. */
  loss(lost: number, reason: string, isUnaccounted: boolean): void;
}

/**
 * One wanted stream of a server, over any number of connections. Live rows come by `push`; silent for max(3 × interval, 2 s), or on a link that is
 * down, it polls; when live rows return it fills the hole, or declares it, and goes on.
 */
export class StreamKeeper implements Disposable {
  readonly spec: StreamSpec;
  readonly stats: LabStreamStats & {
    /** Left out by the server because fewer were asked for. */
    thinned: number;
  } = {
    rows: 0,
    duplicates: 0,
    lost: 0,
    unaccounted: 0,
    filled: 0,
    source: 'silent',
    latencyMs: Number.NaN,
    rateHz: 0,
    thinned: 0,
  };
  readonly #ports: LabPorts;
  readonly #rules: KeeperRules;
  readonly #events: KeeperEvents;
  readonly #outlets = new Map<LabOutlet, number>();
  readonly #order = new RowOrder();
  readonly #rate = new RateMeter();
  readonly #held: HeldRows;
  #info: { columns: readonly ColumnInfo[]; rateHz: number } | undefined;
  #health: LinkHealth = 'stopped';
  #intervalMs = 0;
  #poller: Poller | undefined;
  #watch: Disposable | undefined;
  /** Monotonic ms of the last live rows, or since when they could come. */
  #aliveMs = 0;
  /** Why rows may be missing before the next live ones; undefined: nothing happened. */
  #broken: string | undefined;
  /** Polled rows stand in the present hole. */
  #hasPolled = false;
  #hasRenewed = false;
  /** The loss of the present hole was told when it was seen. */
  #isTold = false;
  #isSilentTold = false;
  /** The watchdog barked and nothing changed since. */
  #hasBarked = false;
  /** Polls in a row without a new row. */
  #emptyPolls = 0;
  #fill: { stop: AbortController; timer: Disposable; hole: Hole } | undefined;
  #isDisposed = false;

  constructor(spec: StreamSpec, ports: LabPorts, rules: KeeperRules, events: KeeperEvents) {
    this.spec = spec;
    this.#ports = ports;
    this.#rules = rules;
    this.#events = events;
    this.#held = new HeldRows(rules.holdRows);
  }

  /** Asked for by any consumer, the shortest; ms. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  get pollMs(): number {
    return Math.max(this.#intervalMs, this.#rules.minPollMs);
  }

  get isPolled(): boolean {
    return this.stats.source === 'polled';
  }

  /** Neither way gives rows, and that was told. */
  get isSilent(): boolean {
    return this.#isSilentTold;
  }

  get isWanted(): boolean {
    return this.#outlets.size > 0;
  }

  /** The number and numbering the next row should have: for a resume and for desired lists. */
  get position(): { seq: number | undefined; epoch: string | number | undefined; lastNs: bigint | undefined } {
    return { seq: this.#order.nextSeq, epoch: this.#order.epoch, lastNs: this.#order.lastNs };
  }

  /** One more consumer, or another interval of it. */
  want(outlet: LabOutlet, intervalMs: number): void {
    const isNew = !this.#outlets.has(outlet);
    this.#outlets.set(outlet, intervalMs);
    if (isNew && this.#info) outlet.opened(this.#info);
    if (isNew && this.stats.source !== 'silent') outlet.source(this.stats.source, '');
    this.#agreeInterval();
  }

  unwant(outlet: LabOutlet): void {
    if (this.#outlets.delete(outlet) && this.#outlets.size > 0) this.#agreeInterval();
  }

  /** The link changed. On `live` the stream is asked for. */
  setHealth(health: LinkHealth, reason: string): void {
    if (health === this.#health || this.#isDisposed) return;
    const before = this.#health;
    this.#health = health;
    if (before === 'live') this.#interrupted(reason || 'The connection ended.');
    if (health === 'live') {
      this.#watchAnew();
      this.spec.start(this.#intervalMs);
    } else if (before === 'stopped') this.#watchAnew();
    if (health === 'stopped') this.#stopped(reason);
    else if (health === 'down') this.#startPolling(reason);
    else if (health === 'live' && this.spec.isOnlyPolled?.()) this.#startPolling(reason);
    this.#arm();
  }

  /** Columns or rate, before the first rows and when they change. Rate 0: they come when they come. */
  opened(info: { columns: readonly ColumnInfo[]; rateHz: number }): void {
    this.#endFill('The columns of the stream changed.');
    this.#info = info;
    for (const outlet of this.#outlets.keys()) outlet.opened(info);
  }

  /** Live rows. Ignored before `opened`. All taken, or held, when it returns. */
  push(rows: ArrivedRows): void {
    if (this.#isDisposed || !this.#info || rows.rows === 0) return;
    const now = this.#ports.clock.monotonicMs();
    this.#aliveMs = now;
    this.#rate.add(rows.rows, now);
    this.#isLive();
    if (!this.#fill) {
      this.#takeLive(rows);
      return;
    }
    this.#held.add(rows);
    if (this.#held.isFull) this.#endFill('The hole could not be filled before too many live rows waited.');
  }

  /** The server said that `skipped.rows` rows from number `seq` will not come. */
  declare(seq: number, skipped: Skipped): void {
    this.#order.declare(seq, skipped);
  }

  /** Something may be missing before the next live rows, for that reason: a resume that failed, a server that says it dropped. */
  broken(reason: string): void {
    this.#broken ??= reason;
  }

  /** The server gives every row since the last one: what is missing all the same, nothing explains. */
  mended(): void {
    this.#broken = undefined;
  }

  /** Rate as of now, for the statistics. */
  refreshStats(): LabStreamStats {
    this.stats.rateHz = this.#rate.rateHz(this.#ports.clock.monotonicMs());
    return this.stats;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#stopPolling();
    this.#watch?.[Symbol.dispose]();
    this.#fill?.timer[Symbol.dispose]();
    this.#fill?.stop.abort();
    this.#fill = undefined;
    if (this.#health === 'live') this.spec.stop();
  }

  #agreeInterval(): void {
    const shortest = Math.min(...this.#outlets.values());
    if (shortest === this.#intervalMs) return;
    this.#intervalMs = shortest;
    if (this.#health === 'live') this.spec.start(shortest);
    if (this.#poller) {
      this.#stopPolling();
      this.#startPolling('');
    }
    this.#arm();
  }

  #silentMs(): number {
    return Math.max(this.#rules.silentIntervals * this.#intervalMs, this.#rules.silentMs);
  }

  /** One timer looks at the time of the last rows; rows only note it. */
  #arm(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (this.#isDisposed || this.#health === 'stopped' || this.#hasBarked) return;
    const { clock } = this.#ports;
    const wait = Math.max(0, this.#aliveMs + this.#silentMs() - clock.monotonicMs());
    this.#watch = clock.after(wait, () => this.#look());
  }

  #look(): void {
    this.#watch = undefined;
    const now = this.#ports.clock.monotonicMs();
    // A server that waits for acknowledgements sends nothing while rows wait for a hole to be filled: that has a limit of its own.
    if (this.#fill) this.#aliveMs = now;
    const silent = now - this.#aliveMs;
    if (silent < this.#silentMs()) {
      this.#arm();
      return;
    }
    this.#hasBarked = true;
    const reason = `No rows for ${(silent / 1000).toFixed(1)} s.`;
    this.#interrupted(reason);
    if (this.#health === 'live' && !this.#hasRenewed) {
      this.#hasRenewed = true;
      this.spec.renew?.(reason);
    }
    this.#startPolling(reason);
  }

  /** Rows could come from now on. */
  #watchAnew(): void {
    this.#aliveMs = this.#ports.clock.monotonicMs();
    this.#hasBarked = false;
  }

  #startPolling(reason: string): void {
    if (this.#poller || this.#isDisposed) return;
    const poll = this.spec.poll?.bind(this.spec);
    if (!poll) {
      this.#tellSilent(reason || 'The connection is down.');
      return;
    }
    this.#poller = new Poller(this.#ports.clock, poll, this.#intervalMs, this.#rules, (result) => this.#polled(result));
  }

  #stopPolling(): void {
    this.#poller?.[Symbol.dispose]();
    this.#poller = undefined;
  }

  #polled({ rows, error }: PollResult): void {
    if (error) this.#tellSilent(error.message);
    if (error || !this.#info) return;
    const verdict = rows && this.#order.judge(rows);
    this.stats.duplicates += verdict?.duplicates ?? 0;
    if (!rows || !verdict || verdict.duplicates === rows.rows) {
      this.#emptyPolls++;
      if (this.#emptyPolls >= EMPTY_POLLS) this.#tellSilent('The server answers, but has no new rows.');
      return;
    }
    this.#emptyPolls = 0;
    this.#tellSource('polled', `Polled each ${this.pollMs / 1000} s.`);
    const fresh = sliceRows(rows, verdict.duplicates, rows.rows);
    this.#closeHole(fresh, verdict, this.#hole(fresh, verdict), 'polled');
    // Numbered rows leave no doubt what is missing between them and the next live ones.
    this.#hasPolled = fresh.seq === undefined;
  }

  /** Live rows are here: polling ends. */
  #isLive(): void {
    this.#hasRenewed = false;
    this.#hasBarked = false;
    this.#emptyPolls = 0;
    this.#stopPolling();
    this.#tellSource('live', '');
    if (!this.#watch) this.#arm();
  }

  #takeLive(rows: ArrivedRows): void {
    if (this.#isNumberedAnew(rows)) this.#order.renumber();
    const verdict = this.#order.judge(rows);
    this.stats.duplicates += verdict.duplicates;
    if (verdict.duplicates === rows.rows) return;
    const fresh = sliceRows(rows, verdict.duplicates, rows.rows);
    const hole = this.#hole(fresh, verdict);
    if (hole && this.spec.fill && !this.#hasPolled && this.#health === 'live') this.#beginFill(hole, fresh, verdict);
    else this.#closeHole(fresh, verdict, hole, rows.isReplay ? 'filled' : 'live');
  }

  /** After a new connection rows with lower numbers but later times, of no named numbering: the server began anew. */
  #isNumberedAnew({ seq, epoch, rows, timesNs }: ArrivedRows): boolean {
    const { nextSeq, lastNs } = this.#order;
    return (
      this.#broken !== undefined &&
      epoch === undefined &&
      seq !== undefined &&
      nextSeq !== undefined &&
      lastNs !== undefined &&
      seq + rows <= nextSeq &&
      (timesNs[0] ?? 0n) > lastNs
    );
  }

  /** What is missing before these rows and was not named by the server. */
  #hole(rows: ArrivedRows, { missing, skipped, isRenumbered }: Verdict): Hole | undefined {
    const { lastNs, nextSeq, epoch } = this.#order;
    if (lastNs === undefined) return undefined;
    const toNs = rows.timesNs[0] ?? lastNs;
    const open = missing - (skipped?.rows ?? 0);
    if (open > 0) return { fromNs: lastNs, toNs, fromSeq: nextSeq, rows: missing, epoch };
    const isNumbered = rows.seq !== undefined && nextSeq !== undefined;
    if (isRenumbered) return { fromNs: lastNs, toNs };
    if (isNumbered || this.#broken === undefined) return undefined;
    // Without numbers only the time tells: two intervals are no hole.
    const usualNs = BigInt(Math.round((2 * this.#intervalMs + 20) * 1e6));
    return toNs - lastNs > usualNs ? { fromNs: lastNs, toNs } : undefined;
  }

  /** Delivers rows after declaring what is missing before them. */
  #closeHole(rows: ArrivedRows, verdict: Verdict, hole: Hole | undefined, source: RowSource): void {
    const { skipped, missing } = verdict;
    const named = skipped?.rows ?? 0;
    const open = missing - named;
    let lost = 0;
    let reason: string | undefined;
    if (skipped?.isThinned) this.stats.thinned += named;
    else if (named > 0) {
      lost = named;
      reason = skipped?.reason;
      this.#countLoss(named, reason ?? '', false);
    }
    if (open > 0) {
      const why = this.#broken ?? (this.#hasPolled ? 'Polled meanwhile.' : 'Rows are missing and nothing says why.');
      this.#countLoss(open, why, this.#broken === undefined && !this.#hasPolled);
      if (this.#hasPolled) {
        lost += open;
        reason ??= why;
      } else this.#gapBefore(rows.timesNs[0] ?? 0n, open, why);
    } else if (hole && !this.#hasPolled) {
      this.#gapBefore(hole.toNs, 0, this.#broken ?? 'The server began its numbering anew.');
    }
    this.#broken = undefined;
    this.#hasPolled = false;
    this.#deliver(rows, source, lost, reason);
  }

  #countLoss(lost: number, reason: string, isUnaccounted: boolean): void {
    this.stats.lost += lost;
    if (isUnaccounted) this.stats.unaccounted += lost;
    if (!this.#isTold) this.#events.loss(lost, reason, isUnaccounted);
  }

  #gapBefore(toNs: bigint, lost: number, reason: string): void {
    const fromNs = this.#order.lastNs;
    if (fromNs === undefined || (toNs <= fromNs && lost === 0)) return;
    const gap = { fromNs, toNs: toNs > fromNs ? toNs : fromNs, lost, reason };
    for (const outlet of this.#outlets.keys()) outlet.gap(gap);
  }

  #beginFill(hole: Hole, first: ArrivedRows, { missing, skipped }: Verdict): void {
    const fill = this.spec.fill?.bind(this.spec);
    if (!fill) return;
    if (hole.rows !== undefined && this.#broken === undefined) {
      // A fault of the server: told even if the rows can still be had, and told once.
      const lost = missing - (skipped?.rows ?? 0);
      this.#broken = 'Rows are missing and nothing says why.';
      this.stats.unaccounted += lost;
      this.#events.loss(lost, `${this.#broken} They are asked for.`, true);
      this.#isTold = true;
    }
    const stop = new AbortController();
    const timer = this.#ports.clock.after(this.#rules.holdMs, () =>
      this.#endFill(`The hole could not be filled within ${this.#rules.holdMs / 1000} s.`, true),
    );
    this.#fill = { stop, timer, hole };
    this.#held.add(first);
    fill(hole, stop.signal).then(
      (filled) => this.#filled(stop, filled),
      (thrown: unknown) => this.#fillFailed(stop, thrown),
    );
  }

  #filled(stop: AbortController, filled: readonly ArrivedRows[]): void {
    const fill = this.#fill;
    if (fill?.stop !== stop) return;
    const end = this.#held.first;
    for (const rows of end ? filled : []) if (end) this.#takeFilled(rows, fill.hole, end);
    this.#endFill(undefined, true);
  }

  #fillFailed(stop: AbortController, thrown: unknown): void {
    if (this.#fill?.stop !== stop) return;
    const text = thrown instanceof Error ? (thrown as LabError).message : String(thrown);
    this.#endFill(`The hole could not be filled: ${text}`, true);
  }

  #takeFilled(rows: ArrivedRows, hole: Hole, end: ArrivedRows): void {
    const cut = cutToHole(rows, hole, end);
    if (cut.rows === 0) return;
    const { duplicates, missing } = this.#order.judge(cut);
    if (duplicates === cut.rows) return;
    const fresh = sliceRows(cut, duplicates, cut.rows);
    if (missing > 0) {
      const why = this.#broken ?? 'The server does not have these rows any more.';
      this.#countLoss(missing, why, false);
      this.#gapBefore(fresh.timesNs[0] ?? 0n, missing, why);
    }
    this.stats.filled += fresh.rows;
    this.#deliver(fresh, 'filled', 0, undefined, hole);
  }

  /** The fill is over, well or not: what was held goes out. `isGoingOn`: another hole among it is filled in its turn. */
  #endFill(reason: string | undefined, isGoingOn = false): void {
    const fill = this.#fill;
    if (!fill) return;
    this.#fill = undefined;
    fill.timer[Symbol.dispose]();
    fill.stop.abort();
    if (reason !== undefined && this.#broken !== undefined) this.#broken = `${this.#broken} ${reason}`;
    const [first, ...others] = this.#held.takeAll();
    if (first) this.#release(first);
    this.#isTold = false;
    for (const rows of others) {
      if (this.#fill) this.#held.add(rows);
      else if (isGoingOn) this.#takeLive(rows);
      else this.#release(rows);
    }
  }

  /** Held rows go out; what is missing before them is a gap. */
  #release(rows: ArrivedRows): void {
    const verdict = this.#order.judge(rows);
    this.stats.duplicates += verdict.duplicates;
    if (verdict.duplicates === rows.rows) return;
    const fresh = sliceRows(rows, verdict.duplicates, rows.rows);
    this.#closeHole(fresh, verdict, this.#hole(fresh, verdict), rows.isReplay ? 'filled' : 'live');
  }

  #deliver(rows: ArrivedRows, source: RowSource, lost: number, reason: string | undefined, hole?: Hole): void {
    const nowNs = this.#ports.clock.nowNs();
    const timesNs = orderedTimes(rows, this.#order.lastNs, nowNs);
    const taken = timesNs === rows.timesNs ? rows : { ...rows, timesNs };
    this.#order.take(taken, hole);
    this.stats.rows += rows.rows;
    if (rows.isReplay) this.stats.filled += rows.rows;
    const last = timesNs[rows.rows - 1];
    if (source === 'live' && last !== undefined) this.#latency(Number(nowNs - last) / 1e6);
    const out: LabRows = {
      columns: rows.columns,
      rows: rows.rows,
      timesNs,
      uncertaintyS: rows.uncertaintyS + movedS(rows.timesNs, timesNs),
      source,
      lost,
      reason,
    };
    for (const outlet of this.#outlets.keys()) outlet.rows(out);
  }

  #latency(ms: number): void {
    const { latencyMs } = this.stats;
    this.stats.latencyMs = Number.isNaN(latencyMs) ? ms : latencyMs + (ms - latencyMs) / 16;
  }

  /** Live rows stopped: those held go out, and what follows is after a hole. */
  #interrupted(reason: string): void {
    this.#endFill('The connection ended before the hole was filled.');
    this.#broken ??= reason;
  }

  #stopped(reason: string): void {
    this.#stopPolling();
    this.#tellSilent(reason || 'Disconnected.');
  }

  #tellSource(source: RowSource, reason: string): void {
    if (this.stats.source === source && !this.#isSilentTold) return;
    this.stats.source = source;
    this.#isSilentTold = false;
    for (const outlet of this.#outlets.keys()) outlet.source(source, reason);
    this.#events.changed();
  }

  #tellSilent(reason: string): void {
    if (this.#isSilentTold) return;
    this.#isSilentTold = true;
    this.stats.source = 'silent';
    for (const outlet of this.#outlets.keys()) outlet.source('silent', reason);
    this.#events.changed();
  }
}
