import type { Clock } from '../../core/clock.ts';
import { HeldRows } from './held-rows.ts';
import type { Judged, RowLedger } from './row-ledger.ts';
import type { ArrivedRows, Hole, KeeperRules, StreamSpec } from './stream-spec.ts';

/** What becomes of held rows: `judge` them again, another hole among them included, or `release` them with a gap. */
export interface HoleFillEnd {
  retake(rows: ArrivedRows): void;
  release(rows: ArrivedRows): void;
}

/**
 * Fills one hole at a time: live rows wait, so many and so long, until the server has given what it kept. When the connection ends meanwhile, the rows that wait
 * are kept as long again: on the next connection the server may give the hole and all after it.
 */
export class HoleFill implements Disposable {
  readonly #clock: Clock;
  readonly #rules: KeeperRules;
  readonly #ledger: RowLedger;
  readonly #end: HoleFillEnd;
  readonly #held: HeldRows;
  /** Numbered rows that waited when a connection ended, of one connection after the other; before each there may be a hole. */
  #kept: ArrivedRows[][] = [];
  /** Why rows may be missing behind them. */
  #keptFor = '';
  #keeping: Disposable | undefined;
  #fill: { stop: AbortController; timer: Disposable; hole: Hole } | undefined;

  constructor(clock: Clock, rules: KeeperRules, ledger: RowLedger, end: HoleFillEnd) {
    this.#clock = clock;
    this.#rules = rules;
    this.#ledger = ledger;
    this.#end = end;
    this.#held = new HeldRows(rules.holdRows);
  }

  get isRunning(): boolean {
    return this.#fill !== undefined;
  }

  /** Rows kept over the end of a connection; they are no duplicates as long as the hole before them is open. */
  get hasKept(): boolean {
    return this.#kept.length > 0;
  }

  /** `judged`: the first rows after the hole. */
  begin(judged: Judged, hole: Hole, fill: NonNullable<StreamSpec['fill']>): void {
    this.#ledger.tellHole(judged);
    // What is kept waits for this answer now.
    this.#keeping?.[Symbol.dispose]();
    this.#keeping = undefined;
    const stop = new AbortController();
    const timer = this.#clock.after(this.#rules.holdMs, () =>
      this.end(`The hole could not be filled within ${this.#rules.holdMs / 1000} s.`, true),
    );
    this.#fill = { stop, timer, hole };
    this.#held.add(judged.rows);
    fill(hole, stop.signal).then(
      (filled) => this.#filled(stop, filled),
      (thrown: unknown) => this.#failed(stop, thrown),
    );
  }

  /** Live rows while it runs: copied, they wait. */
  hold(rows: ArrivedRows): void {
    this.#held.add(rows);
    if (this.#held.isFull) this.end('The hole could not be filled before too many live rows waited.');
  }

  /** It is over, well or not: what was held goes out. `isGoingOn`: another hole among it is filled in its turn. */
  end(reason: string | undefined, isGoingOn = false): void {
    const fill = this.#fill;
    if (!fill) {
      this.releaseKept();
      return;
    }
    this.#forget(fill);
    const { broken } = this.#ledger;
    if (reason !== undefined && broken !== undefined) this.#ledger.broken = `${broken} ${reason}`;
    this.releaseKept();
    const [first, ...others] = this.#held.takeAll();
    if (first) this.#end.release(first);
    this.#ledger.holeIsOver();
    for (const rows of others) {
      if (this.#fill) this.#held.add(rows);
      else if (isGoingOn) this.#end.retake(rows);
      else this.#end.release(rows);
    }
  }

  /** The connection ended, for `why`. What waits is kept for a while; without numbers nothing would tell it from rows sent again, so it goes out. */
  pause(reason: string, why: string): void {
    const fill = this.#fill;
    const isNumbered = this.#held.first?.seq !== undefined;
    if (!fill || !isNumbered) {
      if (fill) this.end(reason);
      return;
    }
    this.#forget(fill);
    this.#ledger.holeIsOver();
    this.#kept = [...this.#takeKept(), this.#held.takeAll()];
    this.#keptFor = why;
    if (this.#kept.flat().reduce((sum, { rows }) => sum + rows, 0) > this.#rules.holdRows) this.releaseKept(reason);
    else this.#keeping = this.#clock.after(this.#rules.holdMs, () => this.releaseKept(reason));
  }

  /** Rows come again: of another numbering they follow those that are kept; else those go out once nothing is missing before them. */
  meet({ epoch }: ArrivedRows): void {
    const first = this.#kept[0]?.[0];
    if (!first) return;
    const { nextSeq } = this.#ledger.order;
    if (first.epoch !== epoch || (nextSeq ?? 0) >= (first.seq ?? 0)) this.releaseKept();
  }

  /** What is kept goes out; what is missing before it is a gap. Behind it is the end of the connection, so rows may be missing there, too. */
  releaseKept(reason?: string): void {
    if (!this.hasKept) return;
    const { broken } = this.#ledger;
    if (reason !== undefined && broken !== undefined) this.#ledger.broken = `${broken} ${reason}`;
    for (const group of this.#takeKept()) {
      this.#ledger.broken ??= broken ?? this.#keptFor;
      for (const rows of group) this.#end.release(rows);
    }
    this.#ledger.broken ??= broken ?? this.#keptFor;
  }

  /** The stream ends: nothing is filled any more, and all that waits goes out, with what is missing as a gap for that reason. */
  close(reason: string): void {
    if (this.#fill) this.end(reason);
    else this.releaseKept(reason);
  }

  /** What is held then is dropped: `close` comes before. */
  [Symbol.dispose](): void {
    if (this.#fill) this.#forget(this.#fill);
    this.#held.takeAll();
    this.#takeKept();
  }

  #takeKept(): ArrivedRows[][] {
    this.#keeping?.[Symbol.dispose]();
    this.#keeping = undefined;
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  #filled(stop: AbortController, filled: readonly ArrivedRows[]): void {
    const fill = this.#fill;
    if (fill?.stop !== stop) return;
    const end = this.#held.first;
    for (const rows of end ? filled : []) if (end) this.#ledger.deliverFilled(rows, fill.hole, end);
    this.end(undefined, true);
  }

  #failed(stop: AbortController, thrown: unknown): void {
    if (this.#fill?.stop !== stop) return;
    this.end(`The hole could not be filled: ${thrown instanceof Error ? thrown.message : String(thrown)}`, true);
  }

  #forget({ timer, stop }: { timer: Disposable; stop: AbortController }): void {
    this.#fill = undefined;
    timer[Symbol.dispose]();
    stop.abort();
  }
}
