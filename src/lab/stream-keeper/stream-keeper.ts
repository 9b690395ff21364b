import type { RowSource } from '../../core/link-word.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { LabOutlet, LabStreamStats } from '../equipment.ts';
import type { LinkHealth } from '../link/link-view.ts';
import type { LabPorts } from '../ports.ts';
import { HoleFill } from './hole-fill.ts';
import { OutletSet } from './outlet-set.ts';
import type { PollResult } from './poller.ts';
import { Poller } from './poller.ts';
import { RateMeter } from './rate-meter.ts';
import type { Judged, KeeperStats } from './row-ledger.ts';
import { RowLedger } from './row-ledger.ts';
import { SilenceWatch } from './silence-watch.ts';
import type { ArrivedRows, KeeperRules, Skipped, StreamSpec } from './stream-spec.ts';

const CLOSED = 'The stream was closed before the hole was filled.';
const CUT_OFF = 'The connection ended before the hole was filled.';

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
  readonly #ports: LabPorts;
  readonly #rules: KeeperRules;
  readonly #outlets: OutletSet;
  readonly #ledger: RowLedger;
  readonly #fill: HoleFill;
  readonly #watch: SilenceWatch;
  readonly #rate = new RateMeter();
  #health: LinkHealth = 'stopped';
  #intervalMs = 0;
  #poller: Poller | undefined;
  /** Polls in a row without a new row. */
  #emptyPolls = 0;
  #hasRenewed = false;
  #isDisposed = false;

  constructor(spec: StreamSpec, ports: LabPorts, rules: KeeperRules, events: KeeperEvents) {
    this.spec = spec;
    this.#ports = ports;
    this.#rules = rules;
    this.#outlets = new OutletSet((source) => {
      this.stats.source = source;
      events.changed();
    });
    this.#ledger = new RowLedger(ports.clock, this.#outlets, (...loss) => events.loss(...loss));
    this.#fill = new HoleFill(ports.clock, rules, this.#ledger, {
      retake: (rows) => this.#takeLive(rows),
      release: (rows) => this.#release(rows),
    });
    this.#watch = new SilenceWatch(ports.clock, (silentMs) => this.#silent(silentMs));
  }

  get stats(): KeeperStats {
    return this.#ledger.stats;
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
    return this.#outlets.isSilentTold;
  }

  get isWanted(): boolean {
    return this.#outlets.size > 0;
  }

  /** The number and numbering the next row should have: for a resume and for desired lists. */
  get position(): { seq: number | undefined; epoch: string | number | undefined; lastNs: bigint | undefined } {
    const { nextSeq: seq, epoch, lastNs } = this.#ledger.order;
    return { seq, epoch, lastNs };
  }

  /** Nobody but this consumer wants it. */
  isOnlyFor(outlet: LabOutlet): boolean {
    return this.#outlets.size === 1 && this.#outlets.has(outlet);
  }

  /** One more consumer, or another interval of it. */
  want(outlet: LabOutlet, intervalMs: number): void {
    this.#outlets.add(outlet, intervalMs);
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
    if (health === 'live' || before === 'stopped') this.#watch.alive();
    if (health === 'live') this.spec.start(this.#intervalMs);
    if (health === 'stopped') {
      this.#watch.off();
      this.#stopPolling();
      this.#fill.end(CUT_OFF);
      this.#outlets.tellSilent(reason || 'Disconnected.');
      return;
    }
    this.#watch.on(this.#silentMs());
    if (health === 'down' || (health === 'live' && this.spec.isOnlyPolled?.())) this.#startPolling(reason);
  }

  /** Columns or rate, before the first rows and when they change. Rate 0: they come when they come. */
  opened(form: { columns: readonly ColumnInfo[]; rateHz: number }): void {
    this.#fill.end('The columns of the stream changed.');
    this.#outlets.opened(form);
  }

  /** Live rows. Ignored before `opened`. All taken, or held, when it returns. */
  push(rows: ArrivedRows): void {
    if (this.#isDisposed || !this.#outlets.isOpen || rows.rows === 0) return;
    this.#watch.alive();
    this.#rate.add(rows.rows, this.#ports.clock.monotonicMs());
    this.#hasRenewed = false;
    this.#emptyPolls = 0;
    this.#stopPolling();
    this.#outlets.tellSource('live', '');
    if (this.#fill.isRunning) this.#fill.hold(rows);
    else this.#takeLive(rows);
  }

  /** The server said that `skipped.rows` rows from number `seq` will not come. */
  declare(seq: number, skipped: Skipped): void {
    this.#ledger.order.declare(seq, skipped);
  }

  /** Something may be missing before the next live rows, for that reason: a resume that failed, a server that says it dropped. */
  broken(reason: string): void {
    this.#ledger.broken ??= reason;
  }

  /** The server gives every row since the last one: what is missing all the same, nothing explains. */
  mended(): void {
    this.#ledger.broken = undefined;
  }

  /** Rate as of now, for the statistics. */
  refreshStats(): LabStreamStats {
    this.stats.rateHz = this.#rate.rateHz(this.#ports.clock.monotonicMs());
    return this.stats;
  }

  /** It ends. Rows that wait for a hole came, and may be acknowledged: they go out before, to who still wants it, with their gap. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#stopPolling();
    this.#watch[Symbol.dispose]();
    this.#fill.close(CLOSED);
    this.#fill[Symbol.dispose]();
    if (this.#health === 'live') this.spec.stop();
  }

  #agreeInterval(): void {
    const shortest = this.#outlets.shortestMs;
    if (shortest === this.#intervalMs) return;
    this.#intervalMs = shortest;
    if (this.#health === 'live') this.spec.start(shortest);
    if (this.#health !== 'stopped') this.#watch.on(this.#silentMs());
    if (!this.#poller) return;
    this.#stopPolling();
    this.#startPolling('');
  }

  #silentMs(): number {
    return Math.max(this.#rules.silentIntervals * this.#intervalMs, this.#rules.silentMs);
  }

  #silent(silentMs: number): void {
    // A server that waits for acknowledgements sends nothing while rows wait for a hole to be filled: that has a limit of its own.
    if (this.#fill.isRunning) {
      this.#watch.alive();
      return;
    }
    const reason = `No rows for ${(silentMs / 1000).toFixed(1)} s.`;
    this.#interrupted(reason);
    if (this.#health === 'live' && !this.#hasRenewed) {
      this.#hasRenewed = true;
      this.spec.renew?.(reason);
    }
    this.#startPolling(reason);
  }

  /** Live rows stopped: what follows is after a hole. */
  #interrupted(reason: string): void {
    this.#fill.pause(CUT_OFF, reason);
    this.#ledger.broken ??= reason;
  }

  #startPolling(reason: string): void {
    if (this.#poller || this.#isDisposed) return;
    const poll = this.spec.poll?.bind(this.spec);
    if (!poll) {
      this.#outlets.tellSilent(reason || 'The connection is down.');
      return;
    }
    this.#poller = new Poller(this.#ports.clock, poll, this.#intervalMs, this.#rules, (result) => this.#polled(result));
  }

  #stopPolling(): void {
    this.#poller?.[Symbol.dispose]();
    this.#poller = undefined;
  }

  #polled({ rows, error }: PollResult): void {
    if (error) this.#outlets.tellSilent(error.message);
    if (error || !this.#outlets.isOpen) return;
    const judged = rows && rows.rows > 0 ? this.#judge(rows) : undefined;
    if (!judged) {
      this.#emptyPolls++;
      if (this.#emptyPolls >= EMPTY_POLLS) this.#outlets.tellSilent('The server answers, but has no new rows.');
      return;
    }
    this.#emptyPolls = 0;
    this.#outlets.tellSource('polled', `Polled each ${this.pollMs / 1000} s.`);
    this.#deliver(judged, 'polled');
    // Numbered rows leave no doubt what is missing between them and the next live ones.
    this.#ledger.hasPolled = judged.rows.seq === undefined;
  }

  #takeLive(rows: ArrivedRows): void {
    const judged = this.#judge(rows);
    if (!judged) return;
    const fill = this.spec.fill?.bind(this.spec);
    if (judged.hole && fill && !this.#ledger.hasPolled && this.#health === 'live')
      this.#fill.begin(judged, judged.hole, fill);
    else this.#deliver(judged, rows.isReplay ? 'filled' : 'live');
  }

  /** Rows kept from before take their place first where these are of another numbering. */
  #judge(rows: ArrivedRows): Judged | undefined {
    this.#fill.meet(rows);
    return this.#ledger.judge(rows, this.#intervalMs);
  }

  /** Rows kept from before lie in the hole before these, or follow them. */
  #deliver(judged: Judged, source: RowSource): void {
    if (judged.hole && this.#fill.hasKept) {
      this.#fill.releaseKept();
      const again = this.#ledger.judge(judged.rows, this.#intervalMs);
      if (again) this.#ledger.deliver(again, source);
      return;
    }
    this.#ledger.deliver(judged, source);
    this.#fill.meet(judged.rows);
  }

  /** Held rows go out; what is missing before them is a gap. */
  #release(rows: ArrivedRows): void {
    const judged = this.#ledger.judge(rows, this.#intervalMs);
    if (judged) this.#ledger.deliver(judged, rows.isReplay ? 'filled' : 'live');
  }
}
