import type { Clock } from '../../core/clock.ts';
import type { RowSource } from '../../core/link-word.ts';
import type { LabStreamStats } from '../equipment.ts';
import type { OutletSet } from './outlet-set.ts';
import type { Verdict } from './row-order.ts';
import { cutToHole, RowOrder, sliceRows } from './row-order.ts';
import { movedS, orderedTimes } from './row-times.ts';
import type { ArrivedRows, Hole } from './stream-spec.ts';

export interface KeeperStats extends LabStreamStats {
  /** Left out by the server because fewer were asked for. */
  thinned: number;
}

/** Rows that are new, what is missing before them, and what of that was not named by the server. */
export interface Judged {
  rows: ArrivedRows;
  verdict: Verdict;
  hole: Hole | undefined;
}

const UNEXPLAINED = 'Rows are missing and nothing says why.';
const RENUMBERED = 'The server began its numbering anew.';
const POLLED_LATE = 'What was polled does not reach back that far.';

/** Keeps the account of one stream: each row goes to its consumers once and in order, and what is missing is declared and counted. */
export class RowLedger {
  readonly order = new RowOrder();
  readonly stats: KeeperStats = {
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
  /** Why rows may be missing before the next ones; undefined: nothing happened. */
  broken: string | undefined;
  /** Rows without numbers were polled in the present hole. */
  hasPolled = false;
  readonly #clock: Clock;
  readonly #outlets: OutletSet;
  readonly #onLoss: (lost: number, reason: string, isUnaccounted: boolean) => void;
  /** The loss of the present hole was told when it was seen. */
  #isTold = false;

  constructor(
    clock: Clock,
    outlets: OutletSet,
    onLoss: (lost: number, reason: string, isUnaccounted: boolean) => void,
  ) {
    this.#clock = clock;
    this.#outlets = outlets;
    this.#onLoss = onLoss;
  }

  /** Counts what was delivered already; undefined: all of it. `intervalMs` of the stream tells a hole where there are no numbers. */
  judge(rows: ArrivedRows, intervalMs: number): Judged | undefined {
    if (this.#isNumberedAnew(rows)) this.order.renumber();
    const verdict = this.order.judge(rows);
    this.stats.duplicates += verdict.duplicates;
    if (verdict.duplicates === rows.rows) return undefined;
    const fresh = sliceRows(rows, verdict.duplicates, rows.rows);
    return { rows: fresh, verdict, hole: this.#hole(fresh, verdict, intervalMs) };
  }

  /** Delivers rows after declaring what is missing before them. */
  deliver({ rows, verdict, hole }: Judged, source: RowSource): void {
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
      const why = this.broken ?? (this.hasPolled ? 'Polled meanwhile.' : UNEXPLAINED);
      this.#countLoss(open, why, this.broken === undefined && !this.hasPolled);
      if (this.hasPolled) {
        lost += open;
        reason ??= why;
      } else this.#gapBefore(rows.timesNs[0] ?? 0n, open, why);
    } else if (hole && (!this.hasPolled || rows.isWindow)) {
      const why = this.hasPolled ? POLLED_LATE : RENUMBERED;
      // What ended the live rows explains nothing between two polls.
      const isAnew = verdict.isRenumbered && source === 'polled';
      this.#gapBefore(hole.toNs, 0, isAnew ? RENUMBERED : (this.broken ?? why));
    }
    // Numbered rows that are polled mend nothing: between the last of them and the first live one rows may be missing for the same reason.
    if (source !== 'polled' || rows.seq === undefined) this.broken = undefined;
    this.hasPolled = false;
    this.#hand(rows, source, lost, reason);
  }

  /** Rows of a hole that is filled; `end`: the row after it. What is missing among them the server has no more. */
  deliverFilled(filled: ArrivedRows, hole: Hole, end: ArrivedRows): void {
    const cut = cutToHole(filled, hole, end);
    if (cut.rows === 0) return;
    const { duplicates, missing } = this.order.judge(cut);
    if (duplicates === cut.rows) return;
    const rows = sliceRows(cut, duplicates, cut.rows);
    if (missing > 0) {
      const why = this.broken ?? 'The server does not have these rows any more.';
      this.#countLoss(missing, why, false);
      this.#gapBefore(rows.timesNs[0] ?? 0n, missing, why);
    }
    this.stats.filled += rows.rows;
    this.#hand(rows, 'filled', 0, undefined, hole);
  }

  /** A hole in the numbering that nothing explains is a fault of the server: told even if its rows can still be had, and told once. */
  tellHole({ verdict, hole }: Judged): void {
    if (hole?.rows === undefined || this.broken !== undefined) return;
    const lost = verdict.missing - (verdict.skipped?.rows ?? 0);
    this.broken = UNEXPLAINED;
    this.stats.unaccounted += lost;
    this.#onLoss(lost, `${UNEXPLAINED} They are asked for.`, true);
    this.#isTold = true;
  }

  /** That hole is closed. */
  holeIsOver(): void {
    this.#isTold = false;
  }

  /** After a new connection rows with lower numbers but later times, of no named numbering: the server began anew. */
  #isNumberedAnew({ seq, epoch, rows, timesNs }: ArrivedRows): boolean {
    const { nextSeq, lastNs } = this.order;
    return (
      this.broken !== undefined &&
      epoch === undefined &&
      seq !== undefined &&
      nextSeq !== undefined &&
      lastNs !== undefined &&
      seq + rows <= nextSeq &&
      (timesNs[0] ?? 0n) > lastNs
    );
  }

  #hole(
    rows: ArrivedRows,
    { duplicates, missing, skipped, isRenumbered }: Verdict,
    intervalMs: number,
  ): Hole | undefined {
    const { lastNs, nextSeq, epoch } = this.order;
    if (lastNs === undefined) return undefined;
    const toNs = rows.timesNs[0] ?? lastNs;
    const open = missing - (skipped?.rows ?? 0);
    if (open > 0) return { fromNs: lastNs, toNs, fromSeq: nextSeq, rows: missing, epoch };
    const isNumbered = rows.seq !== undefined && nextSeq !== undefined;
    if (isRenumbered) return { fromNs: lastNs, toNs };
    const isAfterPoll = this.hasPolled && rows.isWindow === true;
    if (isNumbered || (this.broken === undefined && !isAfterPoll)) return undefined;
    // A window that overlaps what was delivered leaves nothing out.
    if (rows.isWindow && duplicates > 0) return undefined;
    // Without numbers only the time tells: two intervals are no hole, of a window two of its rows.
    const usualMs = isAfterPoll && rows.rows > 1 ? spacingMs(rows) : intervalMs;
    const usualNs = BigInt(Math.round((2 * usualMs + 20) * 1e6));
    return toNs - lastNs > usualNs ? { fromNs: lastNs, toNs } : undefined;
  }

