import type { ArrivedRows, Hole, Skipped } from './stream-spec.ts';

/** What is to be made of some rows. */
export interface Verdict {
  /** Leading rows that were delivered already; all: `rows`. */
  duplicates: number;
  /** Rows missing by the numbering just before the first new one. */
  missing: number;
  /** Of those, what the server said it left out. */
  skipped: Skipped | undefined;
  /** The numbering began anew. */
  isRenumbered: boolean;
}

/** A stamp so much older than the newest is no repeat: the clock of the server was set. In the unit of stamps, s. */
const STAMP_RESET = 60;

/** Keeps the place in one stream: which row comes next, by number or else by source time. */
export class RowOrder {
  /** Number of the next row; undefined: rows are not numbered, none came, or the last ones came without theirs. */
  nextSeq: number | undefined;
  epoch: string | number | undefined;
  /** Our time of the newest row delivered; undefined: none was. */
  lastNs: bigint | undefined;
  #lastStamp = Number.NEGATIVE_INFINITY;
  #declared: { seq: number; skipped: Skipped }[] = [];

  /** The server said that `rows` rows from number `seq` are lost; at most 100 such words wait for the row after them. */
  declare(seq: number, skipped: Skipped): void {
    this.#declared.push({ seq, skipped });
    if (this.#declared.length > 100) this.#declared.shift();
  }

  judge(rows: ArrivedRows): Verdict {
    if (rows.seq === undefined) return this.#judgeByTime(rows);
    const isRenumbered = this.nextSeq !== undefined && rows.epoch !== this.epoch;
    // No number to compare with: polled rows came without, and windows overlap what was polled.
    if (this.nextSeq === undefined) return this.#judgeByTime(rows);
    if (isRenumbered) return { duplicates: 0, missing: 0, skipped: undefined, isRenumbered };
    const missing = Math.max(0, rows.seq - this.nextSeq);
    return {
      duplicates: Math.min(rows.rows, Math.max(0, this.nextSeq - rows.seq)),
      missing,
      skipped: missing > 0 ? this.#explain(rows, missing) : undefined,
      isRenumbered,
    };
  }

  /** These rows (after cutting) are delivered. */
  take(rows: ArrivedRows, hole?: Hole): void {
    if (rows.seq !== undefined) {
      this.nextSeq = rows.seq + rows.rows;
      this.epoch = rows.epoch;
      const next = this.nextSeq;
      this.#declared = this.#declared.filter(({ seq, skipped }) => seq + skipped.rows > next);
    } else if (hole?.fromSeq !== undefined && this.nextSeq !== undefined) {
      // Filled rows without numbers stand for numbers of the hole.
      this.nextSeq = Math.min(this.nextSeq + rows.rows, hole.fromSeq + (hole.rows ?? 0));
    } else if (!hole && rows.stamps) {
      // They have numbers that nobody knows: the next numbered rows are told apart by their stamps, and number from anew.
      this.nextSeq = undefined;
    }
    const stamp = rows.stamps?.[rows.rows - 1];
    if (stamp !== undefined) this.#lastStamp = stamp;
    this.lastNs = rows.timesNs[rows.rows - 1] ?? this.lastNs;
  }

  /** The server numbers from anew without saying so (a restart). */
  renumber(): void {
    this.nextSeq = undefined;
    this.epoch = undefined;
    this.#declared = [];
  }

  #judgeByTime({ stamps, rows }: ArrivedRows): Verdict {
    let duplicates = 0;
    if (stamps && !((stamps[rows - 1] ?? 0) < this.#lastStamp - STAMP_RESET)) {
      while (duplicates < rows && (stamps[duplicates] ?? 0) <= this.#lastStamp) duplicates++;
    }
    return { duplicates, missing: 0, skipped: undefined, isRenumbered: false };
  }

  /** What of the missing rows the server named, on the rows themselves or before. */
  #explain({ skipped, seq = 0 }: ArrivedRows, missing: number): Skipped | undefined {
    if (skipped) return { ...skipped, rows: Math.min(missing, skipped.rows) };
    const from = seq - missing;
    let named: Skipped | undefined;
    for (const declared of this.#declared) {
      const overlap = Math.min(seq, declared.seq + declared.skipped.rows) - Math.max(from, declared.seq);
      if (overlap > 0)
        named = { ...declared.skipped, rows: Math.min(missing, (named?.rows ?? 0) + overlap), isThinned: false };
    }
    return named;
  }
}

/** Rows `from` up to `to`, as views. */
export function sliceRows(rows: ArrivedRows, from: number, to: number): ArrivedRows {
  if (from === 0 && to === rows.rows) return rows;
  return {
    ...rows,
    columns: rows.columns.map((column) => column.subarray(from, to)),
    rows: to - from,
    timesNs: rows.timesNs.subarray(from, to),
    seq: rows.seq === undefined ? undefined : rows.seq + from,
    skipped: from === 0 ? rows.skipped : undefined,
    stamps: rows.stamps?.subarray(from, to),
  };
}

/** Filled rows cut to the hole: nothing at or after the row that ends it. `end`: that row. */
export function cutToHole(rows: ArrivedRows, hole: Hole, end: ArrivedRows): ArrivedRows {
  let to = rows.rows;
  if (rows.seq !== undefined && end.seq !== undefined && rows.epoch === end.epoch)
    to = Math.min(to, Math.max(0, end.seq - rows.seq));
  else if (rows.stamps && end.stamps) {
    const first = end.stamps[0] ?? Number.POSITIVE_INFINITY;
    while (to > 0 && (rows.stamps[to - 1] ?? 0) >= first) to--;
  } else while (to > 0 && (rows.timesNs[to - 1] ?? 0n) >= hole.toNs) to--;
  let from = 0;
  if (rows.seq === undefined && !rows.stamps) while (from < to && (rows.timesNs[from] ?? 0n) <= hole.fromNs) from++;
  return sliceRows(rows, from, Math.max(from, to));
}
