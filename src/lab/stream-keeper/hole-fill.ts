import type { Clock } from '../../core/clock.ts';
import { HeldRows } from './held-rows.ts';
import type { Judged, RowLedger } from './row-ledger.ts';
import type { ArrivedRows, Hole, KeeperRules, StreamSpec } from './stream-spec.ts';

/** What becomes of held rows: `judge` them again, another hole among them included, or `release` them with a gap. */
export interface HoleFillEnd {
  retake(rows: ArrivedRows): void;
  release(rows: ArrivedRows): void;
}

/** Fills one hole at a time: live rows wait, so many and so long, until the server has given what it kept. */
export class HoleFill implements Disposable {
  readonly #clock: Clock;
  readonly #rules: KeeperRules;
  readonly #ledger: RowLedger;
  readonly #end: HoleFillEnd;
  readonly #held: HeldRows;
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

  /** `judged`: the first rows after the hole. */
  begin(judged: Judged, hole: Hole, fill: NonNullable<StreamSpec['fill']>): void {
    this.#ledger.tellHole(judged);
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
    if (!fill) return;
    this.#forget(fill);
    const { broken } = this.#ledger;
    if (reason !== undefined && broken !== undefined) this.#ledger.broken = `${broken} ${reason}`;
    const [first, ...others] = this.#held.takeAll();
    if (first) this.#end.release(first);
    this.#ledger.holeIsOver();
    for (const rows of others) {
      if (this.#fill) this.#held.add(rows);
      else if (isGoingOn) this.#end.retake(rows);
      else this.#end.release(rows);
    }
  }

  /** What was held is dropped. */
  [Symbol.dispose](): void {
    if (this.#fill) this.#forget(this.#fill);
    this.#held.takeAll();
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