  #countLoss(lost: number, reason: string, isUnaccounted: boolean): void {
    this.stats.lost += lost;
    if (isUnaccounted) this.stats.unaccounted += lost;
    if (!this.#isTold) this.#onLoss(lost, reason, isUnaccounted);
  }

  #gapBefore(toNs: bigint, lost: number, reason: string): void {
    const fromNs = this.order.lastNs;
    if (fromNs === undefined || (toNs <= fromNs && lost === 0)) return;
    this.#outlets.gap({ fromNs, toNs: toNs > fromNs ? toNs : fromNs, lost, reason });
  }

  #hand(rows: ArrivedRows, source: RowSource, lost: number, reason: string | undefined, hole?: Hole): void {
    const nowNs = this.#clock.nowNs();
    const timesNs = orderedTimes(rows, this.order.lastNs, nowNs);
    this.order.take(timesNs === rows.timesNs ? rows : { ...rows, timesNs }, hole);
    this.stats.rows += rows.rows;
    if (rows.isReplay) this.stats.filled += rows.rows;
    const last = timesNs[rows.rows - 1];
    if (source === 'live' && last !== undefined) this.#latency(Number(nowNs - last) / 1e6);
    const uncertaintyS = rows.uncertaintyS + movedS(rows.timesNs, timesNs);
    this.#outlets.rows({ columns: rows.columns, rows: rows.rows, timesNs, uncertaintyS, source, lost, reason });
  }

  #latency(ms: number): void {
    const { latencyMs } = this.stats;
    this.stats.latencyMs = Number.isNaN(latencyMs) ? ms : latencyMs + (ms - latencyMs) / 16;
  }
}

/** Between the rows of a window; ms. */
function spacingMs({ rows, timesNs }: ArrivedRows): number {
  const spanNs = (timesNs[rows - 1] ?? 0n) - (timesNs[0] ?? 0n);
  return Number(spanNs) / 1e6 / (rows - 1);
}
